/** Upstream origins and the servers behind them, torn down with the test. */
import type { Test } from 'tap';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from '../../src/config/config.js';
import type { Origin } from '../../src/origin/origin.js';
import { openUpstreamOrigin } from '../../src/origin/http/upstream.js';
import { ORIGIN_SETTINGS } from './origin.js';
import { startRawServer } from './raw-server.js';
import type { RawRequest, RawServer } from './raw-server.js';

export const OK_HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';

export function openUpstream(
  t: Test,
  url: string,
  settings: Partial<Config['origin']> = {},
): Origin {
  const origin = openUpstreamOrigin({
    url,
    settings: { ...ORIGIN_SETTINGS, ...settings },
    name: 'test',
    via: 'headgate',
  });
  t.teardown(() => origin.close());
  return origin;
}

export async function rawServer(
  t: Test,
  answer: (request: RawRequest) => void,
): Promise<RawServer> {
  const server = await startRawServer(answer);
  t.teardown(() => server.stop());
  return server;
}

/** A node:http server; resolves with its URL. */
export async function httpServer(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
