/**
 * Byte ranges (RFC 9110 section 14). `parseRange` runs on the hit path: it walks the characters
 * once and allocates only its answer. Absurdly long numbers lose digits or become Infinity: either
 * way they lie past any body.
 */

/** First and last byte, both included, inside the representation. */
export type ByteRange = readonly [start: number, end: number];

export type RangeResult =
  | { readonly kind: 'ignore' } // answer as if there were no Range: 200
  | { readonly kind: 'unsatisfiable' } // 416
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] }; // 206, never empty

export type ContentRange =
  | { readonly start: number; readonly end: number; readonly total: number | undefined }
  | { readonly unsatisfied: true; readonly total: number };

const IGNORE: RangeResult = { kind: 'ignore' };
const UNSATISFIABLE: RangeResult = { kind: 'unsatisfiable' };

const CONTENT_RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i;

const BYTES_OF = /^bytes\s*=(.*)$/i;
const MEMBER = /^\s*(\d+)-(\d*)\s*$/;

const TAB = 0x09;
const SPACE = 0x20;
const COMMA = 0x2c;
const DASH = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * What a `Range` field asks of a representation of `length` bytes.
 *
 * `ignore`: another unit, bad syntax, a range that ends before it starts, more than `maxRanges`
 * members, or a suffix of an empty body, which no Content-Range can express. `ranges`: clipped to
 * the body, in the order asked; those that overlap or touch become one in the place of the
 * first (RFC 9110 sections 14.1.2, 14.2 and 15.3.7.2). Keep `maxRanges` small: the work can grow
 * with its square.
 */
export function parseRange(value: string, length: number, maxRanges: number): RangeResult {
  let at = setStart(value);
  if (at === -1) return IGNORE;
  const ranges: ByteRange[] = [];
  let members = 0;
  for (at = memberStart(value, at); at < value.length; at = memberStart(value, at)) {
    members += 1;
    const dash = digitsEnd(value, at);
    const end = digitsEnd(value, dash + 1);
    if (members > maxRanges || value.charCodeAt(dash) !== DASH) return IGNORE;
    if (!endsMember(value, end)) return IGNORE;
    const first = decimal(value, at, dash);
    const last = decimal(value, dash + 1, end);
    if (!addMember(ranges, first, last, length)) return IGNORE;
    at = end;
  }
  if (members === 0) return IGNORE;
  return ranges.length === 0 ? UNSATISFIABLE : { kind: 'ranges', ranges };
}

/**
 * How far a Range reaches, whatever the length: from the first byte of any member to the last. Undefined:
 * a suffix is among them, or it cannot be read.
 */
export function reachOf(
  value: string,
): { readonly start: number; readonly end: number } | undefined {
  const [, list] = BYTES_OF.exec(value) ?? [];
  let start = Infinity;
  let end = -1;
  for (const member of list?.split(',') ?? []) {
    const [, first, last] = MEMBER.exec(member) ?? [];
    if (first === undefined) return undefined;
    start = Math.min(start, Number(first));
    end = Math.max(end, Number(last === '' ? first : last));
  }
  return end < 0 ? undefined : { start, end };
}

/** What a `Content-Range` field says, or undefined when it is not a valid one of bytes. */
export function parseContentRange(value: string): ContentRange | undefined {
  const parts = CONTENT_RANGE.exec(value);
  if (parts === null) return undefined;
  const [, first, last, complete] = parts;
  const total = complete === '*' ? undefined : Number(complete);
  if (total !== undefined && !Number.isSafeInteger(total)) return undefined;
  if (first === undefined) return total === undefined ? undefined : { unsatisfied: true, total };
  const start = Number(first);
  const end = Number(last);
  if (end < start || !Number.isSafeInteger(end)) return undefined;
  if (total !== undefined && end >= total) return undefined;
  return { start, end, total };
}

/** Value of `Content-Range` for one part of `total` bytes; without `range`, the one of a 416. */
export function formatContentRange(range: ByteRange | undefined, total: number): string {
  return range === undefined ? `bytes */${total}` : `bytes ${range[0]}-${range[1]}/${total}`;
}

/** Index after 'bytes=', or -1. The unit's case does not count (RFC 9110 section 14.1). */
function setStart(value: string): number {
  if (value.startsWith('bytes=')) return 6;
  return value.length > 6 && value.slice(0, 6).toLowerCase() === 'bytes=' ? 6 : -1;
}

/** Skips commas, blanks and thereby empty members (RFC 9110 section 5.6.1.2). */
function memberStart(value: string, from: number): number {
  let at = from;
  while (at < value.length && isSeparator(value.charCodeAt(at))) at += 1;
  return at;
}

/** Whether nothing but blanks stands between `from` and the next comma or the end. */
function endsMember(value: string, from: number): boolean {
  for (let at = from; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code === COMMA) return true;
    if (code !== SPACE && code !== TAB) return false;
  }
  return true;
}

function isSeparator(code: number): boolean {
  return code === COMMA || code === SPACE || code === TAB;
}

function digitsEnd(value: string, from: number): number {
  let at = from;
  for (let code = value.charCodeAt(at); code >= ZERO && code <= NINE; code = value.charCodeAt(at)) {
    at += 1;
  }
  return at;
}

/** The number written from `from` up to `end`; -1 when there is no digit. */
function decimal(value: string, from: number, end: number): number {
  if (from >= end) return -1;
  let number = 0;
  for (let at = from; at < end; at += 1) number = number * 10 + value.charCodeAt(at) - ZERO;
  return number;
}

/** False: the whole field is to be ignored. A member that is only unsatisfiable adds nothing. */
function addMember(ranges: ByteRange[], first: number, last: number, length: number): boolean {
  if (first === -1) {
    if (last === -1 || (last > 0 && length === 0)) return false;
    if (last > 0) addRange(ranges, Math.max(0, length - last), length - 1);
    return true;
  }
  if (last !== -1 && last < first) return false;
  if (first < length)
    addRange(ranges, first, last === -1 ? length - 1 : Math.min(last, length - 1));
  return true;
}

/** Adds one range; earlier ones that it overlaps or touches become part of it. */
function addRange(ranges: ByteRange[], first: number, last: number): void {
  let start = first;
  let end = last;
  let place = ranges.length;
  for (let i = touching(ranges, start, end); i !== -1; i = touching(ranges, start, end)) {
    const [other] = ranges.splice(i, 1);
    if (other === undefined) break;
    start = Math.min(start, other[0]);
    end = Math.max(end, other[1]);
    place = Math.min(place, i);
  }
  ranges.splice(place, 0, [start, end]);
}

function touching(ranges: readonly ByteRange[], start: number, end: number): number {
  return ranges.findIndex((range) => start <= range[1] + 1 && range[0] <= end + 1);
}
