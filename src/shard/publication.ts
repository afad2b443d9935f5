/** Which objects workers may serve straight from the directory, and with what text. */
import type { Descriptor } from '../cache/descriptor.js';
import { isWhole } from '../cache/descriptor.js';
import { publishedFields, sentDate } from '../cache/render.js';
import { type FieldLines, isLatin1 } from '../http/fields.js';
import { hash32 } from '../runtime/hash.js';
import type { PublishedText } from '../arena/directory.js';

/** Larger bodies are sent piece by piece, which needs more than the directory tells. */
export const MAX_PUBLISHED_BYTES = 65_536;
/** Of the text and of the pack at rest each, besides the key and the origin's fields. */
const MORE_TEXT_BYTES = 256;
/** A longer text is rare, and such an object is served on asking. */
const MAX_TEXT_BYTES = 4_096;

/** The pack of more than this gets a piece of its own. */
const MAX_ROOM_BYTES = 16_384;

/** Bytes to ask for behind a body of that length (-1: unknown), whose fields are not yet known as they will be sent. */
export function roomForText(key: string, fields: FieldLines, length: number): number {
  let bytes = key.length + MORE_TEXT_BYTES;
  for (const [name, value] of fields) bytes += name.length + value.length + 4;
  const published = length <= MAX_PUBLISHED_BYTES && bytes <= MAX_TEXT_BYTES && isPath(key);
  return Math.min(published ? 2 * bytes : bytes, MAX_ROOM_BYTES);
}

function isPublishable(key: string, fields: string): boolean {
  if (key.length + fields.length > MAX_TEXT_BYTES || !isPath(key)) return false;
  return isLatin1(key) && isLatin1(fields);
}

/** Workers look no other keys up in the directory. */
function isPath(key: string): boolean {
  return !key.includes('?');
}

/** Undefined: it is not everybody's, varies, may be coded, is large or partial, or must be validated each time. */
export function publishedText(descriptor: Descriptor): PublishedText | undefined {
  const { key, status, vary, freshness, upstreamStatus, codable, storedBytes } = descriptor;
  if (status !== 200 || !isWhole(descriptor) || storedBytes > MAX_PUBLISHED_BYTES) return undefined;
  if (vary.length > 0 || freshness.alwaysRevalidate || upstreamStatus !== '') return undefined;
  if (freshness.anonymousOnly) return undefined; // readers of the directory ask nobody who they are
  if (codable) return undefined;
  const fields = publishedFields(descriptor);
  if (!isPublishable(key, fields)) return undefined;
  const { bornMs, ttlMs } = freshness;
  const date = sentDate(descriptor);
  return { key, hash: hash32(key), fields, bornMs, freshUntilMs: bornMs + ttlMs, date };
}
