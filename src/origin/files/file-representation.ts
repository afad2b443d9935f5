/**
 * A file as a representation: its validators and field lines, and what of it a request wants. Pure. A file
 * that may still be being written has a weak tag, no Last-Modified and a short life.
 */
import { type evaluateConditions, ifRangeHolds } from '../../http/conditions.js';
import { formatHttpDate } from '../../http/date.js';
import { fieldValue, type FieldLine, type FieldLines } from '../../http/fields.js';
import { parseRange } from '../../http/range.js';
import { contentTypeOf, mediaKind } from '../../media/kind.js';
import type { OriginRequest } from '../origin.js';
import { entityTag, type FileState, isSettled } from './file-state.js';

/** For caches behind us; ours goes by `settling`. A playlist may live shorter than a second. */
const UNSETTLED_CONTROL = 'max-age=1, stale-while-revalidate=0';
const UNSETTLED_MANIFEST_CONTROL = 'no-cache';

export interface Representation {
  readonly etag: string;
  readonly settled: boolean;
  readonly lastModifiedMs: number | undefined;
  readonly dateMs: number;
  readonly length: number;
  readonly lines: FieldLines; // of every answer about it, 304 included
}

/** What is said of a file in that state, at that time; `open`: somebody has it open for writing. */
export function describeFile(
  path: string,
  state: FileState,
  { dateMs, open }: { readonly dateMs: number; readonly open: boolean },
): Representation {
  const settled = isSettled(state, dateMs, open);
  const etag = entityTag(state, settled);
  const modifiedMs = Number(state.mtimeNs / 1_000_000n);
  const lastModifiedMs = settled ? Math.min(modifiedMs, dateMs) : undefined; // RFC 9110 section 8.8.2.1
  const type = contentTypeOf(path);
  const lines: FieldLine[] = [
    ['date', formatHttpDate(dateMs)],
    ['content-type', type],
    ['etag', etag],
    ['accept-ranges', 'bytes'],
  ];
  if (lastModifiedMs !== undefined) lines.push(['last-modified', formatHttpDate(lastModifiedMs)]);
  else lines.push(['cache-control', unsettledControl(path, type)]);
  return { etag, settled, lastModifiedMs, dateMs, length: Number(state.size), lines };
}

export function conditionsOf(request: OriginRequest): Parameters<typeof evaluateConditions>[0] {
  const { method, headers } = request;
  return {
    method,
    ifMatch: fieldValue(headers, 'if-match'),
    ifNoneMatch: fieldValue(headers, 'if-none-match'),
    ifModifiedSince: fieldValue(headers, 'if-modified-since'),
    ifUnmodifiedSince: fieldValue(headers, 'if-unmodified-since'),
  };
}

/** The one range to answer with; undefined: the whole file (RFC 9110 sections 13.1.5 and 14.2). */
export function wantedRange(
  request: OriginRequest,
  about: Representation,
): readonly [start: number, end: number] | 'unsatisfiable' | undefined {
  const value = request.method === 'GET' ? fieldValue(request.headers, 'range') : undefined;
  if (value === undefined) return undefined;
  const ifRange = fieldValue(request.headers, 'if-range');
  if (ifRange !== undefined && !ifRangeHolds(ifRange, about)) return undefined;
  const result = parseRange(value, about.length, 1);
  if (result.kind === 'unsatisfiable') return 'unsatisfiable';
  return result.kind === 'ranges' ? result.ranges[0] : undefined;
}

function unsettledControl(path: string, type: string): string {
  const kind = mediaKind(path, type);
  return kind === 'playlist' || kind === 'mpd' ? UNSETTLED_MANIFEST_CONTROL : UNSETTLED_CONTROL;
}
