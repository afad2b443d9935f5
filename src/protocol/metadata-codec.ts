/**
 * The metadata of a stored response as two strings, and back: the field lines as plain hits send them, and a pack of
 * all else. As JavaScript objects it is some forty of them and two kilobytes: a million are two gigabytes, and a
 * garbage collector that walks them for seconds while viewers wait.
 */
import { CODINGS, type ContentCoding } from '../http/encoding.js';
import { formatHttpDate } from '../http/date.js';
import { fieldValue, type FieldLine, type FieldLines, isLatin1 } from '../http/fields.js';
import { guessTypeOf, type MediaKind } from '../media/kind.js';
import type { Rhythm } from '../media/rhythm.js';
import { isRenderedLater, pathOf, timeIn } from './describe.js';
import type { Descriptor, EncodedBody } from './descriptor.js';
import type { Freshness } from '../rules/reuse.js';
import { fieldsPublished, mostPublished, publishedFields } from './render.js';

/** A stored response without its bytes: all that its metadata says. */
export interface ResponseState {
  readonly kind: MediaKind;
  descriptor: Descriptor; // another one with each change of the metadata
  originFields: FieldLines; // as received, with Date and Age: what a 304 updates
  rhythm?: Rhythm | undefined; // of a manifest
  retryAtMs: number; // after a failed revalidation: not before this
}

/** Where the body lies, or that of a coding. */
type BodyPlace = Omit<EncodedBody, 'coding'>;

/** The strings, and what is known without them. */
export interface EncodedMetadata {
  readonly shard: number;
  readonly key: string;
  readonly names: readonly string[]; // it varies by these
  readonly bornMs: number;
  readonly fields: string;
  readonly pack: string;
  /** The response's own body, then those of its codings. */
  readonly places: readonly BodyPlace[];
}

/** What the values of a pack are, in this order. Null stands for a time without end, or for none. */
type Pack = [
  secondary: string,
  kind: MediaKind,
  status: number,
  flags: number,
  times: (number | null)[], // ttl, swr, sie, retryAt, date
  span: [firstByte: number, totalBytes: number, sliceBytes: number],
  codings: ContentCoding[],
  upstreamStatus: string,
  dropped: FieldLine[], // of the origin's lines, those that are not sent
  rhythm?: [content: number, sinceMs: number, seenMs: number, afterMs: number | null],
];

const MUST_REVALIDATE = 1;
const ALWAYS_REVALIDATE = 2;
const ANONYMOUS_ONLY = 4;
const CODABLE = 8;
/** That coding is not worth it. */
const UNWORTHY = { br: 16, gzip: 32 } as const;
/** The origin sent no type. */
const TYPE_GUESSED = 64;
/** Lines that are not sent and follow from the rest. */
const HAD_DATE = 128;
const HAD_LENGTH = 256;
const HAD_RANGES = 512;
const RANGES: FieldLine = ['accept-ranges', 'bytes'];

/** Characters that the strings have beside the key and the origin's lines: most have fewer. */
const MORE_CHARACTERS = 160;

export function encodeMetadata(state: ResponseState): Pick<EncodedMetadata, 'fields' | 'pack'> {
  const { descriptor, kind, retryAtMs, rhythm, originFields } = state;
  const { secondary, status, freshness, dateMs, upstreamStatus } = descriptor;
  const { firstByte, totalBytes, sliceBytes, encodings } = descriptor;
  const { ttlMs, swrMs, sieMs } = freshness;
  const { flags, dropped } = notSent(descriptor, originFields);
  const pack: Pack = [
    secondary,
    kind,
    status,
    flags | ruleFlags(freshness) | codingFlags(descriptor),
    [ttlMs, swrMs, sieMs, retryAtMs, dateMs], // JSON makes null of Infinity and NaN
    [firstByte, totalBytes, sliceBytes],
    encodings.map(({ coding }) => coding),
    upstreamStatus,
    dropped,
  ];
  if (rhythm !== undefined) {
    pack.push([rhythm.content, rhythm.sinceMs, rhythm.seenMs, rhythm.afterMs]);
  }
  return { fields: publishedFields(descriptor), pack: asLatin1(JSON.stringify(pack)) };
}

/** How many characters the strings and the key have, about; `fields` as the origin sent them. */
export function charactersFor(key: string, fields: FieldLines): number {
  return key.length + mostPublished(fields) + MORE_CHARACTERS;
}

