/**
 * A stored response as one string. As JavaScript objects it is some forty of them and two kilobytes:
 * a million are two gigabytes, and a garbage collector that walks them for seconds while viewers wait.
 */
import type { Extent } from '../arena/buddy.js';
import type { Descriptor, EncodedBody } from '../cache/descriptor.js';
import { CODINGS, type ContentCoding } from '../http/encoding.js';
import type { Freshness } from '../cache/reuse.js';
import type { FieldLine } from '../http/fields.js';
import type { MediaKind } from '../media/kind.js';
import type { Rhythm } from '../media/rhythm.js';
import { describe, isRenderedLater, type StoringFacts } from '../cache/describe.js';
import { type Entry, NO_ENCODINGS, type Stored } from './entry.js';
import type { LineInterner } from './line-interner.js';
import type { Body } from './object-store.js';

/** What the values of a pack are, in this order. Null stands for a time without end. */
type Packed = [
  secondary: string,
  kind: MediaKind,
  status: number,
  lines: (number | FieldLine)[], // a number: the interner's
  strip: string[],
  times: [
    bornMs: number | null,
    ttlMs: number | null,
    swrMs: number | null,
    sieMs: number | null,
    retryAtMs: number | null,
  ],
  flags: number,
  span: [firstByte: number, totalBytes: number, sliceBytes: number],
  body: PackedBody,
  encodings: [EncodedBody['coding'], PackedBody][],
  rhythm?: PackedRhythm,
];

type PackedRhythm = [content: number, sinceMs: number, seenMs: number, afterMs: number | null];

type PackedBody = [
  slot: number,
  generation: number,
  bytes: number,
  used: number,
  behind: number,
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

/** False while its codings are being made: whoever makes them holds on to this very object. */
export function isPackable({ descriptor }: Stored): boolean {
  return descriptor.keep;
}

export function packStored(stored: Stored, interner: LineInterner): string {
  const { descriptor, body, originFields, kind, retryAtMs, secondary, encodings, rhythm } = stored;
  const { status, fields, freshness, firstByte, totalBytes, sliceBytes } = descriptor;
  const { bornMs, ttlMs, swrMs, sieMs } = freshness;
  const kept = new Set(fields.map(([name]) => name));
  const strip = originFields.flatMap(([name]) =>
    kept.has(name) || isRenderedLater(name, status) ? [] : name,
  );
  const packed: Packed = [
    secondary,
    kind,
    status,
    originFields.map((line) => interner.idOf(line) ?? line),
    strip,
    [bornMs, ttlMs, swrMs, sieMs, retryAtMs], // JSON makes null of Infinity
    ruleFlags(freshness) | (body.published ? PUBLISHED : 0) | codingFlags(descriptor),
    [firstByte, totalBytes, sliceBytes],
    packBody(body),
    [...encodings].map(([coding, encoded]) => [coding, packBody(encoded)]),
  ];
  if (rhythm !== undefined) {
    packed.push([rhythm.content, rhythm.sinceMs, rhythm.seenMs, rhythm.afterMs]);
  }
  return JSON.stringify(packed);
}

/** The same response again, as one of `entry`'s; not among its variants yet. */
export function unpackStored(
  text: string,
  entry: Entry,
  { shard, interner }: { shard: number; interner: LineInterner },
): Stored {
  const [secondary, kind, status, lines, stripFields, times, flags, span, packed, coded, rhythm] =
    JSON.parse(text) as Packed;
  const [bornMs = 0, ttlMs = 0, swrMs = 0, sieMs = 0, retryAtMs = 0] = times.map(
    (ms) => ms ?? Infinity,
  );
  const [firstByte, totalBytes, sliceBytes] = span;
  const { key, vary } = entry;
  const originFields = lines.map((line) => (typeof line === 'number' ? interner.at(line) : line));
  const lasting = { bornMs, ttlMs, swrMs, sieMs };
  const facts: StoringFacts = { stripFields, vary, ...lasting, ...rulesOf(flags) };
  const published = (flags & PUBLISHED) !== 0;
  const body = unpackBody(packed, published);
  const { slot, generation, extents, bytes } = body;
  const place = { key, shard, slot, generation, extents, firstByte, totalBytes, sliceBytes };
  const described = describe(status, originFields, facts, {
    storedBytes: sliceBytes > 0 ? totalBytes : bytes,
    secondary,
    codable: (flags & CODABLE) !== 0,
    keep: true,
    ...place,
  });
  const encodings = new Map(coded.map(([coding, one]) => [coding, unpackBody(one, false)]));
  return {
    entry,
    secondary,
    kind,
    body,
    encodings: encodings.size === 0 ? NO_ENCODINGS : encodings,
    originFields,
    rhythm: rhythm && unpackRhythm(rhythm),
    retryAtMs,
    descriptor: {
      ...described,
      published,
      unworthy: unworthyOf(flags),
      encodings: [...encodings].map(encodedAs),
    },
  };
}

/** Of a pack, only where its bytes lie: the body, then its codings. */
export function unpackBodies(text: string): Body[] {
  const [, , , , , , flags, , packed, coded] = JSON.parse(text) as Packed;
  const body = unpackBody(packed, (flags & PUBLISHED) !== 0);
  return [body, ...coded.map(([, one]) => unpackBody(one, false))];
}

function unpackRhythm([content, sinceMs, seenMs, afterMs]: PackedRhythm): Rhythm {
  return { content, sinceMs, seenMs, afterMs: afterMs ?? NaN };
}

function packBody({ slot, generation, bytes, used, behind, extents, text }: Body): PackedBody {
  return [
    slot,
    generation,
    bytes,
    used,
    behind,
    extents.flatMap(({ offset, length }) => [offset, length]),
    text === undefined ? 0 : [text.offset, text.capacity],
  ];
}

function unpackBody(packed: PackedBody, published: boolean): Body {
  const [slot, generation, bytes, used, behind, cells, room] = packed;
  const text = room === 0 ? undefined : { offset: room[0], capacity: room[1] };
  return { slot, generation, extents: extentsOf(cells), bytes, behind, used, text, published };
}

function encodedAs([coding, body]: [EncodedBody['coding'], Body]): EncodedBody {
  const { slot, generation, extents, bytes } = body;
  return { coding, slot, generation, extents, bytes };
}

type Rules = Pick<Freshness, 'mustRevalidate' | 'alwaysRevalidate' | 'anonymousOnly'>;

function ruleFlags({ mustRevalidate, alwaysRevalidate, anonymousOnly }: Rules): number {
  return (
    (mustRevalidate ? MUST_REVALIDATE : 0) |
    (alwaysRevalidate ? ALWAYS_REVALIDATE : 0) |
    (anonymousOnly ? ANONYMOUS_ONLY : 0)
  );
}

function rulesOf(flags: number): Rules {
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
