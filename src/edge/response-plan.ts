/**
 * What one request gets from one stored object: status, fields and which bytes. Pure. Conditions
 * are decided before ranges (RFC 9110 section 13.2.2).
 */
import type { Descriptor, EncodedBody } from '../cache/descriptor.js';
import { evaluateConditions, ifRangeHolds } from '../http/conditions.js';
import { withoutContentDigests } from '../http/digest.js';
import { negotiateEncoding } from '../http/encoding.js';
import { fieldValue, type FieldLines } from '../http/fields.js';
import { byterangesBody } from '../http/multipart.js';
import { type ByteRange, formatContentRange, parseRange } from '../http/range.js';
import type { Piece } from './body-writer.js';
import type { ClientRequest } from './client-request.js';
import { fieldsOf, renderFields, renderLines } from '../cache/render.js';

export interface ResponsePlan {
  readonly status: number;
  readonly lines: string; // "\r\nname: value" each
  readonly pieces: readonly Piece[];
  readonly total: number; // bytes of this response's body; -1 unknown
  readonly bodyless: boolean; // HEAD, 304: `total` is what a GET would have had
  readonly encoded: EncodedBody | undefined; // whose bytes, if not the object's own
}

export interface PlanContext {
  readonly nowMs: number;
  readonly maxRanges: number;
  readonly boundary: () => string;
}

/** A crowd that follows one fill gets the same: what a plain request gets is made once. */
export class Plans {
  readonly #plain = new WeakMap<Descriptor, ResponsePlan>();

  /** As `planResponse`. */
  of(
    request: ClientRequest,
    descriptor: Descriptor,
    context: PlanContext,
  ): ResponsePlan | undefined {
    if (!request.plain || descriptor.encodings.length > 0) {
      return planResponse(request, descriptor, context);
    }
    const known = this.#plain.get(descriptor);
    if (known !== undefined) return known;
    const plan = planResponse(request, descriptor, context);
    if (plan !== undefined) this.#plain.set(descriptor, plan);
    return plan;
  }
}

/** Undefined: the part at hand is not what the request wants; ask for the whole object. */
export function planResponse(
  request: ClientRequest,
  descriptor: Descriptor,
  context: PlanContext,
): ResponsePlan | undefined {
  const { fields } = request;
  const selectable = descriptor.status === 200 || descriptor.status === 206;
  if (!selectable) return whole(request, descriptor, undefined);
  const verdict = evaluateConditions(
    conditionsOf(request),
    validatorsOf(descriptor),
    context.nowMs,
  );
  const encoded = encodingFor(fields, descriptor);
  if (verdict === 304) return notModified(descriptor, encoded);
  if (verdict === 412) return bare(412, renderLines([]));
  const ranged = rangesOf(request, descriptor, context.maxRanges);
  if (ranged === 'unsatisfiable') {
    const total = formatContentRange(undefined, descriptor.totalBytes);
    return bare(416, `${renderLines([])}\r\nContent-Range: ${total}`);
  }
  if (ranged !== undefined) return partial(ranged, descriptor, context);
  if (descriptor.firstByte !== 0 || descriptor.status === 206) return undefined;
  return whole(request, descriptor, encoded);
}

function conditionsOf({ method, fields }: ClientRequest): Parameters<typeof evaluateConditions>[0] {
  return {
    method,
    ifMatch: fieldValue(fields, 'if-match'),
    ifNoneMatch: fieldValue(fields, 'if-none-match'),
    ifModifiedSince: fieldValue(fields, 'if-modified-since'),
    ifUnmodifiedSince: fieldValue(fields, 'if-unmodified-since'),
  };
}

function validatorsOf(descriptor: Descriptor): Parameters<typeof ifRangeHolds>[1] {
  const { etag, lastModifiedMs, dateMs } = descriptor;
  return {
    etag: etag === '' ? undefined : etag,
    lastModifiedMs: Number.isNaN(lastModifiedMs) ? undefined : lastModifiedMs,
    dateMs: Number.isNaN(dateMs) ? undefined : dateMs,
  };
}