export function decodeMetadata(encoded: EncodedMetadata): ResponseState {
  const { key, shard, names, bornMs } = encoded;
  const [secondary, kind, status, flags, times, span, codings, upstreamStatus, dropped, rhythm] =
    JSON.parse(encoded.pack) as Pack;
  const [ttlMs = 0, swrMs = 0, sieMs = 0, retryAtMs = 0] = times.map((ms) => ms ?? Infinity);
  const dateMs = times[4] ?? NaN;
  const [firstByte, totalBytes, sliceBytes] = span;
  const [own = NOWHERE, ...coded] = encoded.places;
  const fields = fieldsPublished(encoded.fields);
  const facts = { flags, dateMs, totalBytes };
  const originFields = receivedLines(fields, dropped, facts);
  const freshness = { bornMs, ttlMs, swrMs, sieMs, ...rulesOf(flags) };
  return {
    originFields,
    kind,
    retryAtMs,
    rhythm: rhythm && rhythmOf(rhythm),
    descriptor: {
      key,
      shard,
      slot: own.slot,
      generation: own.generation,
      extents: own.extents,
      storedBytes: sliceBytes > 0 ? totalBytes : own.bytes,
      ...{ firstByte, totalBytes, sliceBytes, secondary, status, fields },
      etag: fieldValue(originFields, 'etag') ?? '',
      lastModifiedMs: timeIn(originFields, 'last-modified'),
      dateMs,
      contentType: fieldValue(originFields, 'content-type') ?? guessTypeOf(pathOf(key)),
      upstreamStatus,
      freshness,
      vary: names,
      codable: (flags & CODABLE) !== 0,
      encodings: codings.map((coding, i) => ({ coding, ...(coded[i] ?? NOWHERE) })),
      unworthy: CODINGS.filter((coding) => (flags & UNWORTHY[coding]) !== 0),
      cached: true,
    },
  };
}

/** What clients select by may have any characters. */
function asLatin1(json: string): string {
  if (isLatin1(json)) return json;
  return json.replace(/[^\x00-\xff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

const NOWHERE: BodyPlace = { slot: 0, generation: 0, extents: [], bytes: 0 };

/** What the origin sent and nobody is sent on, but for what follows from the descriptor. */
function notSent(
  { fields, status, dateMs, totalBytes }: Descriptor,
  originFields: FieldLines,
): { flags: number; dropped: FieldLine[] } {
  const sent = new Set(fields.map(([name]) => name));
  let flags = 0;
  if (sent.has('content-type') && fieldValue(originFields, 'content-type') === undefined) {
    flags |= TYPE_GUESSED;
  }
  const dropped: FieldLine[] = [];
  for (const line of originFields) {
    const [name, value] = line;
    if (sent.has(name) && !isRenderedLater(name, status)) continue;
    const implied = impliedBy(name, value, { dateMs, totalBytes });
    if (implied === 0 || (flags & implied) !== 0) dropped.push(line);
    else flags |= implied;
  }
  return { flags, dropped };
}

function impliedBy(
  name: string,
  value: string,
  { dateMs, totalBytes }: Pick<Descriptor, 'dateMs' | 'totalBytes'>,
): number {
  if (name === 'date')
    return !Number.isNaN(dateMs) && formatHttpDate(dateMs) === value ? HAD_DATE : 0;
  if (name === 'content-length') return value === String(totalBytes) ? HAD_LENGTH : 0;
  return name === RANGES[0] && value === RANGES[1] ? HAD_RANGES : 0;
}

function receivedLines(
  sent: FieldLines,
  dropped: FieldLines,
  { flags, dateMs, totalBytes }: { flags: number; dateMs: number; totalBytes: number },
): FieldLine[] {
  const guessed = (flags & TYPE_GUESSED) !== 0;
  const lines = [
    ...(guessed ? sent.filter(([name]) => name !== 'content-type') : sent),
    ...dropped,
  ];
  if ((flags & HAD_DATE) !== 0) lines.push(['date', formatHttpDate(dateMs)]);
  if ((flags & HAD_LENGTH) !== 0) lines.push(['content-length', String(totalBytes)]);
  if ((flags & HAD_RANGES) !== 0) lines.push(RANGES);
  return lines;
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

function rhythmOf([content, sinceMs, seenMs, afterMs]: NonNullable<Pack[9]>): Rhythm {
  return { content, sinceMs, seenMs, afterMs: afterMs ?? NaN };
}
