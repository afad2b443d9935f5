/**
 * Whether a response may be kept, and how long it is fresh: RFC 9111 sections 3 and 4.2 for a
 * shared cache, RFC 5861, and RFC 9213 by way of `effectiveControl`. Pure; all times in ms.
 */
import type { CacheControl } from '../http/cache-control.js';
import { parseCacheControl } from '../http/cache-control.js';
import { parseHttpDate } from '../http/date.js';
import { fieldValue } from '../http/fields.js';
import type { FieldLines } from '../http/fields.js';
import { parseContentRange } from '../http/range.js';
import { audienceOf } from './audience.js';
import { effectiveControl } from './targeted.js';
import { varyNames } from './vary.js';

export interface PolicySettings {
  /** Lifetime for this object when the origin gives none; undefined: the heuristic decides. */
  readonly defaultTtlMs: number | undefined;
  readonly leastTtlMs?: number; // a heuristic lifetime is at least this; 0
  readonly heuristicFraction: number; // of the time since Last-Modified
  readonly heuristicMaxMs: number;
  readonly staleWhileRevalidateMs: number; // where the origin neither says nor forbids
  readonly staleIfErrorMs: number; // where the origin neither says nor forbids
}

export type StoreRefusal =
  | 'method'
  | 'status'
  | 'partial'
  | 'request-no-store'
  | 'no-store'
  | 'must-understand'
  | 'private'
  | 'authorization'
  | 'credentials' // a guess is no leave to share what was answered to somebody
  | 'set-cookie'
  | 'vary'
  | 'no-freshness' // nothing explicit, and the status gives no leave to guess
  | 'useless'; // never fresh, nothing to revalidate with, never allowed stale

export type LifetimeSource =
  's-maxage' | 'max-age' | 'expires' | 'default' | 'last-modified' | 'none';

export type StorePlan =
  | { readonly store: false; readonly reason: StoreRefusal }
  | {
      readonly store: true;
      readonly bornMs: number; // age = now - bornMs; the age it arrived with is counted in
      readonly ttlMs: number; // freshness lifetime; zero or less: kept, but stale from the start
      readonly swrMs: number; // from the end of the lifetime
      readonly sieMs: number; // from the end of the lifetime
      readonly mustRevalidate: boolean; // once stale, never without asking
      readonly alwaysRevalidate: boolean; // never without asking
      readonly anonymousOnly: boolean; // not for requests with credentials
      readonly vary: readonly string[]; // lower-case, sorted, unique
      readonly heuristic: boolean; // the lifetime is ours, not the origin's
      readonly reason: LifetimeSource;
      /** Fields that must not be kept: named by a qualified no-cache or private. Lower-case. */
      readonly stripFields: readonly string[];
    };

export interface StoreRequest {
  readonly method: string;
  readonly headers: FieldLines;
}

export interface StoreResponse {
  readonly status: number;
  readonly headers: FieldLines;
  readonly settling?: boolean; // its origin may still be writing it
  /** Its origin does not look at credentials: there is one answer for all. */
  readonly forEveryone?: boolean;
}

/**
 * When our request left and when the response's head arrived: RFC 9111 section 4.2.3. The first two by
 * the clock that ages are counted by, which never steps; the third by the wall clock, as only that can
 * be compared with the origin's Date.
 */
export interface ExchangeTimes {
  readonly requestMs: number;
  readonly responseMs: number;
  readonly responseWallMs: number;
}

export interface Lifetime {
  readonly ttlMs: number;
  readonly source: LifetimeSource;
}

/** RFC 9110 section 15.1: a lifetime may be guessed for these. */
const HEURISTIC_STATUSES = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);

/** The final status codes of RFC 9110, which is what "understands" means for must-understand. */
const UNDERSTOOD_STATUSES = new Set([
  ...HEURISTIC_STATUSES,
  ...[201, 202, 205, 302, 303, 307, 400, 401, 402, 403, 406, 409, 411, 413, 415, 422, 429],
  ...[451, 500, 502, 503, 504, 505],
]);

/** Answers to other fields of the request than those a cache key holds; kept, they would mislead. */
const REQUEST_BOUND_STATUSES = new Set([304, 407, 408, 412, 416, 417, 421, 425, 426, 428, 431]);

const MAX_AGE_S = 2 ** 31; // RFC 9111 section 1.2.2

/** Long enough to fold a crowd into one reading of the file. */
const SETTLING_TTL_MS = 1_000;

