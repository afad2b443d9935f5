/**
 * What a stored response may be used for now, seen from one request: RFC 9111 sections 4.2, 4.2.4
 * and 5.2.1, RFC 5861. Every hit passes here, so it allocates nothing.
 */
import { parseCacheControl } from '../http/cache-control.js';

/** Times on one clock, in ms. `storePlan` gives them. */
export interface Freshness {
  readonly bornMs: number;
  readonly ttlMs: number;
  readonly swrMs: number;
  readonly sieMs: number;
  readonly mustRevalidate: boolean;
  readonly alwaysRevalidate: boolean;
  /** Nobody said that it is everybody's: a request with credentials may get something else. */
  readonly anonymousOnly: boolean;
}

export interface RequestDirectives {
  readonly noCache: boolean;
  readonly noStore: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeMs: number; // Infinity: not given
  readonly minFreshMs: number; // 0: not given
  readonly maxStaleMs: number; // -1: not given; Infinity: however stale
  readonly staleIfErrorMs: number; // 0: not given
}

export type Verdict =
  | 'fresh'
  | 'stale-revalidate-in-background' // serve it now; one fetch renews it
  | 'revalidate'
  | 'only-if-cached-miss'; // nothing stored will do and the client wants no fetch: 504

export const NO_DIRECTIVES: RequestDirectives = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAgeMs: Infinity,
  minFreshMs: 0,
  maxStaleMs: -1,
  staleIfErrorMs: 0,
};

const MAX_AGE_S = 2 ** 31; // RFC 9111 section 1.2.2

/** Pragma counts only where Cache-Control is absent: RFC 9111 section 5.4. */
export function requestDirectives(headers: {
  readonly cacheControl?: string | undefined;
  readonly pragma?: string | undefined;
}): RequestDirectives {
  const { cacheControl, pragma } = headers;
  if (cacheControl === undefined || cacheControl === '') {
    const noCache = pragma !== undefined && /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(pragma);
    return noCache ? { ...NO_DIRECTIVES, noCache: true } : NO_DIRECTIVES;
  }
  const control = parseCacheControl([['cache-control', cacheControl]]);
  return {
    noCache: control.noCache !== false,
    noStore: control.noStore,
    onlyIfCached: control.onlyIfCached,
    maxAgeMs: (control.maxAge ?? Infinity) * 1000,
    minFreshMs: (control.minFresh ?? 0) * 1000,
    maxStaleMs: control.maxStale === undefined ? -1 : control.maxStale * 1000,
    staleIfErrorMs: (control.staleIfError ?? 0) * 1000,
  };
}

/**
 * May this stored response answer? A request's no-store does not matter here: RFC 9111 section
 * 5.2.1.5 keeps it from what is stored already.
 */
export function judge(f: Freshness, r: RequestDirectives, nowMs: number): Verdict {
  const ageMs = Math.max(0, nowMs - f.bornMs);
  if (!f.alwaysRevalidate && !r.noCache && ageMs <= r.maxAgeMs) {
    const leftMs = f.ttlMs - ageMs;
    // Section 4.2: fresh while the lifetime is greater than the age, not when they are equal.
    if (leftMs > 0 && leftMs >= r.minFreshMs) return 'fresh';
    if (leftMs <= 0 && mayBeStale(f, r, -leftMs)) return 'stale-revalidate-in-background';
  }
  return r.onlyIfCached ? 'only-if-cached-miss' : 'revalidate';
}

/**
 * May this stored response stand in when its origin fails (no answer, or 500, 502, 503, 504)?
 * The request's no-cache and max-age are wishes (section 5.2.1) and yield to an outage; what the
 * response itself forbids does not.
 */
export function mayServeOnError(f: Freshness, r: RequestDirectives, nowMs: number): boolean {
  if (f.alwaysRevalidate) return false;
  const staleMs = Math.max(0, nowMs - f.bornMs) - f.ttlMs;
  if (staleMs < 0) return true;
  return !f.mustRevalidate && (staleMs < f.sieMs || staleMs < r.staleIfErrorMs);
}

/** The value of the Age field: whole seconds, never negative. RFC 9111 section 5.1. */
export function ageSeconds(f: Pick<Freshness, 'bornMs'>, nowMs: number): number {
  return Math.min(MAX_AGE_S, Math.max(0, Math.floor((nowMs - f.bornMs) / 1000)));
}

function mayBeStale(f: Freshness, r: RequestDirectives, staleMs: number): boolean {
  if (f.mustRevalidate) return false;
  if (staleMs <= r.maxStaleMs) return true;
  // A client that names a max-age or min-fresh without max-stale wants nothing stale: 5.2.1.1.
  const content = r.maxAgeMs === Infinity && r.minFreshMs === 0;
  return content && staleMs < f.swrMs;
}