/** Undefined: no range applies, so the whole object is meant. */
function rangesOf(
  { method, range, fields }: ClientRequest,
  descriptor: Descriptor,
  maxRanges: number,
): readonly ByteRange[] | 'unsatisfiable' | undefined {
  if (range === '' || method !== 'GET' || descriptor.totalBytes < 0) return undefined;
  const ifRange = fieldValue(fields, 'if-range');
  if (ifRange !== undefined && !ifRangeHolds(ifRange, validatorsOf(descriptor))) return undefined;
  const result = parseRange(range, descriptor.totalBytes, maxRanges);
  if (result.kind === 'ignore') return undefined;
  return result.kind === 'unsatisfiable' ? 'unsatisfiable' : result.ranges;
}

function partial(
  ranges: readonly ByteRange[],
  descriptor: Descriptor,
  context: PlanContext,
): ResponsePlan | undefined {
  const { firstByte, totalBytes, storedBytes, contentType } = descriptor;
  if (
    storedBytes >= 0 &&
    !ranges.every(([a, b]) => a >= firstByte && b < firstByte + storedBytes)
  ) {
    return undefined;
  }
  const [only] = ranges;
  if (only === undefined) return undefined;
  const kept = withoutContentDigests(descriptor.fields);
  const base = renderFields({ ...descriptor, fields: kept, encodings: [] }, undefined);
  const status = 206;
  if (ranges.length === 1) {
    const [start, end] = only;
    return {
      status,
      lines: `${base}\r\nContent-Range: ${formatContentRange(only, totalBytes)}`,
      pieces: [{ from: start - firstByte, length: end - start + 1 }],
      total: end - start + 1,
      bodyless: false,
      encoded: undefined,
    };
  }
  const boundary = context.boundary();
  const { partHeads, tail, length } = byterangesBody(ranges, totalBytes, contentType, boundary);
  const pieces: Piece[] = ranges.flatMap(([start, end], i): Piece[] => [
    { bytes: partHeads[i] ?? new Uint8Array(0) },
    { from: start - firstByte, length: end - start + 1 },
  ]);
  const fields = kept.filter(([name]) => name !== 'content-type');
  return {
    status,
    lines: `${renderLines(fields)}\r\nContent-Type: multipart/byteranges; boundary=${boundary}`,
    pieces: [...pieces, { bytes: tail }],
    total: length,
    bodyless: false,
    encoded: undefined,
  };
}

function whole(
  { method }: ClientRequest,
  descriptor: Descriptor,
  encoded: EncodedBody | undefined,
): ResponsePlan {
  const total = encoded?.bytes ?? descriptor.totalBytes;
  const empty = total === 0 || descriptor.status === 204;
  return {
    status: descriptor.status,
    lines: renderFields(descriptor, encoded),
    pieces: total > 0 ? [{ from: 0, length: total }] : [],
    total,
    bodyless: method === 'HEAD' || empty,
    encoded,
  };
}

/** RFC 9110 section 15.4.5: what a cache needs to update what it has, and no more. */
function notModified(descriptor: Descriptor, encoded: EncodedBody | undefined): ResponsePlan {
  const kept = new Set([
    'etag',
    'cache-control',
    'content-location',
    'expires',
    'vary',
    'cdn-cache-control',
    'last-modified',
  ]);
  const fields = fieldsOf(descriptor, encoded).filter(([name]) => kept.has(name));
  return { ...bare(304, renderLines(fields)), total: -1 };
}

function bare(status: number, lines: string): ResponsePlan {
  return { status, lines, pieces: [], total: 0, bodyless: true, encoded: undefined };
}

function encodingFor(fields: FieldLines, { encodings }: Descriptor): EncodedBody | undefined {
  if (encodings.length === 0) return undefined;
  const accept = fieldValue(fields, 'accept-encoding');
  const coding = negotiateEncoding(
    accept,
    encodings.map((one) => one.coding),
  );
  return encodings.find((one) => one.coding === coding);
}
