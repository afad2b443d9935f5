/**
 * Large objects are fetched, stored and evicted in slices: aligned ranges of one length under one strong
 * validator, each an object of its own. What the object itself keeps is its head: fields, length, freshness.
 */
import { fieldValue, listMembers, type FieldLines } from '../http/fields.js';
import { digestOf } from '../runtime/digest.js';
import type { Descriptor } from './descriptor.js';
import { strongModified } from '../rules/partial.js';

/** Objects of at most so many slices are kept whole. */
const WHOLE_SLICES = 8;
/** Neither a normalised target nor a host has this. */
const MARK = '\0';

/** What a slice is asked for with: it must be of the object that this names. */
export interface SliceOf {
  readonly validator: string; // for If-Range
  readonly first: number;
  readonly last: number; // inclusive
  readonly total: number; // bytes of the whole object
}

/** Objects of more bytes are sliced: what may not be kept whole, and what is a film rather than a segment. */
export function slicesAbove(sliceBytes: number, maxObject: number): number {
  return sliceBytes === 0 ? Infinity : Math.min(WHOLE_SLICES * sliceBytes, maxObject);
}

/**
 * For If-Range: a strong entity tag, else a Last-Modified that Date shows to be strong (RFC 9110 sections
 * 8.8.2.2 and 13.1.5). '' where nothing vouches for the bytes.
 */
export function strongValidator(fields: FieldLines): string {
  const etag = fieldValue(fields, 'etag');
  if (etag !== undefined) return etag.startsWith('"') ? etag : '';
  return strongModified(fields) === undefined ? '' : (fieldValue(fields, 'last-modified') ?? '');
}

/** As `strongValidator`, of what a head's fields have become. */
export function validatorOf({ etag, fields, lastModifiedMs, dateMs }: Descriptor): string {
  if (etag !== '') return etag.startsWith('"') ? etag : '';
  return dateMs - lastModifiedMs >= 1_000 ? (fieldValue(fields, 'last-modified') ?? '') : '';
}

/** An origin that sent a part, or says that it would. */
export function givesRanges(status: number, fields: FieldLines): boolean {
  return status === 206 || listMembers(fieldValue(fields, 'accept-ranges') ?? '').includes('bytes');
}

/**
 * Keys of an object's slices, by number. They begin with the object's, so that what purges by beginnings finds
 * them. What has another length is another version, whatever its validator says.
 */
export function sliceKeys(
  key: string,
  validator: string,
  total: number,
): (number: number) => string {
  const prefix = key + MARK + digestOf(`${total} ${validator}`) + MARK;
  return (number) => prefix + String(number);
}

export function isSliceKey(key: string): boolean {
  return key.includes(MARK);
}

/** The key as its object's: of a slice, without what makes it one. */
export function objectKey(key: string): string {
  const mark = key.indexOf(MARK);
  return mark < 0 ? key : key.slice(0, mark);
}

/** Which bytes of a head's object slice `number` has. */
export function sliceAt(head: Descriptor, number: number): SliceOf {
  const { sliceBytes, totalBytes: total } = head;
  const first = number * sliceBytes;
  const last = Math.min(total, first + sliceBytes) - 1;
  return { validator: validatorOf(head), first, last, total };
}

export function sliceRange({ first, last }: SliceOf): string {
  return `bytes=${first}-${last}`;
}

export type SliceVerdict =
  | 'fits'
  | 'changed' // what it is a slice of is not there any more
  | 'whole' // the same object, but all of it
  | 'failed'; // it says nothing of the object

/** Statuses that tell of the object; any other is about one request, or about the origin. */
const ABOUT_OBJECT = new Set([200, 206, 404, 410, 412, 416]);

/** A 206 to If-Range says that Last-Modified held, and need not repeat it (RFC 9110 section 15.3.7). */
function isUnderValidator({ validator }: SliceOf, status: number, headers: FieldLines): boolean {
  if (strongValidator(headers) === validator) return true;
  const isSilent = ['etag', 'last-modified'].every((n) => fieldValue(headers, n) === undefined);
  return status === 206 && isSilent && !validator.startsWith('"');
}

/** Whether what an origin answers is the slice that was asked for. */
export function judgeSlice(
  slice: SliceOf,
  { status, headers }: { readonly status: number; readonly headers: FieldLines },
): SliceVerdict {
  if (!ABOUT_OBJECT.has(status)) return 'failed';
  if (!isUnderValidator(slice, status, headers)) return 'changed';
  if (status === 200) return 'whole';
  const range = fieldValue(headers, 'content-range') ?? '';
  const { first, last, total } = slice;
  return status === 206 && range === `bytes ${first}-${last}/${total}` ? 'fits' : 'changed';
}
