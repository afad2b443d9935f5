/** Partial content: which ranges are asked for as such, and joining what lies side by side (RFC 9111 3.4). */
import type { AskRequest } from '../../protocol/messages.js';
import { canCombine } from '../../rules/partial.js';
import { withoutContentDigests } from '../../http/digest.js';
import { parseRange } from '../../http/range.js';
import { mediaKind } from '../../media/kind.js';
import { hash32 } from '../../runtime/hash.js';
import type { ShardContext } from './context.js';
import { pathOf } from '../../protocol/describe.js';
import { withCodable } from './encoder.js';
import { NO_ENCODINGS, type Stored, type Variant, variantOf } from '../holdings/entry.js';
import type { Fill } from './fill.js';
import { readBody } from './read-body.js';
import { metadataRoom } from '../holdings/stored-metadata.js';

/** Parts of one representation that may lie apart; past it the oldest goes. */
const MAX_PARTS = 64;
const MAX_JOIN_RATIO = 2;
/** Copied at once: some 2 ms. */
const MAX_JOIN_BYTES = 16_777_216;
/** A first range of a whole-file download: fetch the file. */
const FROM_START = /^bytes\s*=\s*0-$/i;
/** A fill of the whole that is this close to the first byte asked for is waited for. */
const NEAR_BYTES = 1_048_576;
const ONE_RANGE = /^bytes\s*=\s*(?:\d+-\d*|-\d+)$/i;

/** Fields of a 206 that are not those of the whole. */
const OF_A_PART = new Set(['content-range', 'content-length']);

export function isOneRange(range: string): boolean {
  return ONE_RANGE.test(range);
}

/**
 * The Range to send upstream for this ask; '' = fetch the whole object. Segments and text are
 * fetched whole, since the next viewer wants the rest; large files may be only looked into.
 */
export function fillRange(request: AskRequest): string {
  const { range, slice } = request;
  if (slice !== undefined) return range;
  if (range === '' || FROM_START.test(range) || !isOneRange(range)) return '';
  const path = pathOf(request.key);
  const kind = mediaKind(path);
  const lookedInto =
    kind === 'other' || kind === 'init' || /\.(?:mp4|m4v|m4a|mov|cmfv|cmfa|ts)$/i.test(path);
  return lookedInto ? range : '';
}

/**
 * True when the fill of the whole object soon has the first byte of `range`. Players open a file with
 * `bytes=0-` and seek before they close that: a seek far ahead must not wait for all that lies between.
 */
export function reachesSoon(whole: Fill | undefined, range: string): boolean {
  if (whole === undefined) return false;
  const [, first, suffix] = /^bytes\s*=\s*(?:(\d+)-|-(\d+)$)/i.exec(range) ?? [];
  if (first !== undefined) return Number(first) <= whole.written + NEAR_BYTES;
  if (suffix === undefined) return true; // all of it is wanted
  const length = whole.descriptor?.storedBytes ?? -1;
  return length >= 0 && length - Number(suffix) <= whole.written + NEAR_BYTES;
}

/**
 * What holds all of the one range asked for; parts that do so together are joined for it. The whole,
 * when that is what became of them.
 */
export function coveringPart(
  context: ShardContext,
  variant: Variant,
  range: string,
): Stored | undefined {
  const [any] = variant.parts;
  if (range === '' || any === undefined) return undefined;
  const asked = parseRange(range, any.descriptor.totalBytes, 1);
  const [first] = asked.kind === 'ranges' ? asked.ranges : [];
  if (first === undefined) return undefined;
  const [from, to] = first;
  const alone = variant.parts.find((part) => startOf(part) <= from && to < endOf(part));
  if (alone !== undefined) return alone;
  const one = variant.parts.find((part) => startOf(part) <= from && from < endOf(part));
  const run = one === undefined ? [] : runAround(variant.parts, one);
  const group = run.filter((part) => endOf(part) > from && startOf(part) <= to);
  if (group.length < 2 || Math.max(...group.map(endOf)) <= to) return undefined;
  return joined(context, group) ?? variant.whole;
}

/**
 * Joins a new part with what it touches, and all parts once they make up the whole, which is served
 * as such. A part is joined to one at most twice its size: were each small range added to all that
 * came before it, reading a film from end to end would copy it a thousand times over.
 */
