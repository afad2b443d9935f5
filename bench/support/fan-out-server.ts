/**
 * The floor of herd.ts (a script, see script.ts): no parsing, no cache. When the requests have
 * stopped coming it answers all sockets in one loop, each with one write of a body made before.
 */
import { createServer, type Socket } from 'node:net';
import { bodyOf } from './bodies.js';
import { serveCalls } from './script.js';

const SIZE = 4 * 1024 * 1024;
const QUIET_MS = 1_000; // as long as the origin thinks

const body = bodyOf(SIZE, 7);
const head = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`);
let waiting: Socket[] = [];
let answeredNs = 0n;
let timer: NodeJS.Timeout | undefined;

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    if (chunk.includes('/ready')) {
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    waiting.push(socket);
    timer ??= setTimeout(answerAll, QUIET_MS);
  });
});

serveCalls({
  answeredNs: () => String(answeredNs),
  listen: (port: number) =>
    new Promise<void>((resolve) => {
      server.listen({ port, host: '127.0.0.1', backlog: 4_096 }, () => {
        resolve();
      });
    }),
});

/** First bytes to all, then the bodies. */
function answerAll(): void {
  const sockets = waiting;
  waiting = [];
  timer = undefined;
  answeredNs = process.hrtime.bigint();
  for (const socket of sockets) socket.write(head);
  for (const socket of sockets) socket.write(body);
}
