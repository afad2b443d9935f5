/**
 * What an owner hands out so that any worker can serve an object without asking: where the bytes
 * lie, the fields, and the facts that decide freshness. Plain values: it crosses threads by clone.
 */
import type { ContentCoding } from '../http/encoding.js';
import type { FieldLines } from '../http/fields.js';
import type { Freshness } from '../rules/reuse.js';

export interface StoredExtent {
  readonly offset: number; // bytes into the node's memory for objects
  readonly length: number;
}

export interface Descriptor {
  readonly key: string;
  readonly shard: number;
  readonly slot: number;
  readonly generation: number;
  readonly status: number;
  readonly extents: readonly StoredExtent[];
  readonly firstByte: number; // offset of the stored bytes in the representation; 0 unless partial
  readonly storedBytes: number; // -1 while a fill of unknown length goes on
  readonly totalBytes: number; // length of the whole representation; -1 unknown
  readonly sliceBytes: number; // its bytes lie in slices of so many, each an object of its own; 0: they lie here
  readonly fields: FieldLines; // what every response carries: no Age, Date, Content-Length, Cache-Status
  readonly etag: string; // '' when there is none
  readonly lastModifiedMs: number; // NaN when there is none
  readonly dateMs: number; // the origin's Date, for If-Range; NaN when there was none
  readonly contentType: string;
  readonly upstreamStatus: string; // Cache-Status of caches nearer to the origin; ''
  readonly freshness: Freshness;
  readonly vary: readonly string[];
  readonly secondary: string; // the selecting fields' normalised values; '' without Vary
  readonly codable: boolean; // it may be given in codings of ours: every answer says that it varies so
  readonly encodings: readonly EncodedBody[]; // those that were made
  readonly unworthy: readonly ContentCoding[]; // those that turned out not to be worth a copy
  readonly cached: boolean; // false: serve it, but ask again next time
}

/** The same representation with a content coding of ours. */
export interface EncodedBody {
  readonly coding: ContentCoding;
  readonly slot: number;
  readonly generation: number;
  readonly extents: readonly StoredExtent[];
  readonly bytes: number;
}

/** A whole 200 that can be sent as it lies: what the hit path serves without further thought. */
export function isWhole(descriptor: Descriptor): boolean {
  const { firstByte, storedBytes, totalBytes } = descriptor;
  return firstByte === 0 && storedBytes >= 0 && storedBytes === totalBytes;
}

/** Up to here a body in one piece is sent as it lies; a larger one goes piece by piece. */
export const SMALL_BYTES = 65_536;

/** Any ordinary request gets it as it lies, fresh as it is, whoever asks. */
export function isPlain(descriptor: Descriptor): boolean {
  const { status, storedBytes, sliceBytes, vary, freshness, upstreamStatus, codable } = descriptor;
  if (status !== 200 || !isWhole(descriptor) || sliceBytes > 0) return false;
  if (storedBytes > SMALL_BYTES || descriptor.extents.length > 1) return false;
  if (vary.length > 0 || codable || upstreamStatus !== '') return false;
  return !freshness.alwaysRevalidate && !freshness.anonymousOnly;
}

/** True while it is not known whether the coding is worth it, or it was made and is gone. */
export function mayMake(descriptor: Descriptor, coding: ContentCoding): boolean {
  return (
    descriptor.codable && !descriptor.unworthy.includes(coding) && !hasCoding(descriptor, coding)
  );
}

/** What was written so short a time before it was fetched may go on being written. */
const JUST_WRITTEN_MS = 60_000;

/** It says when it was written, and that this was but a moment before. */
export function isJustWritten({
  dateMs,
  lastModifiedMs,
}: Pick<Descriptor, 'dateMs' | 'lastModifiedMs'>): boolean {
  return dateMs - lastModifiedMs < JUST_WRITTEN_MS;
}

/** It says when it was written, and that this was long before. */
export function isOld({ dateMs, lastModifiedMs }: Descriptor): boolean {
  return dateMs - lastModifiedMs >= JUST_WRITTEN_MS;
}

export function hasCoding({ encodings }: Descriptor, coding: ContentCoding): boolean {
  return encodings.some((one) => one.coding === coding);
}

/** True when another answer can be told to have the same bytes: by a strong tag, and a length. */
export function isIdentified({ etag, totalBytes }: Descriptor): boolean {
  return etag.startsWith('"') && totalBytes >= 0;
}

/** Of two that are identified. */
export function isSameBytes(a: Descriptor, b: Descriptor): boolean {
  return (
    a.etag === b.etag &&
    a.status === b.status &&
    a.totalBytes === b.totalBytes &&
    a.firstByte === b.firstByte &&
    a.storedBytes === b.storedBytes &&
    a.sliceBytes === b.sliceBytes
  );
}
