/** A gateway in front of a scripted origin, and short forms for asking it. */
import type { Test } from 'tap';
import { startGateway, type Gateway } from './gateway.js';
import { OriginServer } from './origin-server.js';
import { type RawAnswer, rawGet, type ReadOptions } from './raw-client.js';

export interface Proxied {
  readonly origin: OriginServer;
  readonly gateway: Gateway;
  /** A GET on a connection of its own, so that either worker may get it. */
  readonly get: (path: string, lines?: readonly string[], read?: ReadOptions) => Promise<RawAnswer>;
}

/** `args`: further flags of `serve`. */
export async function startProxied(t: Test, args: readonly string[] = []): Promise<Proxied> {
  const origin = await OriginServer.start(t);
  const gateway = await startGateway(t, {
    args: [origin.url, '--log-level', 'silent', '--set', 'cache.memory=64MiB', ...args],
  });
  return {
    origin,
    gateway,
    get: (path, lines = [], read = {}) => rawGet(gateway.port, path, lines, read),
  };
}

/** Our member of Cache-Status, the last of the list, without the name. */
export function ownStatus({ fields }: RawAnswer): string {
  const member = (fields.get('cache-status') ?? '').split(/,\s*/).at(-1) ?? '';
  return member.replace(/^headgate; ?/, '');
}

/** 'hit' or the reason for going to the origin; '' for what is neither. */
export function outcome(answer: RawAnswer): string {
  const status = ownStatus(answer);
  if (/^hit\b/.test(status)) return 'hit';
  return /\bfwd=([a-z-]+)/.exec(status)?.[1] ?? '';
}

export function text({ body }: RawAnswer): string {
  return body.toString('utf8');
}
