/** What an unsafe request makes outdated. RFC 9111 section 4.4. */
import { fieldValue } from '../http/fields.js';
import type { FieldLines } from '../http/fields.js';

/** RFC 9110 section 9.2.1. Methods nobody has heard of count as unsafe. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

export interface FinishedExchange {
  readonly method: string;
  readonly status: number;
  readonly target: string; // of the request: path and query
  readonly host: string; // its Host; '' lets only references without a host through
  readonly headers: FieldLines; // of the response
}

/**
 * Targets (path and query, not normalised) whose stored responses must be invalidated: the
 * request's own first, then Location and Content-Location when they name the same host. Empty for
 * safe methods and for errors.
 */
export function invalidatedTargets(exchange: FinishedExchange): string[] {
  const { method, status, target, headers } = exchange;
  if (SAFE_METHODS.has(method) || status < 200 || status > 399) return [];
  const targets = new Set([target]);
  for (const name of ['location', 'content-location']) {
    const reference = fieldValue(headers, name);
    const other = reference === undefined ? undefined : sameHostTarget(reference, exchange);
    if (other !== undefined) targets.add(other);
  }
  return [...targets];
}

/**
 * Undefined for another host: an origin may not empty another's cache. The scheme does not count,
 * as keys have none: http and https name the same stored response here.
 */
function sameHostTarget(reference: string, exchange: FinishedExchange): string | undefined {
  const host = exchange.host === '' ? 'unknown.invalid' : exchange.host;
  const base = `http://${host}${exchange.target}`;
  if (!URL.canParse(base) || !URL.canParse(reference, base)) return undefined;
  const url = new URL(reference, base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  // The same scheme on both sides, so that a default port is left out on both.
  const here = new URL(`${url.protocol}//${host}`);
  return url.host === here.host ? url.pathname + url.search : undefined;
}
