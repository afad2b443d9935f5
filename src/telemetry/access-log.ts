/** The sampled access log: one line for a share of the requests, without tokens. One per worker. */
import type { Logger } from './log.js';

export interface AccessEntry {
  readonly method: string;
  readonly target: string; // as requested; what may be a token is taken out here
  readonly status: number;
  readonly bytes: number; // of the body, as handed to the kernel
  readonly ms: number;
  readonly cacheStatus: string;
}

export interface AccessLogOptions {
  readonly log: Logger; // carries the worker's number
  readonly fraction: number; // 0..1
  readonly random: () => number; // 0 inclusive to 1 exclusive
}

export class AccessLog {
  readonly #log: Logger;
  readonly #fraction: number;
  readonly #random: () => number;

  constructor({ log, fraction, random }: AccessLogOptions) {
    this.#log = log;
    this.#fraction = fraction;
    this.#random = random;
  }

  /** Whether this request is to be logged: ask before building an entry. */
  sampled(): boolean {
    return this.#fraction > 0 && this.#random() < this.#fraction;
  }

  write({ method, target, status, bytes, ms, cacheStatus }: AccessEntry): void {
    const path = loggedPath(target);
    const rounded = Math.round(ms * 1000) / 1000;
    this.#log.info({ method, path, status, bytes, ms: rounded, cacheStatus }, 'request');
  }
}

const MAX_PATH = 512;
/** Delivery directives of low-latency HLS: the only parameters that are worth a line and no secret. */
const KEPT_PARAMETERS = /^(?:_HLS_msn|_HLS_part|_HLS_skip)=[\w.]*$/;
/** Path segments of signed URLs ('hdntl=exp=…~hmac=…', 'token=…') and JSON Web Tokens. */
const TOKEN_SEGMENT = /^(?:[^/]*(?:[=~]|%3d|%7e)[^/]*|eyJ[\w-]{8,}\.[\w.-]+)$/i;

/** The path with token-like segments as '…', and of the query only what names a playlist state. */
export function loggedPath(target: string): string {
  const mark = target.indexOf('?');
  const path = (mark < 0 ? target : target.slice(0, mark)).slice(0, MAX_PATH);
  const clean = path.split('/').map((segment) => (TOKEN_SEGMENT.test(segment) ? '…' : segment));
  if (mark < 0) return clean.join('/');
  const kept = target
    .slice(mark + 1, mark + 1 + MAX_PATH)
    .split('&')
    .filter((parameter) => KEPT_PARAMETERS.test(parameter));
  return kept.length === 0 ? clean.join('/') : `${clean.join('/')}?${kept.join('&')}`;
}
