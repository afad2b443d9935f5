/** Which bytes of a representation an origin's answer brings. */
import { contentLength, fieldValue } from '../../http/fields.js';
import { parseContentRange } from '../../http/range.js';
import { isBodyless, type OriginResponse } from '../../origin/origin.js';
import type { Fill } from './fill.js';

export interface Span {
  readonly first: number;
  readonly length: number; // -1 unknown
  readonly total: number; // -1 unknown
}

/** Which bytes of the representation an answer brings; undefined when it is not what we asked for. */
export function spanOf(fill: Fill, response: OriginResponse): Span | undefined {
  // A 204 has no body whatever its fields say (RFC 9110 section 15.3.5).
  if (isBodyless('GET', response.status)) return { first: 0, length: 0, total: 0 };
  const length = contentLength(response.headers);
  if (response.status !== 206) return { first: 0, length, total: length };
  if (fill.range === '') return undefined;
  const range = parseContentRange(fieldValue(response.headers, 'content-range') ?? '');
  if (range === undefined || 'unsatisfied' in range || range.total === undefined) return undefined;
  const count = range.end - range.start + 1;
  if (length >= 0 && length !== count) return undefined;
  return { first: range.start, length: count, total: range.total };
}
