/**
 * Origin and clients of memory.ts in one process (a script, see script.ts): as many different requests
 * as a plan says, over some connections, and the answers to what of it comes through.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { FloodKind, FloodPlan } from './flood-plan.js';
import { openAll, RawConnection } from './raw-connection.js';
import { serveCalls } from './script.js';

const CONNECTIONS = 64;
const READ_BYTES = 65_536;
/** With its path just below the 8 KiB that a target may have. */
const QUERY = 'x'.repeat(8_100);
const AGENT = 'y'.repeat(100);
const KEYS_OF_MANY = 10_000;

const BODY = 'z'.repeat(200);
const ANSWERS: Readonly<Record<FloodKind, Buffer>> = {
  urls: answer('404 Not Found', ['Content-Type: text/html']),
  fields: answer('200 OK', [
    'Cache-Control: max-age=3600',
    ...Array.from({ length: 30 }, (_, i) => `X-${i}: ${'f'.repeat(1_000)}`),
  ]),
  'one-key': answer('200 OK', ['Cache-Control: max-age=3600', 'Vary: User-Agent']),
  'many-keys': answer('200 OK', ['Cache-Control: max-age=3600', 'Vary: User-Agent']),
};

const server = createServer({ noDelay: true }, serve);

serveCalls({
  listen: () =>
    new Promise<number>((resolve) => {
      server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
        resolve((server.address() as AddressInfo).port);
      });
    }),
  flood,
});

function answer(status: string, fields: readonly string[]): Buffer {
  const head = [`HTTP/1.1 ${status}`, `Content-Length: ${BODY.length}`, ...fields];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${BODY}`, 'latin1');
}

/** The gateway asks one thing at a time on each connection, without a body. */
function serve(socket: Socket): void {
  let kind = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    if (kind === '') kind = chunk.toString('latin1', 5, chunk.indexOf('/', 5));
    if (chunk.toString('latin1', chunk.length - 4) !== '\r\n\r\n') return;
    socket.write(isKind(kind) ? ANSWERS[kind] : ANSWERS.urls);
    kind = '';
  });
}

function isKind(name: string): name is FloodKind {
  return name in ANSWERS;
}

function requestOf(kind: FloodKind, i: number): Buffer {
  const path = {
    urls: `/urls/missing.m4s?n=${i}&q=${QUERY}`,
    fields: `/fields/${i}.m4s`,
    'one-key': '/one-key/title.json',
    'many-keys': `/many-keys/${i % KEYS_OF_MANY}.json`,
  }[kind];
  const text = `GET ${path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: ${i} ${AGENT}\r\n\r\n`;
  return Buffer.from(text, 'latin1');
}

/** Resolves with the number of answers that were not the origin's. */
async function flood({ port, kind, count }: FloodPlan): Promise<number> {
  const wanted = kind === 'urls' ? 404 : 200;
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  let next = 0;
  let left = count;
  let others = 0;
  let settle: (error?: Error) => void = () => undefined;
  const finished = new Promise<void>((resolve, reject) => {
    settle = (error): void => {
      if (error) reject(error);
      else resolve();
    };
  });
  const ask = (connection: RawConnection | undefined): void => {
    if (next < count) connection?.send(requestOf(kind, next++));
  };
  const connections = await openAll(CONNECTIONS, (index, onOpen) => {
    const events = {
      onHead: (status: number) => {
        if (status !== wanted) others += 1;
      },
      onBody: () => true,
      onDone: () => {
        left -= 1;
        if (left === 0) settle();
        else ask(connections[index]);
      },
      onFailure: (reason: string) => {
        settle(new Error(`flood: ${reason}`));
      },
    };
    return new RawConnection({ port, buffer }, events, onOpen);
  });
  for (const connection of connections) ask(connection);
  await finished;
  for (const connection of connections) connection.close();
  return others;
}
