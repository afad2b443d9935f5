/**
 * Request targets in normal form, with the cache key and the upstream query in them (RFC 3986
 * section 6.2.2). Runs on the hit path: a clean path without a query costs one test of its
 * characters and one search for dot segments.
 */
import type { ErrorCode } from '../errors.js';

/** Names are compared after percent-decoding, and case counts. */
export interface KeyRules {
  /** Which parameters the key has: all, none, or these; never those of `ignore`. */
  readonly query: 'all' | 'none' | readonly string[];
  readonly ignore: readonly string[]; // in both lists a trailing '*' stands for any rest
  readonly sort: boolean; // by name; parameters of one name keep their order
  /** The origin gets parameters outside the key, too, though one answer is given to all of them. */
  readonly sendIgnored: boolean;
  readonly maxUrl: number; // characters of path, '?' and query as they came
}

export interface Target {
  readonly path: string; // normal form, begins with '/'
  /** Without '?': what goes upstream for an answer that may be shared. The key's, letter for letter. */
  readonly query: string;
  readonly ownQuery: string; // what goes upstream for nobody else: as it came but for CMCD and CMSD
  readonly key: string; // path, and '?' with the parameters that count if there are any
}

export interface TargetFailure {
  readonly error: Extract<ErrorCode, 'GW_BAD_TARGET' | 'GW_URL_TOO_LONG'>;
}

const BAD_TARGET: TargetFailure = { error: 'GW_BAD_TARGET' };
const TOO_LONG: TargetFailure = { error: 'GW_URL_TOO_LONG' };

/** Pchar of RFC 3986 section 3.3 but '%', and '/'. */
const CLEAN_PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/]*$/;
/** Controls, blank, '#', '?', backslash, DEL, and what an invalid UTF-8 octet was decoded to. */
const BAD_IN_PATH = /[\x00-\x20#?\\\x7f\ufffd]|\p{Surrogate}/u;
/** The same octets percent-encoded that would change meaning when decoded: controls, '/', '\'. */
const BAD_ENCODED = /%(?:[01][0-9A-Fa-f]|7[Ff]|2[Ff]|5[Cc])/;
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const ENCODE_IN_PATH = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]+/g;

