/**
 * The floor of herd.ts (a script, see script.ts): uWebSockets.js alone, without cache or look-up. When the
 * requests have stopped coming it answers all of them from a body made before, as a gateway would that costs
 * nothing: a head and first bytes to each, then the rest as the kernel takes it.
 */
import { type HttpResponse, loadUws } from '../../native/uws.js';
import { bodyOf } from './bodies.js';
import { serveCalls } from './script.js';

const QUIET_MS = 1_000; // as long as the origin thinks
const FIRST_BYTES = 4_096;

/** What each waits for. */
const waiting = new Map<HttpResponse, Buffer>();
let answeredNs = 0n;
let timer: NodeJS.Timeout | undefined;

const app = loadUws().App();
app.get('/ready', (response) => {
  response.writeStatus('404 Not Found').end();
});
app.get('/herd/:size/:n', (response, request) => {
  const [size, n] = [request.getParameter(0), request.getParameter(1)];
  waiting.set(response, bodyOf(Number(size), Number(n)));
  response.onAborted(() => {
    waiting.delete(response);
  });
  timer ??= setTimeout(answerAll, QUIET_MS);
});

serveCalls({
  answeredNs: () => String(answeredNs),
  listen: (port: number) =>
    new Promise<void>((resolve, reject) => {
      app.listen('127.0.0.1', port, (socket) => {
        if (socket === false) reject(new Error(`nothing listens on ${port}`));
        else resolve();
      });
    }),
});

/** First bytes to all, then the bodies. */
function answerAll(): void {
  timer = undefined;
  answeredNs = process.hrtime.bigint();
  for (const [response, body] of waiting) {
    response.cork(() => {
      response.onWritable(() => goOn(response, body));
      response.tryEnd(body.subarray(0, FIRST_BYTES), body.length);
    });
  }
  for (const [response, body] of waiting) response.cork(() => goOn(response, body));
  waiting.clear();
}

/** True: the kernel has taken all of it. */
function goOn(response: HttpResponse, body: Buffer): boolean {
  const [ok] = response.tryEnd(body.subarray(response.getWriteOffset()), body.length);
  return ok;
}
