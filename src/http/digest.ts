/**
 * Fields that hold a digest, by what it is of (RFC 9530). A receiver checks them, so one that stands
 * on other bytes than it was made of makes a good answer look broken.
 */
import type { FieldLines } from './fields.js';

/** Of the bytes of this one message: not of a part of them, nor of parts joined, nor of a coding. */
const OF_CONTENT: ReadonlySet<string> = new Set(['content-digest', 'content-md5']);
/** Of the whole selected representation: of a range of it as well, but not in another coding. */
const OF_REPRESENTATION: ReadonlySet<string> = new Set(['repr-digest', 'digest']);

export function isDigest(name: string): boolean {
  return OF_CONTENT.has(name) || OF_REPRESENTATION.has(name);
}

/** What still holds on a message with other content of the same representation: ranges, parts. */
export function withoutContentDigests(fields: FieldLines): FieldLines {
  return fields.filter(([name]) => !OF_CONTENT.has(name));
}

/** What still holds on another representation: a coding of ours. */
export function withoutDigests(fields: FieldLines): FieldLines {
  return fields.filter(([name]) => !isDigest(name));
}