const CLEAN_QUERY = /^[\x21\x22\x24-\x7e]*$/;
const BAD_IN_QUERY = /[\x00-\x20#\x7f\ufffd]|\p{Surrogate}/u;
const NON_ASCII = /[^\x00-\x7f]+/g;

const ESCAPE = /%[0-9A-Fa-f]{2}/g;
const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
/** What the escape of each octet becomes: an unreserved character itself, else upper case. */
const NORMAL_ESCAPES: readonly string[] = Array.from({ length: 256 }, (_, octet) => {
  const character = String.fromCharCode(octet);
  if (UNRESERVED.test(character)) return character;
  return `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** Media client data (CTA-5004, CTA-5006): never in the key and never sent on. */
export const CLIENT_DATA = ['CMCD', 'CMSD'] as const;

/** Some servers end a parameter here, too: what stands behind it is another one for them. */
const SEMICOLON = /;|%3[Bb]/;

const AMPERSAND = 0x26;
const PERCENT = 0x25;
const EQUALS = 0x3d;
const STAR = 0x2a;

/** As `normalizeTarget`, of path and query in one. */
export function normalizeReference(target: string, rules: KeyRules): Target | TargetFailure {
  const mark = target.indexOf('?');
  if (mark < 0) return normalizeTarget(target, undefined, rules);
  return normalizeTarget(target.slice(0, mark), target.slice(mark + 1), rules);
}

/**
 * The target in normal form, or why it is refused.
 *
 * Path: escapes of unreserved characters decoded, the others in upper case, dot segments removed,
 * characters that no URI may have (`"<>[]^{|}` and the backquote, or beyond ASCII) escaped, empty
 * segments kept. Refused: controls, backslash, '#', and NUL, controls, '/' and '\' in escapes,
 * broken escapes, U+FFFD, and '..' above the root, which RFC 3986 would drop.
 *
 * Query: what is keyed is what is sent. A parameter that is no part of the key does not reach the
 * origin either, where it could make the one answer that all get; order and escapes are sent as the
 * key has them, so that two targets with one key cannot mean two things. A parameter with a broken
 * escape stays as it is. A '?' with nothing behind it counts as none.
 */
export function normalizeTarget(
  path: string,
  query: string | undefined,
  rules: KeyRules,
): Target | TargetFailure {
  const length = query === undefined ? path.length : path.length + 1 + query.length;
  if (length > rules.maxUrl) return TOO_LONG;
  const clean = CLEAN_PATH.test(path) && !path.includes('/.') ? path : normalizePath(path);
  if (clean === undefined) return BAD_TARGET;
  if (query === undefined || query === '') {
    return { path: clean, query: '', ownQuery: '', key: clean };
  }
  const safe = CLEAN_QUERY.test(query) ? query : encodeQuery(query);
  if (safe === undefined) return BAD_TARGET;
  const ownQuery = withoutClientData(safe);
  const counted = keyQuery(ownQuery, rules);
  const key = counted === '' ? clean : `${clean}?${counted}`;
  return { path: clean, query: rules.sendIgnored ? ownQuery : counted, ownQuery, key };
}

/**
 * True when no parameter of the query is part of the key, beyond doubt: then `normalizeTarget` gives the
 * path alone as the key, and refuses nothing of the query but its length. Most of what players send is
 * such, as CMCD. Allocates only for escaped names.
 */
export function isOutsideKey(query: string, rules: KeyRules): boolean {
  if (!CLEAN_QUERY.test(query)) return false;
  const mayHide = SEMICOLON.test(query);
  for (let start = 0; start <= query.length;) {
    const nameEnd = nameEndAfter(query, start);
    if (!isNamed(query, start, nameEnd, CLIENT_DATA)) {
      if (mayHide || mayCount(query, start, nameEnd, rules)) return false;
    }
    const next = query.indexOf('&', nameEnd);
    if (next === -1) return true;
    start = next + 1;
  }
  return false;
}

function mayCount(query: string, start: number, nameEnd: number, rules: KeyRules): boolean {
  if (rules.query === 'none' || isNamed(query, start, nameEnd, rules.ignore)) return false;
  return rules.query === 'all' || isNamed(query, start, nameEnd, rules.query);
}

function normalizePath(path: string): string | undefined {
  if (!path.startsWith('/') || BAD_IN_PATH.test(path)) return undefined;
  if (BROKEN_ESCAPE.test(path) || BAD_ENCODED.test(path)) return undefined;
  const legal = path.replace(ENCODE_IN_PATH, encodeURIComponent);
  const decoded = normalizeEscapes(legal);
  return decoded.includes('/.') ? removeDotSegments(decoded) : decoded;
}

/** RFC 3986 section 5.2.4, but undefined where that would step above the root. */
function removeDotSegments(path: string): string | undefined {
  const segments = path.slice(1).split('/');
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === '..') {
      if (kept.length === 0) return undefined;
      kept.pop();
    } else if (segment !== '.') {
      kept.push(segment);
    }
  }
  const last = segments.at(-1);
  if (last === '.' || last === '..') kept.push('');
  return `/${kept.join('/')}`;
}

/** Undefined when the query has what no query may have and nobody may send on. */
function encodeQuery(query: string): string | undefined {
  if (BAD_IN_QUERY.test(query)) return undefined;
  return query.replace(NON_ASCII, encodeURIComponent);
}

/** RFC 3986 sections 6.2.2.1 and 6.2.2.2. Broken escapes stay as they are. */
function normalizeEscapes(text: string): string {
  return text.replace(ESCAPE, normalEscape);
}

function normalEscape(escape: string): string {
  return NORMAL_ESCAPES[Number.parseInt(escape.slice(1), 16)] ?? escape;
}

/** The same string when there is none, which one pass over the names tells. */
function withoutClientData(query: string): string {
  if (!anyNamed(query, CLIENT_DATA)) return query;
  const kept = query.split('&').filter((parameter) => !anyNamed(parameter, CLIENT_DATA));
  return kept.join('&');
}

function keyQuery(query: string, rules: KeyRules): string {
  if (rules.query === 'none' || query === '') return '';
  const ordered = !rules.sort || !query.includes('&');
  if (rules.query === 'all' && ordered && !query.includes('%')) {
    if (!anyNamed(query, rules.ignore)) return query;
  }
  const counted = query.split('&').filter((parameter) => counts(parameter, rules));
  const normal = counted.map(normalizeParameter);
  const sorted = rules.sort && !normal.some((parameter) => SEMICOLON.test(parameter));
  return (sorted ? sortByName(normal) : normal).join('&');
}

/** One that may hold another one always does: `utm_x=1;id=2` says what `id` is to some servers. */
function counts(parameter: string, rules: KeyRules): boolean {
  if (SEMICOLON.test(parameter)) return true;
  if (anyNamed(parameter, rules.ignore)) return false;
  return typeof rules.query === 'string' || anyNamed(parameter, rules.query);
}

function normalizeParameter(parameter: string): string {
  if (!parameter.includes('%')) return parameter;
  return BROKEN_ESCAPE.test(parameter) ? parameter : normalizeEscapes(parameter);
}

/**
 * Code unit order of decoded names, the same on every machine. The sort is stable, so those that an
 * origin takes for one name keep their order.
 */
function sortByName(parameters: readonly string[]): readonly string[] {
  const named = parameters.map((text) => ({ name: nameOf(text), text }));
  named.sort((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
  return named.map(({ text }) => text);
}

/** Whether some parameter of `query` has one of the names. Allocates only for escaped names. */
function anyNamed(query: string, patterns: readonly string[]): boolean {
  for (let start = 0; start <= query.length;) {
    const nameEnd = nameEndAfter(query, start);
    if (isNamed(query, start, nameEnd, patterns)) return true;
    const next = query.indexOf('&', nameEnd);
    if (next === -1) return false;
    start = next + 1;
  }
  return false;
}

function nameEndAfter(query: string, start: number): number {
  let at = start;
  while (at < query.length) {
    const code = query.charCodeAt(at);
    if (code === EQUALS || code === AMPERSAND) break;
    at += 1;
  }
  return at;
}

function isNamed(query: string, start: number, end: number, patterns: readonly string[]): boolean {
  for (let at = start; at < end; at += 1) {
    if (query.charCodeAt(at) !== PERCENT) continue;
    const name = decodeName(query.slice(start, end));
    return patterns.some((pattern) => matchesAt(name, 0, name.length, pattern));
  }
  for (const pattern of patterns) {
    if (matchesAt(query, start, end, pattern)) return true;
  }
  return false;
}

/** By characters: slices of patterns would cost an allocation for each comparison. */
function matchesAt(query: string, start: number, end: number, pattern: string): boolean {
  const size = end - start;
  const isPrefix = pattern.charCodeAt(pattern.length - 1) === STAR;
  const fixed = isPrefix ? pattern.length - 1 : pattern.length;
  if (isPrefix ? size < fixed : size !== fixed) return false;
  for (let i = 0; i < fixed; i += 1) {
    if (query.charCodeAt(start + i) !== pattern.charCodeAt(i)) return false;
  }
  return true;
}

function nameOf(parameter: string): string {
  const name = parameter.split('=', 1)[0] ?? '';
  return name.includes('%') ? decodeName(name) : name;
}

/** A name whose escapes are broken or no UTF-8 can only be compared as it stands. */
function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch (reason) {
    if (reason instanceof URIError) return name;
    throw reason;
  }
}
