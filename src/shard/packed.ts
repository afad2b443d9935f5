/**
 * A stored response as one string. As JavaScript objects it is some forty of them and two kilobytes:
 * a million are two gigabytes, and a garbage collector that walks them for seconds while viewers wait.
 */
import type { Extent } from '../arena/buddy.js';
import { type Descriptor, isWhole } from '../cache/descriptor.js';
import { CODINGS, type ContentCoding } from '../http/encoding.js';
import type { FieldLine } from '../http/fields.js';
import type { MediaKind } from '../media/kind.js';
import { describe, isRenderedLater, streamOf, type StoringFacts } from './describe.js';
import { type Entry, newEntry, NO_ENCODINGS, type Stored } from './entry.js';
import type { LineInterner } from './line-interner.js';

/** What the values of a pack are, in this order. */
type Packed = [
  key: string,
  kind: MediaKind,
  status: number,
  lines: (number | FieldLine)[], // a number: the interner's
  strip: string[],
  times: [bornMs: number, ttlMs: number, swrMs: number, sieMs: number, retryAtMs: number],
  flags: number,
  body: [slot: number, generation: number, bytes: number, used: number],
  extents: number[], // offset, length, offset, ...
  text: [offset: number, capacity: number] | 0,
];

const MUST_REVALIDATE = 1;
const ALWAYS_REVALIDATE = 2;
const PUBLISHED = 4;
const ANONYMOUS_ONLY = 8;
const CODABLE = 16;
/** That coding is not worth it. */
const UNWORTHY = { br: 32, gzip: 64 } as const;

/** The response that is all there is of an entry, when a pack can say all of it: whole, and nothing varies. */
export function packable(entry: Entry): Stored | undefined {
  const { fills, vary, variants } = entry;
  if (fills.size > 0 || vary.length > 0 || variants.size !== 1) return undefined;
  const { whole, parts } = variants.get('') ?? { whole: undefined, parts: [] };
  if (whole === undefined || parts.length > 0 || whole.encodings.size > 0) return undefined;
  const { keep, freshness } = whole.descriptor;
  const { bornMs, ttlMs, swrMs, sieMs } = freshness;
  if (!keep || !isWhole(whole.descriptor)) return undefined;
  return [bornMs, ttlMs, swrMs, sieMs].every(Number.isFinite) ? whole : undefined;
}

export function packStored(stored: Stored, interner: LineInterner): string {
  const { descriptor, body, originFields, kind, retryAtMs } = stored;
  const { key, status, fields, freshness } = descriptor;
  const { bornMs, ttlMs, swrMs, sieMs } = freshness;
  const kept = new Set(fields.map(([name]) => name));
  const strip = originFields.flatMap(([name]) =>
    kept.has(name) || isRenderedLater(name, status) ? [] : name,
  );
  const packed: Packed = [
    key,
    kind,
    status,
    originFields.map((line) => interner.idOf(line) ?? line),
    strip,
    [bornMs, ttlMs, swrMs, sieMs, retryAtMs],
    (freshness.mustRevalidate ? MUST_REVALIDATE : 0) |
      (freshness.alwaysRevalidate ? ALWAYS_REVALIDATE : 0) |
      (freshness.anonymousOnly ? ANONYMOUS_ONLY : 0) |
      (body.published ? PUBLISHED : 0) |
      codingFlags(descriptor),
    [body.slot, body.generation, body.bytes, body.used],
    body.extents.flatMap(({ offset, length }) => [offset, length]),
    body.text === undefined ? 0 : [body.text.offset, body.text.capacity],
  ];
  return JSON.stringify(packed);
}

/** The same response again, in an entry of its own. */
export function unpackStored(
  text: string,
  { shard, epoch, interner }: { shard: number; epoch: number; interner: LineInterner },
): Stored {
  const [key, kind, status, lines, stripFields, times, flags, placed, cells, room] = JSON.parse(
    text,
  ) as Packed;
  const [bornMs, ttlMs, swrMs, sieMs, retryAtMs] = times;
  const [slot, generation, bytes, used] = placed;
  const extents = extentsOf(cells);
  const originFields = lines.map((line) => (typeof line === 'number' ? interner.at(line) : line));
  const stream = streamOf(key);
  const facts: StoringFacts = {
    ...{ bornMs, ttlMs, swrMs, sieMs, stripFields },
    vary: [],
    ...rulesOf(flags),
  };
  const described = describe(status, originFields, facts, {
    key,
    stream,
    shard,
    epoch,
    slot,
    generation,
    extents,
    firstByte: 0,
    storedBytes: bytes,
    totalBytes: bytes,
    secondary: '',
    codable: (flags & CODABLE) !== 0,
    keep: true,
  });
  const published = (flags & PUBLISHED) !== 0;
  const entry = newEntry(stream, key);
  const stored: Stored = {
    entry,
    secondary: '',
    kind,
    requestHeaders: [],
    encodings: NO_ENCODINGS,
    body: {
      slot,
      generation,
      extents,
      bytes,
      used,
      text: room === 0 ? undefined : { offset: room[0], capacity: room[1] },
      published,
    },
    originFields,
    descriptor: { ...described, published, unworthy: unworthyOf(flags) },
    retryAtMs,
  };
  entry.variants.set('', { whole: stored, parts: [] });
  return stored;
}

function rulesOf(
  flags: number,
): Pick<StoringFacts, 'mustRevalidate' | 'alwaysRevalidate' | 'anonymousOnly'> {
  return {
    mustRevalidate: (flags & MUST_REVALIDATE) !== 0,
    alwaysRevalidate: (flags & ALWAYS_REVALIDATE) !== 0,
    anonymousOnly: (flags & ANONYMOUS_ONLY) !== 0,
  };
}

function codingFlags({ codable, unworthy }: Descriptor): number {
  return unworthy.reduce((flags, coding) => flags | UNWORTHY[coding], codable ? CODABLE : 0);
}

function unworthyOf(flags: number): readonly ContentCoding[] {
  return CODINGS.filter((coding) => (flags & UNWORTHY[coding]) !== 0);
}

function extentsOf(cells: readonly number[]): Extent[] {
  return cells.flatMap((offset, i) => (i % 2 === 0 ? { offset, length: cells[i + 1] ?? 0 } : []));
}
