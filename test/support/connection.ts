/** A connection to a server of a test's, and one request on it. */
import type { Test } from 'tap';
import { Addresses } from '../../src/origin/http/addresses.js';
import { Connection } from '../../src/origin/http/connection.js';
import { Dialler } from '../../src/origin/http/dial.js';
import { Exchange } from '../../src/origin/http/exchange.js';
import { requestHead } from '../../src/origin/http/request-head.js';
import type { OriginRequest } from '../../src/origin/origin.js';

const WRITTEN = { basePath: '', host: 'origin.test', preserveHost: false, via: 'headgate' };

/** A dialler of that server; `ca` for one with a certificate. */
export function diallerOf(place: string, ca?: string): Dialler {
  const url = new URL(place);
  const addresses = new Addresses(url.hostname);
  return new Dialler({ url, addresses, timeoutMs: 5_000, ...(ca === undefined ? {} : { ca }) });
}

/** It goes with the test. */
export async function openConnection(
  t: Test,
  dialler: Dialler,
  onGone: (connection: Connection) => void = () => undefined,
): Promise<Connection> {
  const connection = await Connection.open(dialler, new AbortController().signal, onGone);
  t.teardown(() => {
    connection.destroy();
  });
  return connection;
}

export interface Begun {
  readonly exchange: Exchange;
  readonly abort: AbortController;
  readonly over: Promise<number>; // keepAliveMs
  overs: number; // how often it said that it was over
}

export interface Limits {
  readonly headersTimeoutMs?: number;
  readonly bodyTimeoutMs?: number;
}

/** The next request on `connection`. As its owner does, it lets it rest or go when that is over. */
export function begin(
  connection: Connection,
  asked: Partial<OriginRequest> = {},
  { headersTimeoutMs = 10_000, bodyTimeoutMs = 10_000 }: Limits = {},
  abort = new AbortController(),
): Begun {
  const request = { method: 'GET', target: '/', headers: [], ...asked };
  let onOver!: (keepAliveMs: number) => void;
  const over = new Promise<number>((resolve) => (onOver = resolve));
  connection.requests += 1;
  const exchange = new Exchange({
    name: 'test',
    request,
    head: requestHead(request, WRITTEN),
    connection,
    signal: abort.signal,
    headersTimeoutMs,
    bodyTimeoutMs,
    onOver: (keepAliveMs) => {
      begun.overs += 1;
      if (keepAliveMs > 0) connection.rest();
      else connection.destroy();
      onOver(keepAliveMs);
    },
  });
  const begun: Begun = { exchange, abort, over, overs: 0 };
  connection.begin(exchange);
  return begun;
}