/** Whether and how to keep this response to this request. */
export function storePlan(
  request: StoreRequest,
  response: StoreResponse,
  times: ExchangeTimes,
  settings: PolicySettings,
): StorePlan {
  const { control, targeted } = effectiveControl(response.headers);
  const refusal = exchangeRefusal(request, response) ?? controlRefusal(request, response, control);
  if (refusal !== undefined) return { store: false, reason: refusal };
  const vary = varyNames(response.headers);
  if (vary === '*') return { store: false, reason: 'vary' };
  const { responseWallMs } = times;
  const dateMs = fieldDate(response.headers, 'date', responseWallMs) ?? responseWallMs;
  const lifetime = lifetimeOf(response, { control, targeted, dateMs }, settings);
  if (lifetime === undefined) return { store: false, reason: 'no-freshness' };
  const audience = audienceOf(request, response, { control, lifetime });
  if ('refused' in audience) return { store: false, reason: audience.refused };

  const windows = staleWindows(control, lifetime, settings);
  if (!isUseful(response.headers, { control, lifetime, ...windows })) {
    return { store: false, reason: 'useless' };
  }
  const plan = {
    store: true,
    bornMs: times.responseMs - initialAgeMs(response.headers, dateMs, times),
    ttlMs: lifetime.ttlMs,
    ...windows,
    mustRevalidate: mustRevalidate(control),
    alwaysRevalidate: control.noCache === true,
    ...audience,
    vary,
    heuristic: lifetime.source === 'default' || lifetime.source === 'last-modified',
    reason: lifetime.source,
    stripFields: qualifiedNames(control),
  } as const;
  return response.settling === true ? settlingPlan(plan, settings) : plan;
}

/** A moment, or less where the media's own default is less: that of a live playlist may be. */
function settlingPlan(
  plan: Extract<StorePlan, { store: true }>,
  { defaultTtlMs = SETTLING_TTL_MS, staleIfErrorMs }: PolicySettings,
): StorePlan {
  const ttlMs = Math.min(SETTLING_TTL_MS, defaultTtlMs);
  return { ...plan, ttlMs, swrMs: 0, sieMs: staleIfErrorMs, alwaysRevalidate: false };
}

/** What method, status and body alone rule out. RFC 9111 sections 3 and 3.3. */
function exchangeRefusal(request: StoreRequest, response: StoreResponse): StoreRefusal | undefined {
  if (request.method !== 'GET') return 'method';
  const { status, headers } = response;
  if (status < 200 || status > 599 || REQUEST_BOUND_STATUSES.has(status)) return 'status';
  if (status !== 206) return undefined;
  const range = parseContentRange(fieldValue(headers, 'content-range') ?? '');
  // multipart/byteranges carries its ranges inside; unasked-for parts are the origin's mistake.
  const known = range !== undefined && !('unsatisfied' in range);
  return known && fieldValue(request.headers, 'range') !== undefined ? undefined : 'partial';
}

/** What the directives rule out. RFC 9111 sections 3, 3.5, 5.2.1.5 and 5.2.2. */
function controlRefusal(
  request: StoreRequest,
  response: StoreResponse,
  control: CacheControl,
): StoreRefusal | undefined {
  if (parseCacheControl(request.headers).noStore) return 'request-no-store';
  if (control.mustUnderstand && !UNDERSTOOD_STATUSES.has(response.status)) return 'must-understand';
  // With must-understand, no-store speaks to caches that do not know the status: section 5.2.2.3.
  if (control.noStore && !control.mustUnderstand) return 'no-store';
  if (control.private === true) return 'private';
  const authorized = fieldValue(request.headers, 'authorization') !== undefined;
  const shared = control.public || control.mustRevalidate || control.sMaxage !== undefined;
  if (authorized && !shared) return 'authorization';
  return mayKeepCookies(response.headers, control) ? undefined : 'set-cookie';
}

/**
 * Stricter than RFC 9111 section 7.3, which leaves it to the origin: a cookie goes to every viewer
 * only when the origin spoke to shared caches, or had the field left out of what is kept.
 */
function mayKeepCookies(headers: FieldLines, control: CacheControl): boolean {
  if (fieldValue(headers, 'set-cookie') === undefined) return true;
  if (control.public || control.sMaxage !== undefined) return true;
  return qualifiedNames(control).includes('set-cookie');
}

