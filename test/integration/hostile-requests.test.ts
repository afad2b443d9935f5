/**
 * Thousands of mutated requests, two and more on a connection, judged by a parser that takes RFC 9112
 * to the letter: nothing that it does not find may reach the origin, and nobody else may suffer.
 * `HOSTILE_CONNECTIONS=30000` for more, `HOSTILE_SEED` to repeat a run.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import t from 'tap';
import { metricsOf, startGateway } from '../support/gateway.js';
import { steadyLoad } from '../support/load.js';
import { mutate } from '../support/mutate.js';
import { seededRandom } from '../support/random.js';
import { RawClient } from '../support/raw-client.js';
import { strictRequests } from '../support/strict-parser.js';

const CONNECTIONS = Number(process.env['HOSTILE_CONNECTIONS'] ?? 800);
const SEED = Number(process.env['HOSTILE_SEED'] ?? Date.now() % 1_000_000);
const AT_ONCE = 48;
const QUIET_MS = 150; // what has not come then will not: most of these get no answer at all
const BODY = Buffer.alloc(20_000, 'headgate');

const random = seededRandom(SEED);
const below = (n: number): number => Math.floor(random() * n);
const oneOf = <T>(list: readonly T[]): T => list[below(list.length)] as T;
t.comment(`HOSTILE_SEED=${SEED} HOSTILE_CONNECTIONS=${CONNECTIONS}`);

/** What the origin saw: path as on the wire, and the body. */
const seen: { method: string; target: string; body: string; whole: boolean }[] = [];
const origin = createServer((request, response) => {
  const { url = '', method = '' } = request;
  if (url.startsWith('/stream-')) {
    response.setHeader('Cache-Control', 'max-age=60');
    response.end(BODY);
    return;
  }
  const got = { method, target: url, body: '', whole: false };
  seen.push(got);
  request.setEncoding('latin1');
  request.on('data', (text: string) => {
    got.body += text;
  });
  request.on('end', () => {
    got.whole = request.complete;
    response.setHeader('Cache-Control', 'no-store');
    if (!url.includes('sized')) response.write('h'); // of no length: chunks
    response.end(url.includes('sized') ? 'hi' : 'i');
  });
});
origin.listen(0, '127.0.0.1');
await once(origin, 'listening');
t.teardown(() => {
  origin.closeAllConnections();
  origin.close();
});
const gateway = await startGateway(t, {
  args: [
    `http://127.0.0.1:${(origin.address() as AddressInfo).port}`,
    ...['--log-level', 'silent', '--set', 'prefetch.enabled=false', '--set', 'origin.retries=0'],
    ...['--set', 'origin.breaker.failures=1000'],
  ],
});
const { port } = gateway;
const healthy = steadyLoad(
  await Promise.all(Array.from({ length: 4 }, () => RawClient.open(port))),
  BODY,
);

const PIECES = [
  ...[
    ': v\r\n',
    ':\r\n',
    '\0',
    '\xa0',
    '\xff',
    '\x7f',
    '\r',
    '\n',
    '\r\n',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '0',
  ],
  ...[
    'Content-Length: 5\r\n',
    'Content-Length: 0\r\n',
    'content-length:40\r\n',
    'Content-Length: 5\xa0\r\n',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: xchunked\r\n',
    'Transfer-Encoding:\tchunked\r\n',
  ],
  ...[
    'Connection: close\r\n',
    'Connection: keep-alive, close\r\n',
    'Host: b\r\n',
    'X: \xe9\r\n',
    ' folded\r\n',
  ],
  ...[
    ';a=b',
    ';a="b"',
    '0\r\n\r\n',
    '5\r\nhello\r\n',
    'XX',
    'HTTP/1.1',
    'http://a',
    '?',
    '#',
    '//',
    '@',
  ],
  ...[
    'GET /v/smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
    'Upgrade: h2c\r\n',
    'Expect: 100-continue\r\n',
  ],
];

function path(): string {
  const id = below(0x7fff_ffff).toString(36);
  return `/v/${oneOf(['sized', 'chunks'])}-${id}`;
}

function mutated(text: string): string {
  return mutate(text, { random, pieces: PIECES });
}

