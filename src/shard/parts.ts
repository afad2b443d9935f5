/** Partial content: which ranges are asked for as such, and joining what lies side by side (RFC 9111 3.4). */
import type { AskRequest } from '../cache/messages.js';
import { canCombine } from '../cache/partial.js';
import { parseRange } from '../http/range.js';
import { mediaKind } from '../media/kind.js';
import { hash32 } from '../runtime/hash.js';
import type { ShardContext } from './context.js';
import { pathOf } from './describe.js';
import { NO_ENCODINGS, type Stored, type Variant, variantOf } from './entry.js';
import type { Fill } from './fill.js';
import { readBody } from './read-body.js';

/** Parts of one representation that may lie apart; past it the oldest goes. */
const MAX_PARTS = 64;
/** A first range of a whole-file download: fetch the file. */
const FROM_START = /^bytes\s*=\s*0-$/i;
/** A fill of the whole that is this close to the first byte asked for is waited for. */
const NEAR_BYTES = 1_048_576;
const ONE_RANGE = /^bytes\s*=\s*(?:\d+-\d*|-\d+)$/i;

/** Fields of a 206 that are not those of the whole. */
const OF_A_PART = new Set(['content-range', 'content-length']);

/**
 * The Range to send upstream for this ask; '' = fetch the whole object. Segments and text are
 * fetched whole, since the next viewer wants the rest; large files may be only looked into.
 */
export function fillRange(request: AskRequest): string {
  const { range } = request;
  if (range === '' || FROM_START.test(range) || !ONE_RANGE.test(range)) return '';
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

/** The stored part that holds all of the one range asked for. */
export function coveringPart(variant: Variant, range: string): Stored | undefined {
  if (range === '') return undefined;
  return variant.parts.find(({ descriptor }) => {
    const asked = parseRange(range, descriptor.totalBytes, 1);
    if (asked.kind !== 'ranges') return false;
    const [first] = asked.ranges;
    if (first === undefined) return false;
    const end = descriptor.firstByte + descriptor.storedBytes;
    return first[0] >= descriptor.firstByte && first[1] < end;
  });
}

/** Joins a new part with those it touches; a part that has become the whole is served as such. */
export function mergeParts(
  context: ShardContext,
  added: Stored,
  discard: (stored: Stored) => void,
): void {
  const variant = variantOf(added.entry, added.secondary);
  let merged = added;
  for (const other of variant.parts.filter((part) => part !== added)) {
    if (!canCombine(other.originFields, added.originFields)) {
      discard(other); // another representation: the newer one is what exists
      continue;
    }
    merged = joined(context, merged, other, discard) ?? merged;
  }
  while (variant.parts.length > MAX_PARTS) {
    const oldest = variant.parts[0];
    if (oldest === undefined) break;
    discard(oldest);
  }
}

function joined(
  context: ShardContext,
  a: Stored,
  b: Stored,
  discard: (stored: Stored) => void,
): Stored | undefined {
  const { store, owners, config } = context;
  const [low, high] = a.descriptor.firstByte <= b.descriptor.firstByte ? [a, b] : [b, a];
  const start = low.descriptor.firstByte;
  const end = Math.max(endOf(low), endOf(high));
  if (high.descriptor.firstByte > endOf(low)) return undefined;
  if (end - start > config.cache.maxObject) return undefined;
  const body = store.reserve(end - start);
  if (body === undefined) return undefined;
  // Making room may have evicted one of the two.
  if (owners[low.body.slot] !== low || owners[high.body.slot] !== high) {
    store.release(body);
    return undefined;
  }
  for (const part of [low, high]) {
    const bytes = readBody(store.arena, part.body.extents, part.body.bytes);
    store.arena.write(body.extents, part.descriptor.firstByte - start, bytes);
  }
  store.arena.publishWritten(body.slot, end - start);
  store.store(body, end - start, hash32(a.entry.key));
  const whole = start === 0 && end === a.descriptor.totalBytes;
  const stored: Stored = {
    ...a,
    body,
    encodings: NO_ENCODINGS,
    originFields: whole ? a.originFields.filter(([name]) => !OF_A_PART.has(name)) : a.originFields,
    descriptor: {
      ...a.descriptor,
      slot: body.slot,
      generation: body.generation,
      extents: body.extents,
      status: whole ? 200 : 206,
      firstByte: start,
      storedBytes: end - start,
    },
  };
  owners[body.slot] = stored;
  discard(low);
  discard(high);
  const variant = variantOf(a.entry, a.secondary);
  if (whole) replaceWhole(variant, stored, discard);
  else variant.parts.push(stored);
  return stored;
}

function replaceWhole(variant: Variant, stored: Stored, discard: (stored: Stored) => void): void {
  const before = variant.whole;
  variant.whole = stored;
  if (before !== undefined) discard(before);
}

/** Offset behind its last byte in the representation. */
function endOf({ descriptor }: Stored): number {
  return descriptor.firstByte + descriptor.storedBytes;
}