/** Undefined: nothing explicit, and no leave to guess. RFC 9111 sections 3, 4.2.1 and 4.2.2. */
function lifetimeOf(
  response: StoreResponse,
  facts: { control: CacheControl; targeted: boolean; dateMs: number },
  settings: PolicySettings,
): Lifetime | undefined {
  const { control, targeted, dateMs } = facts;
  if (control.sMaxage !== undefined) return { ttlMs: control.sMaxage * 1000, source: 's-maxage' };
  if (control.maxAge !== undefined) return { ttlMs: control.maxAge * 1000, source: 'max-age' };
  if (!targeted && fieldValue(response.headers, 'expires') !== undefined) {
    // An invalid date, '0' above all, lies in the past: section 5.3.
    const expiresMs = fieldDate(response.headers, 'expires', dateMs) ?? dateMs;
    return { ttlMs: expiresMs - dateMs, source: 'expires' };
  }
  if (!HEURISTIC_STATUSES.has(response.status) && !control.public) return undefined;
  if (settings.defaultTtlMs !== undefined) {
    return { ttlMs: settings.defaultTtlMs, source: 'default' };
  }
  const leastMs = settings.leastTtlMs ?? 0;
  const modifiedMs = fieldDate(response.headers, 'last-modified', dateMs);
  if (modifiedMs === undefined) {
    return { ttlMs: leastMs, source: leastMs > 0 ? 'default' : 'none' };
  }
  const guessMs = Math.max(0, dateMs - modifiedMs) * settings.heuristicFraction;
  const boundMs = Math.min(guessMs, settings.heuristicMaxMs);
  return { ttlMs: Math.max(boundMs, leastMs), source: 'last-modified' };
}

/** RFC 9111 section 4.2.3, in milliseconds. */
function initialAgeMs(headers: FieldLines, dateMs: number, times: ExchangeTimes): number {
  // Date counts whole seconds: only beyond the end of its second is the response visibly older.
  const apparentMs = Math.max(0, times.responseWallMs - (dateMs + 999));
  const delayMs = Math.max(0, times.responseMs - times.requestMs);
  return Math.max(apparentMs, statedAgeMs(headers) + delayMs);
}

/** The first member counts, and only when it is a number: section 5.1. */
function statedAgeMs(headers: FieldLines): number {
  const age = fieldValue(headers, 'age')?.split(',', 1)[0]?.trim() ?? '';
  return /^\d+$/.test(age) ? Math.min(Number(age), MAX_AGE_S) * 1000 : 0;
}

/** Names of days, months and the zone in any case: RFC 9111 section 4.2 asks caches to be lenient. */
function fieldDate(headers: FieldLines, name: string, nowMs: number): number | undefined {
  const value = fieldValue(headers, name);
  if (value === undefined) return undefined;
  const exact = parseHttpDate(value, nowMs);
  if (exact !== undefined) return exact;
  const names = value.toLowerCase().replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
  return parseHttpDate(names.replace(/Gmt$/, 'GMT'), nowMs);
}

/** RFC 5861, within what RFC 9111 section 4.2.4 forbids. */
function staleWindows(
  control: CacheControl,
  lifetime: Lifetime,
  settings: PolicySettings,
): { swrMs: number; sieMs: number } {
  if (control.noCache === true || mustRevalidate(control)) return { swrMs: 0, sieMs: 0 };
  // Ours never apply where the origin said "stale at once", nor, on failures, to what nobody
  // called cacheable: such a response may be one viewer's own.
  const swrMs = lifetime.ttlMs > 0 ? settings.staleWhileRevalidateMs : 0;
  const sieMs = lifetime.source === 'none' ? 0 : settings.staleIfErrorMs;
  return {
    swrMs: orMs(control.staleWhileRevalidate, swrMs),
    sieMs: orMs(control.staleIfError, sieMs),
  };
}

function orMs(seconds: number | undefined, otherwiseMs: number): number {
  return seconds === undefined ? otherwiseMs : seconds * 1000;
}

/** s-maxage carries the meaning of proxy-revalidate: section 5.2.2.10. */
function mustRevalidate(control: CacheControl): boolean {
  return control.mustRevalidate || control.proxyRevalidate || control.sMaxage !== undefined;
}

function qualifiedNames(control: CacheControl): readonly string[] {
  const names = [control.noCache, control.private].flatMap((value) =>
    typeof value === 'boolean' ? [] : value,
  );
  return [...new Set(names)];
}

/** Can it ever answer: fresh, stale by leave, or after asking? */
function isUseful(
  headers: FieldLines,
  facts: { control: CacheControl; lifetime: Lifetime; swrMs: number; sieMs: number },
): boolean {
  if (fieldValue(headers, 'etag') !== undefined) return true;
  if (fieldValue(headers, 'last-modified') !== undefined) return true;
  if (facts.control.noCache === true) return false;
  return facts.lifetime.ttlMs > 0 || facts.swrMs > 0 || facts.sieMs > 0;
}