function template(): string {
  const fields = `Host: a\r\nAccept: */*\r\nX-${below(100)}: ${below(100)}\r\n`;
  const hidden = `GET ${path()}-hidden HTTP/1.1\r\nHost: a\r\n\r\n`;
  const method = oneOf(['POST', 'PUT', 'PATCH']);
  switch (below(6)) {
    case 0:
      return `${method} ${path()} HTTP/1.1\r\n${fields}Content-Length: ${hidden.length}\r\n\r\n${hidden}`;
    case 1:
      return `${method} ${path()} HTTP/1.1\r\n${fields}Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
    case 2:
      return `${method} ${path()} HTTP/1.1\r\n${fields}Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX: ${hidden.slice(0, -4)}\r\n\r\n`;
    case 3:
      return `GET ${path()} HTTP/1.1\r\n${fields}Connection: ${oneOf(['close', 'keep-alive', 'TE, close'])}\r\n\r\n`;
    case 4:
      return `GET ${path()} HTTP/1.1\r\n${fields}Content-Length: ${hidden.length}\r\n\r\n${hidden}`;
    default:
      return `${oneOf(['GET', 'HEAD', 'OPTIONS', 'DELETE'])} ${path()} HTTP/1.1\r\n${fields}\r\n`;
  }
}

interface Run {
  readonly bytes: string;
  readonly answer: string;
}

/** Sends request after request, each in one to three pieces; what came back until it was quiet. */
async function send(requests: readonly string[]): Promise<Run> {
  const socket = net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  let answer = '';
  let wake: () => void = () => undefined;
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
    wake();
  });
  const closed = new Promise<boolean>((resolve) => {
    socket.once('close', () => {
      resolve(true);
    });
  });
  /** Something has come, or nothing will: true. */
  const waited = (): Promise<boolean> => {
    const more = new Promise<boolean>((resolve) => {
      wake = () => {
        resolve(false);
      };
    });
    const quiet = new Promise<boolean>((resolve) => setTimeout(resolve, QUIET_MS, true));
    return Promise.race([more, quiet, closed]);
  };
  for (const request of requests) {
    for (const piece of cut(request)) {
      socket.write(piece, 'latin1');
      if (piece !== request) await new Promise((resolve) => setTimeout(resolve, below(10)));
    }
    await waited();
  }
  while (!(await waited()));
  socket.destroy();
  return { bytes: requests.join(''), answer };
}

function cut(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0, left = 1 + below(3); at < text.length; left -= 1) {
    const end = left <= 1 ? text.length : at + 1 + below(text.length - at);
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}

/** The second behind the answer of the first, or at once in the same read. */
function connection(): string[] {
  let first = template();
  for (let i = below(4); i > 0; i -= 1) first = mutated(first);
  const then = random() < 0.3 ? mutated(template()) : template();
  return random() < 0.25 ? [first + then, template()] : [first, then, template()];
}

/** Escapes say the same as the bytes they stand for, and a dot segment says nothing. */
function plain(target: string): string {
  return target
    .replace(/\/\.(?=\/)/g, '')
    .replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\?$/, '');
}

t.test('an origin sees requests alone that a strict parser finds', async (t) => {
  const runs: Run[] = [];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (runs.length < CONNECTIONS) runs.push(await send(connection()));
    }),
  );
  const allowed = new Map<string, { body: string; whole: boolean }>();
  let tooMany = 0;
  for (const { bytes, answer } of runs) {
    const requests = strictRequests(bytes);
    for (const { method, target, body, whole } of requests) {
      if (/[#\x7f]/.test(target)) continue; // is refused
      // A HEAD that misses fetches the object.
      const asked = method === 'HEAD' ? 'GET' : method;
      allowed.set(`${asked} ${plain(target)}`, { body, whole });
    }
    // Two refusals more than there are requests, of what is none: ours, and behind it one of uWS's own.
    const answers = answer.match(/^HTTP\/1\.1 [2-5]\d\d /gm)?.length ?? 0;
    if (answers <= requests.length + 2) continue;
    tooMany += 1;
    t.comment(JSON.stringify(bytes), JSON.stringify(answer));
  }
  t.equal(tooMany, 0, 'at most one answer for each request, and two refusals');
  const smuggled: string[] = [];
  for (const { method, target, body, whole } of seen) {
    const known = allowed.get(`${method} ${plain(target)}`);
    const other = known?.whole === true && whole && method !== 'GET' && known.body !== body;
    if (known !== undefined && !other) continue;
    const [, id = target] = /-(\w+)/.exec(target) ?? [];
    const from = runs.find(({ bytes }) => bytes.includes(id))?.bytes;
    smuggled.push(`${method} ${target} ${JSON.stringify(body)} from ${JSON.stringify(from)}`);
  }
  t.strictSame(smuggled, [], `${runs.length} connections, ${seen.length} requests at the origin`);
  t.ok(seen.length > 20, 'some of it was good enough to pass, however loaded the machine');
});

t.test('clients who did nothing wrong got all they asked for', async (t) => {
  const { answers, failed } = await healthy.stop();
  t.ok(answers > 100, `${answers} answers`);
  t.strictSame(failed, []);
  t.equal((await metricsOf(gateway))('handler_faults_total'), 0);
  t.equal(await gateway.stop(), 0, gateway.log());
});
