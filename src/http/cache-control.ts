/**
 * Cache-Control (RFC 9111 section 5.2, RFC 5861, RFC 8246), of requests and responses alike.
 * Where a field contradicts itself or cannot be read, the reading that reuses least wins
 * (RFC 9111 section 4.2.1).
 */
import { isFieldName, listMembers, type FieldLines } from './fields.js';

/** Times in seconds, at most 2^31. */
export interface CacheControl {
  readonly noStore: boolean;
  readonly noCache: boolean | readonly string[]; // field names, lower case, when qualified
  readonly private: boolean | readonly string[];
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly noTransform: boolean;
  readonly onlyIfCached: boolean;
  readonly immutable: boolean;
  readonly maxAge?: number; // 0 when written but not readable, as sMaxage
  readonly sMaxage?: number;
  readonly maxStale?: number; // Infinity when it came without a value
  readonly minFresh?: number;
  readonly staleWhileRevalidate?: number;
  readonly staleIfError?: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<CacheControl>;

interface Directive {
  readonly value: string | undefined; // undefined: none, or unreadable
  readonly wellFormed: boolean;
}
type Reader = (draft: Draft, directive: Directive) => void;

/** RFC 9111 section 1.2.2: what every larger number means. */
const MAX_DELTA_SECONDS = 2 ** 31;

const MEMBER = /^([^\s=",;]+)(?:=(?:([^\s=",;]+)|"((?:[^"\\]|\\.)*)"))?$/;
const MEMBER_NAME = /^[^\s=",;]*/;
const QUOTED_PAIR = /\\(.)/g;
const DIGITS = /^\d+$/;

const NOTHING: CacheControl = Object.freeze({
  noStore: false,
  noCache: false,
  private: false,
  public: false,
  mustRevalidate: false,
  proxyRevalidate: false,
  mustUnderstand: false,
  noTransform: false,
  onlyIfCached: false,
  immutable: false,
});

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['no-store', restriction('noStore')],
  ['no-transform', restriction('noTransform')],
  ['only-if-cached', restriction('onlyIfCached')],
  ['must-revalidate', restriction('mustRevalidate')],
  ['proxy-revalidate', restriction('proxyRevalidate')],
  ['public', permission('public')],
  ['immutable', permission('immutable')],
  ['must-understand', permission('mustUnderstand')],
  ['no-cache', scope('noCache')],
  ['private', scope('private')],
  ['max-age', limit('maxAge')],
  ['s-maxage', limit('sMaxage')],
  ['stale-while-revalidate', limit('staleWhileRevalidate')],
  ['stale-if-error', limit('staleIfError')],
  ['max-stale', readMaxStale],
  ['min-fresh', readMinFresh],
]);

/**
 * The directives of all lines called `name` (lower case). Unknown ones are ignored; the quoted
 * form of a value counts as the plain one. Of two values the smaller counts (min-fresh: the
 * larger), an unreadable one is 0 (min-fresh: the maximum), and a broken `public`, `immutable` or
 * `must-understand` does not count while a broken restriction does.
 */
export function parseCacheControl(lines: FieldLines, name = 'cache-control'): CacheControl {
  let draft: Draft | undefined;
  for (const line of lines) {
    if (line[0] !== name) continue;
    draft ??= { ...NOTHING };
    for (const member of listMembers(line[1])) readMember(draft, member);
  }
  if (draft === undefined) return NOTHING;
  for (const key of ['noCache', 'private'] as const) {
    const names = draft[key];
    if (typeof names !== 'boolean') draft[key] = [...new Set(names)];
  }
  return draft;
}

function readMember(draft: Draft, member: string): void {
  const parts = MEMBER.exec(member);
  const name = parts?.[1] ?? MEMBER_NAME.exec(member)?.[0] ?? '';
  const value = parts?.[2] ?? parts?.[3]?.replace(QUOTED_PAIR, '$1');
  READERS.get(name.toLowerCase())?.(draft, { value, wellFormed: parts !== null });
}

function restriction(
  key: 'noStore' | 'noTransform' | 'onlyIfCached' | 'mustRevalidate' | 'proxyRevalidate',
): Reader {
  return (draft) => {
    draft[key] = true;
  };
}

function permission(key: 'public' | 'immutable' | 'mustUnderstand'): Reader {
  return (draft, { value, wellFormed }) => {
    if (wellFormed && value === undefined) draft[key] = true;
  };
}

/** Without a readable list of field names the directive speaks of the whole response. */
function scope(key: 'noCache' | 'private'): Reader {
  return (draft, { value }) => {
    const names = value === undefined ? [] : listMembers(value.toLowerCase());
    const known = draft[key];
    if (known === true || names.length === 0 || !names.every(isFieldName)) draft[key] = true;
    else if (known === false) draft[key] = names;
    else (known as string[]).push(...names); // made above; a new list each time would be quadratic
  };
}

function limit(key: 'maxAge' | 'sMaxage' | 'staleWhileRevalidate' | 'staleIfError'): Reader {
  return (draft, { value }) => {
    draft[key] = Math.min(draft[key] ?? Infinity, deltaSeconds(value) ?? 0);
  };
}

function readMaxStale(draft: Draft, { value, wellFormed }: Directive): void {
  const any = wellFormed && value === undefined;
  const seconds = any ? Infinity : (deltaSeconds(value) ?? 0);
  draft.maxStale = Math.min(draft.maxStale ?? Infinity, seconds);
}

function readMinFresh(draft: Draft, { value }: Directive): void {
  draft.minFresh = Math.max(draft.minFresh ?? 0, deltaSeconds(value) ?? MAX_DELTA_SECONDS);
}

function deltaSeconds(value: string | undefined): number | undefined {
  if (value === undefined || !DIGITS.test(value)) return undefined;
  return Math.min(Number(value), MAX_DELTA_SECONDS);
}
