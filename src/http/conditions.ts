/**
 * Preconditions (RFC 9110 section 13) and entity tags (section 8.8.3). Entity tags are compared
 * where they stand in the field: nothing is split or copied, as this runs on the hit path.
 */
import { parseHttpDate } from './date.js';

/** Request fields that ask for a part, or only if something holds (RFC 9110 sections 13.1 and 14.2). */
export const RANGE_AND_CONDITIONS: readonly string[] = [
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
];

export interface Conditions {
  readonly method: string;
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: string | undefined;
  readonly ifUnmodifiedSince?: string | undefined;
}

/** What is known of the selected representation, which exists. */
export interface Validators {
  readonly etag?: string | undefined; // as on the wire, quotes included
  readonly lastModifiedMs?: number | undefined;
  readonly dateMs?: number | undefined; // when the origin generated it, by its own clock
}

/** RFC 9110 section 13.2.1: with these methods preconditions are ignored. */
const SELECTS_NOTHING: ReadonlySet<string> = new Set(['CONNECT', 'OPTIONS', 'TRACE']);

const TAB = 0x09;
const SPACE = 0x20;
const DQUOTE = 0x22;
const COMMA = 0x2c;

/**
 * The status the preconditions ask for, in the order of RFC 9110 section 13.2.2; 200 means that
 * the request goes on (its own answer may be 206). `If-Match` and `If-Unmodified-Since` are for
 * the origin server: a cache in front of one leaves them out (RFC 9111 section 4.3.2), where
 * `dateMs` also stands in for a missing Last-Modified. `nowMs` resolves two-digit years.
 */
export function evaluateConditions(c: Conditions, v: Validators, nowMs: number): 200 | 304 | 412 {
  if (SELECTS_NOTHING.has(c.method)) return 200;
  if (!originConditionHolds(c, v, nowMs)) return 412;
  const reads = c.method === 'GET' || c.method === 'HEAD';
  if (c.ifNoneMatch !== undefined) {
    if (!anyTagMatches(c.ifNoneMatch, v.etag, weakMatchAt)) return 200;
    return reads ? 304 : 412;
  }
  if (!reads || c.ifModifiedSince === undefined) return 200;
  const changed = isModifiedSince(c.ifModifiedSince, v.lastModifiedMs ?? v.dateMs, nowMs);
  return changed === false ? 304 : 200;
}

/**
 * Whether an `If-Range` field allows the ranges to be served (RFC 9110 section 13.1.5): a strong
 * entity tag that is equal, or exactly the Last-Modified date, and that only when `dateMs` shows
 * it strong by being at least one second later (section 8.8.2.2).
 */
export function ifRangeHolds(value: string, v: Validators): boolean {
  const quoteAt = value.indexOf('"');
  if (quoteAt === 0 || quoteAt === 2) return v.etag !== undefined && strongEqual(value, v.etag);
  if (v.lastModifiedMs === undefined || v.dateMs === undefined) return false;
  const modifiedMs = wholeSeconds(v.lastModifiedMs);
  return v.dateMs - modifiedMs >= 1_000 && parseHttpDate(value, v.dateMs) === modifiedMs;
}

/** Both are strong and the same, character by character. False for what is no entity tag. */
export function strongEqual(a: string, b: string): boolean {
  return a === b && a.length > 1 && a.charCodeAt(0) === DQUOTE && tagEnd(a, 0) === a.length;
}

/** The opaque parts are the same, weak or not. False for what is no entity tag. */
export function weakEqual(a: string, b: string): boolean {
  return tagEnd(a, 0) === a.length && weakMatchAt(a, 0, a.length, b);
}

/**
 * The entity tags of an `If-Match` or `If-None-Match` field, or '*'. Ends at the first member that
 * is no entity tag, so a broken field matches less, never more.
 */
export function parseEntityTags(value: string): '*' | readonly string[] {
  if (value === '*') return '*';
  const tags: string[] = [];
  for (let at = tagStart(value, 0); at < value.length;) {
    const end = tagEnd(value, at);
    if (end === -1) break;
    tags.push(value.slice(at, end));
    at = tagStart(value, end);
  }
  return tags;
}

/** Steps 1 and 2: the date counts only where no entity tag is asked for. */
function originConditionHolds(c: Conditions, v: Validators, nowMs: number): boolean {
  if (c.ifMatch !== undefined) return anyTagMatches(c.ifMatch, v.etag, strongMatchAt);
  if (c.ifUnmodifiedSince === undefined) return true;
  return isModifiedSince(c.ifUnmodifiedSince, v.lastModifiedMs, nowMs) !== true;
}

type MatchAt = (value: string, start: number, end: number, etag: string) => boolean;

function anyTagMatches(value: string, etag: string | undefined, matches: MatchAt): boolean {
  if (value === '*') return true;
  if (etag === undefined) return false;
  for (let at = tagStart(value, 0); at < value.length;) {
    const end = tagEnd(value, at);
    if (end === -1) return false;
    if (matches(value, at, end, etag)) return true;
    at = tagStart(value, end);
  }
  return false;
}

/** `value` has a well-formed tag from `start` to `end`, so what equals it is one too. */
function strongMatchAt(value: string, start: number, end: number, etag: string): boolean {
  return etag.charCodeAt(0) === DQUOTE && sameText(value, start, end, etag);
}

function weakMatchAt(value: string, start: number, end: number, etag: string): boolean {
  const from = value.startsWith('W/', start) ? start + 2 : start;
  return sameText(value, from, end, etag.startsWith('W/') ? etag.slice(2) : etag);
}

function sameText(value: string, start: number, end: number, text: string): boolean {
  return end - start === text.length && value.startsWith(text, start);
}

function tagStart(value: string, from: number): number {
  let at = from;
  while (at < value.length && (isBlankAt(value, at) || value.charCodeAt(at) === COMMA)) at += 1;
  return at;
}

/** Index after the entity tag at `start`; -1 when there is none, or more than a tag stands there. */
function tagEnd(value: string, start: number): number {
  const open = value.startsWith('W/', start) ? start + 2 : start;
  if (value.charCodeAt(open) !== DQUOTE) return -1;
  const close = value.indexOf('"', open + 1);
  if (close === -1) return -1;
  let after = close + 1;
  while (after < value.length && isBlankAt(value, after)) after += 1;
  return after === value.length || value.charCodeAt(after) === COMMA ? close + 1 : -1;
}

function isBlankAt(value: string, at: number): boolean {
  const code = value.charCodeAt(at);
  return code === SPACE || code === TAB;
}

/** Undefined: no valid date, or nothing to compare it with, so the field is to be ignored. */
function isModifiedSince(
  date: string,
  modifiedMs: number | undefined,
  nowMs: number,
): boolean | undefined {
  if (modifiedMs === undefined) return undefined;
  const sinceMs = parseHttpDate(date, nowMs);
  return sinceMs === undefined ? undefined : wholeSeconds(modifiedMs) > sinceMs;
}

/** HTTP dates have no milliseconds; file times do. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
