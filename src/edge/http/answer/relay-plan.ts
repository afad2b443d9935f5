/**
 * What one request gets of an answer that is not kept: the same rules as for what is (`select`), on the
 * head alone, since the bytes come once and in order. Pure.
 */
import type { Validators } from '../../../http/conditions.js';
import { withoutContentDigests } from '../../../http/digest.js';
import { contentLength, type FieldLines } from '../../../http/fields.js';
import { formatContentRange, type ByteRange } from '../../../http/range.js';
import {
  asksForRange,
  mayBePart,
  select,
  type SelectingRequest,
  type SelectionContext,
  validatorsIn,
} from '../../../http/selection.js';
import type { Head } from '../../../protocol/messages.js';
import type { BorrowedBytes } from '../../../runtime/bytes.js';

export type RelayPlan =
  | { readonly kind: 'as-is' } // its own status, fields and body
  | { readonly kind: 'bare'; readonly status: number; readonly fields: FieldLines } // none of its body
  | { readonly kind: 'slice'; readonly range: ByteRange; readonly total: number } // 206 of its 200
  | { readonly kind: 'whole-wanted' }; // a part came that the request does not want: ask without Range

const AS_IS: RelayPlan = { kind: 'as-is' };
const READS = new Set(['GET', 'HEAD']);
const SELECTABLE = new Set([200, 206]);

export function planRelay(
  request: SelectingRequest,
  { status, fields }: Head,
  context: SelectionContext,
): RelayPlan {
  if (!READS.has(request.method) || !SELECTABLE.has(status)) return AS_IS;
  const validators = validatorsIn(fields);
  const totalBytes = status === 200 ? contentLength(fields) : -1;
  const selection = select(request, { validators, totalBytes }, context);
  switch (selection.kind) {
    case 'not-modified':
      return { kind: 'bare', status: 304, fields: validatingFields(fields) };
    case 'failed':
      return { kind: 'bare', status: 412, fields: [] };
    case 'unsatisfiable': {
      const end = formatContentRange(undefined, totalBytes);
      return { kind: 'bare', status: 416, fields: [['content-range', end]] };
    }
    case 'ranges':
      return sliceOf(selection.ranges, totalBytes);
    case 'whole':
      return status === 200 || isPartFor(request, validators) ? AS_IS : { kind: 'whole-wanted' };
  }
}

/** Several ranges of what comes once and in order: the whole is as good an answer. */
function sliceOf([range, another]: readonly ByteRange[], total: number): RelayPlan {
  return range === undefined || another !== undefined ? AS_IS : { kind: 'slice', range, total };
}

function isPartFor(request: SelectingRequest, validators: Validators): boolean {
  return asksForRange(request) && mayBePart(request, validators);
}

/** The bytes of a slice out of chunks that come in order. */
export class Slicer {
  #skip: number;
  #left: number;

  constructor([start, end]: ByteRange) {
    this.#skip = start;
    this.#left = end - start + 1;
  }

  /** Borrowed from `chunk`; empty when none of it is wanted. */
  take(chunk: BorrowedBytes): BorrowedBytes {
    const from = Math.min(this.#skip, chunk.length);
    const wanted = chunk.subarray(from, Math.min(chunk.length, from + this.#left));
    this.#skip -= from;
    this.#left -= wanted.length;
    return wanted;
  }
}

/** RFC 9110 section 15.4.5: what a cache needs to update what it has, and no more. */
export function validatingFields(fields: FieldLines): FieldLines {
  return fields.filter(([name]) => OF_A_304.has(name));
}

const OF_A_304 = new Set([
  'etag',
  'cache-control',
  'content-location',
  'expires',
  'vary',
  'cdn-cache-control',
  'last-modified',
]);

/** Lines of a 206 made of a 200: its own but for what is about the whole. */
export function sliceFields(fields: FieldLines, range: ByteRange, total: number): FieldLines {
  return [...withoutContentDigests(fields), ['content-range', formatContentRange(range, total)]];
}
