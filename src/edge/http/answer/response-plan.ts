/**
 * What one request gets from one stored object: status, fields and which bytes. Pure. Conditions
 * are decided before ranges (RFC 9110 section 13.2.2).
 */
import { forbidsTransform } from '../../../protocol/codable.js';
import type { Descriptor, EncodedBody } from '../../../protocol/descriptor.js';
import type { Validators } from '../../../http/conditions.js';
import { withoutContentDigests } from '../../../http/digest.js';
import { preferredCodings } from '../../../http/encoding.js';
import { fieldValue, type FieldLines, listMembers } from '../../../http/fields.js';
import { byterangesBody } from '../../../http/multipart.js';
import { type ByteRange, formatContentRange } from '../../../http/range.js';
import { select } from '../../../http/selection.js';
import { validatingFields } from './relay-plan.js';
import type { Piece } from './body-writer.js';
import type { ClientRequest } from '../request/client-request.js';
import { fieldsOf, renderFields, renderLines, weakTag } from '../../../protocol/render.js';

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
  const { totalBytes } = descriptor;
  const selection = select(request, { validators: validatorsOf(descriptor), totalBytes }, context);
  const encoded = encodingFor(fields, descriptor);
  switch (selection.kind) {
    case 'not-modified':
      return notModified(descriptor, encoded, fieldValue(fields, 'if-none-match'));
    case 'failed':
      return bare(412, renderLines([]));
    case 'unsatisfiable':
      return bare(416, `${renderLines([])}\r\nContent-Range: ${endOnly(totalBytes)}`);
    case 'ranges':
      return partial(selection.ranges, descriptor, context);
    case 'whole':
      if (descriptor.firstByte !== 0 || descriptor.status === 206) return undefined;
      return whole(request, descriptor, encoded);
  }
}

function endOnly(totalBytes: number): string {
  return formatContentRange(undefined, totalBytes);
}

function validatorsOf(descriptor: Descriptor): Validators {
  const { etag, lastModifiedMs, dateMs } = descriptor;
  return {
    etag: etag === '' ? undefined : etag,
    lastModifiedMs: Number.isNaN(lastModifiedMs) ? undefined : lastModifiedMs,
    dateMs: Number.isNaN(dateMs) ? undefined : dateMs,
  };
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
  const part = { ...descriptor, fields: withoutContentDigests(descriptor.fields) };
  const base = renderFields(part, undefined);
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
  const fields = fieldsOf(part, undefined).filter(([name]) => name !== 'content-type');
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

function notModified(
  descriptor: Descriptor,
  encoded: EncodedBody | undefined,
  ifNoneMatch: string | undefined,
): ResponsePlan {
  const form = formNamed(descriptor, ifNoneMatch) ?? (encoded === undefined ? 'strong' : 'weak');
  const all = validatingFields(fieldsOf(descriptor, undefined));
  const fields = form === 'weak' ? all.map(weakTag) : all;
  return { ...bare(304, renderLines(fields)), total: -1 };
}

/**
 * Which form of the object the client has, by the tag it names: another form may be at hand by now, and
 * with the strong tag of identity a client would take what it has of a coding for a part of that.
 */
function formNamed({ etag }: Descriptor, named: string | undefined): 'strong' | 'weak' | undefined {
  const tags = listMembers(named ?? '');
  if (tags.includes(etag)) return 'strong';
  return tags.includes(`W/${etag}`) ? 'weak' : undefined;
}

function bare(status: number, lines: string): ResponsePlan {
  return { status, lines, pieces: [], total: 0, bodyless: true, encoded: undefined };
}

/** Undefined: identity, also where a request forbids transformations (RFC 9111 section 5.2.1.6). */
function encodingFor(fields: FieldLines, { encodings }: Descriptor): EncodedBody | undefined {
  if (encodings.length === 0 || forbidsTransform(fieldValue(fields, 'cache-control'))) {
    return undefined;
  }
  for (const coding of preferredCodings(fieldValue(fields, 'accept-encoding'))) {
    const encoded = encodings.find((one) => one.coding === coding);
    if (encoded !== undefined) return encoded;
  }
  return undefined;
}
