/** An origin that answers nothing by itself: a test takes each request and answers it in its time. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface Held {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Resolves when its connection or its answer is over. */
  readonly closed: Promise<void>;
  gone(): boolean; // cancelled by the gateway
}

export interface HeldOrigin {
  readonly url: string;
  count(): number;
  /** The next request, which the test answers in its own time. */
  next(): Promise<Held>;
}

export async function heldOrigin(
  t: Test,
  answer?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HeldOrigin> {
  const arrived: Held[] = [];
  const waiting: ((held: Held) => void)[] = [];
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    const closed = once(response, 'close').then(() => undefined);
    const gone = (): boolean => response.destroyed && !response.writableEnded;
    const held = { request, response, closed, gone };
    const next = waiting.shift();
    if (next === undefined) arrived.push(held);
    else next(held);
    answer?.(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => count,
    next: async () => {
      const held = arrived.shift();
      if (held !== undefined) return held;
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}
