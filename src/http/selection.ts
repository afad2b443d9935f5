/**
 * What one request gets of a representation: conditions before ranges (RFC 9110 section 13.2.2). The
 * one place that decides, for what is stored as for what passes by. Pure.
 */
import { evaluateConditions, ifRangeHolds, type Validators } from './conditions.js';
import { parseHttpDate } from './date.js';
import { fieldValue, type FieldLines } from './fields.js';
import { type ByteRange, parseRange } from './range.js';

export interface SelectingRequest {
  readonly method: string;
  readonly fields: FieldLines;
  readonly range: string; // '': none, or to be ignored
}

export type Selection =
  | { readonly kind: 'whole' }
  | { readonly kind: 'not-modified' } // 304
  | { readonly kind: 'failed' } // 412
  | { readonly kind: 'unsatisfiable' } // 416
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] }; // 206, never empty

export interface SelectionContext {
  readonly nowMs: number;
  readonly maxRanges: number;
}

const WHOLE: Selection = { kind: 'whole' };

/** `totalBytes` -1: not known, so no range of it can be told. */
export function select(
  request: SelectingRequest,
  of: { readonly validators: Validators; readonly totalBytes: number },
  { nowMs, maxRanges }: SelectionContext,
): Selection {
  const verdict = evaluateConditions(conditionsOf(request), of.validators, nowMs);
  if (verdict === 304) return { kind: 'not-modified' };
  if (verdict === 412) return { kind: 'failed' };
  if (!asksForRange(request) || of.totalBytes < 0 || !mayBePart(request, of.validators)) {
    return WHOLE;
  }
  const result = parseRange(request.range, of.totalBytes, maxRanges);
  return result.kind === 'ignore' ? WHOLE : result;
}

/** False: If-Range names another representation, so the whole of this one is wanted. */
export function mayBePart({ fields }: SelectingRequest, validators: Validators): boolean {
  const ifRange = fieldValue(fields, 'if-range');
  return ifRange === undefined || ifRangeHolds(ifRange, validators);
}

export function asksForRange({ method, range }: SelectingRequest): boolean {
  return method === 'GET' && range !== '';
}

/**
 * The validators that the fields of an answer give which has just been made. Its Date is none without
 * a Last-Modified: it says when it was made, not when it last changed.
 */
export function validatorsIn(fields: FieldLines): Validators {
  const date = (name: string): number | undefined => {
    const value = fieldValue(fields, name);
    return value === undefined ? undefined : parseHttpDate(value);
  };
  const etag = fieldValue(fields, 'etag');
  const lastModifiedMs = date('last-modified');
  if (lastModifiedMs === undefined) return { etag };
  return { etag, lastModifiedMs, dateMs: date('date') };
}

function conditionsOf({
  method,
  fields,
}: SelectingRequest): Parameters<typeof evaluateConditions>[0] {
  return {
    method,
    ifMatch: fieldValue(fields, 'if-match'),
    ifNoneMatch: fieldValue(fields, 'if-none-match'),
    ifModifiedSince: fieldValue(fields, 'if-modified-since'),
    ifUnmodifiedSince: fieldValue(fields, 'if-unmodified-since'),
  };
}
