/**
 * Which bytes of a representation are stored, as sorted, disjoint, never touching intervals
 * [start, end), and when parts may be put together. RFC 9111 sections 3.3 and 3.4.
 */
import { strongEqual } from '../http/conditions.js';
import { parseHttpDate } from '../http/date.js';
import { fieldValue } from '../http/fields.js';
import type { FieldLines } from '../http/fields.js';
import { parseContentRange } from '../http/range.js';

export type Interval = readonly [start: number, end: number]; // end is not included
export type Intervals = readonly Interval[];

/** The intervals with [start, end) added, neighbours joined. An empty one adds nothing. */
export function addInterval(intervals: Intervals, start: number, end: number): Intervals {
  if (end <= start) return intervals;
  const before: Interval[] = [];
  const after: Interval[] = [];
  let from = start;
  let to = end;
  for (const interval of intervals) {
    if (interval[1] < from) before.push(interval);
    else if (interval[0] > to) after.push(interval);
    else {
      from = Math.min(from, interval[0]);
      to = Math.max(to, interval[1]);
    }
  }
  return [...before, [from, to], ...after];
}

/** Are all bytes of [start, end) there? True for an empty one. */
export function covers(intervals: Intervals, start: number, end: number): boolean {
  return end <= start || intervals.some(([from, to]) => from <= start && end <= to);
}

/** The gaps inside [start, end), in order; empty when it is covered. */
export function missing(intervals: Intervals, start: number, end: number): Intervals {
  const gaps: Interval[] = [];
  let at = start;
  for (const [from, to] of intervals) {
    if (to <= at) continue;
    if (from >= end) break;
    if (from > at) gaps.push([at, from]);
    at = to;
  }
  if (at < end) gaps.push([at, end]);
  return gaps;
}

/**
 * May bytes of the new response be joined with stored ones? Only with the same strong validator,
 * the same content coding, and no contradiction about the whole length.
 */
export function canCombine(storedHeaders: FieldLines, newHeaders: FieldLines): boolean {
  const sameCoding =
    fieldValue(storedHeaders, 'content-encoding') === fieldValue(newHeaders, 'content-encoding');
  if (!sameCoding) return false;
  const storedLength = wholeLength(storedHeaders);
  const newLength = wholeLength(newHeaders);
  if (storedLength !== undefined && newLength !== undefined && storedLength !== newLength) {
    return false;
  }
  const storedTag = fieldValue(storedHeaders, 'etag');
  const newTag = fieldValue(newHeaders, 'etag');
  if (storedTag !== undefined && newTag !== undefined) return strongEqual(storedTag, newTag);
  const modified = strongModified(storedHeaders);
  return modified !== undefined && modified === strongModified(newHeaders);
}

/** Of a 206 the number after the slash; of a whole response its Content-Length. */
function wholeLength(headers: FieldLines): number | undefined {
  const range = fieldValue(headers, 'content-range');
  if (range !== undefined) return parseContentRange(range)?.total;
  const length = fieldValue(headers, 'content-length');
  return length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined;
}

/** Last-Modified, when Date shows it was not this very second: RFC 9110 section 8.8.2.2. */
export function strongModified(headers: FieldLines): number | undefined {
  const modifiedMs = parseHttpDate(fieldValue(headers, 'last-modified') ?? '');
  const dateMs = parseHttpDate(fieldValue(headers, 'date') ?? '');
  if (modifiedMs === undefined || dateMs === undefined) return undefined;
  return dateMs - modifiedMs >= 1000 ? modifiedMs : undefined;
}