export function mergeParts(context: ShardContext, added: Stored): void {
  const { holdings } = context;
  const variant = variantOf(added.entry, added.secondary);
  for (const other of variant.parts.filter((part) => part !== added)) {
    // Another representation: the newer one is what exists.
    if (!canCombine(other.originFields, added.originFields)) holdings.discard(other);
  }
  let grown: Stored | undefined = added;
  while (grown !== undefined) {
    for (const other of [...variant.parts]) if (isInside(other, grown)) holdings.discard(other);
    const group = toJoin(variant.parts, grown);
    grown = group.length < 2 ? undefined : joined(context, group);
  }
  while (variant.parts.length > MAX_PARTS) {
    const oldest = variant.parts[0];
    if (oldest === undefined) break;
    holdings.discard(oldest);
  }
}

/** True: the part shows that the whole is no longer what the resource is: it has grown, or changed. */
export function outdatedBy(whole: Stored, part: Stored): boolean {
  if (part.descriptor.totalBytes !== whole.descriptor.totalBytes) return true;
  return !canCombine(whole.originFields, part.originFields);
}

/** Parts to make one of with `part`; it alone when that does not pay yet. */
function toJoin(parts: readonly Stored[], part: Stored): Stored[] {
  const run = runAround(parts, part);
  const all = Math.min(...run.map(startOf)) === 0;
  if (all && Math.max(...run.map(endOf)) === part.descriptor.totalBytes) return run;
  const near = run.find((other) => {
    if (other === part || startOf(other) > endOf(part) || endOf(other) < startOf(part))
      return false;
    const sizes = [other, part].map(({ descriptor }) => descriptor.storedBytes);
    return Math.max(...sizes) <= MAX_JOIN_RATIO * Math.min(...sizes);
  });
  return run.filter((one) => one === part || one === near);
}

/** The parts that lie around one without a gap, itself among them. */
function runAround(parts: readonly Stored[], part: Stored): Stored[] {
  let run: Stored[] = [];
  let end = -1;
  for (const one of [...parts].sort((a, b) => startOf(a) - startOf(b))) {
    if (startOf(one) > end) {
      if (run.includes(part)) break;
      run = [];
    }
    run.push(one);
    end = Math.max(end, endOf(one));
  }
  return run;
}

function isInside(inner: Stored, outer: Stored): boolean {
  return inner !== outer && startOf(inner) >= startOf(outer) && endOf(inner) <= endOf(outer);
}

/** One part, or the whole, in place of a group without gaps. Undefined: no room, or too large. */
function joined(context: ShardContext, group: readonly Stored[]): Stored | undefined {
  const { holdings, config } = context;
  const { store, index } = holdings;
  const [first] = group;
  if (first === undefined) return undefined;
  const born = ({ descriptor }: Stored): number => descriptor.freshness.bornMs;
  const like = group.reduce((a, b) => (born(b) > born(a) ? b : a), first);
  const start = Math.min(...group.map(startOf));
  const end = Math.max(...group.map(endOf));
  // In one turn, on the thread that serves: what is larger stays apart and is asked for by range.
  if (end - start > Math.min(config.cache.maxObject, MAX_JOIN_BYTES)) return undefined;
  const room = metadataRoom(like.entry.key, like.originFields);
  const body = store.reserve(end - start, room);
  if (body === undefined) return undefined;
  // Making room may have evicted one of them.
  if (!group.every((part) => index.isHeld(part))) {
    store.release(body);
    return undefined;
  }
  for (const part of group) {
    const bytes = readBody(store.arena, part.body.extents, part.body.bytes);
    store.arena.write(body.extents, startOf(part) - start, bytes);
  }
  store.arena.publishWritten(body.slot, end - start);
  store.store(body, end - start, hash32(like.entry.key), room);
  const whole = start === 0 && end === like.descriptor.totalBytes;
  const fields = withoutContentDigests(like.originFields); // of one part's message
  const stored: Stored = {
    ...like,
    body,
    encodings: NO_ENCODINGS,
    originFields: whole ? fields.filter(([name]) => !OF_A_PART.has(name)) : fields,
    descriptor: withCodable(context, {
      ...like.descriptor,
      fields: withoutContentDigests(like.descriptor.fields),
      slot: body.slot,
      generation: body.generation,
      extents: body.extents,
      status: whole ? 200 : 206,
      firstByte: start,
      storedBytes: end - start,
      freshness: {
        ...like.descriptor.freshness,
        anonymousOnly: group.some(({ descriptor }) => descriptor.freshness.anonymousOnly),
      },
    }),
  };
  // First: with its last part an entry would be forgotten.
  holdings.add(stored);
  for (const part of group) holdings.discard(part);
  return whole ? undefined : stored;
}

/** Offset of its first byte in the representation. */
function startOf({ descriptor }: Stored): number {
  return descriptor.firstByte;
}

/** Offset behind its last byte in the representation. */
function endOf({ descriptor }: Stored): number {
  return descriptor.firstByte + descriptor.storedBytes;
}
