/** Which objects workers may serve straight from the directory, and with what text. */
import type { Descriptor } from '../cache/descriptor.js';
import { isWhole } from '../cache/descriptor.js';
import { publishedFields } from '../cache/render.js';
import { type FieldLines, isLatin1 } from '../http/fields.js';
import { hash32 } from '../runtime/hash.js';
import type { PublishedText } from '../arena/directory.js';

/** Larger bodies are sent piece by piece, which needs more than the directory tells. */
export const MAX_PUBLISHED_BYTES = 65_536;
/** Of the text and of the pack at rest each, besides the key and the origin's fields. */
const MORE_TEXT_BYTES = 256;
/** More is rare, and such an object is served on asking. */
const MAX_ROOM_BYTES = 8_192;

/** Bytes to ask for behind a body whose fields are not yet known as they will be sent. */
export function roomForText(key: string, fields: FieldLines): number {
  let bytes = key.length + MORE_TEXT_BYTES;
  for (const [name, value] of fields) bytes += name.length + value.length + 4;
  return Math.min(2 * bytes, MAX_ROOM_BYTES);
}

/** Undefined: it is not everybody's, varies, may be coded, is large or partial, or must be validated each time. */
export function publishedText(descriptor: Descriptor): PublishedText | undefined {
  const { key, status, vary, freshness, upstreamStatus, codable, storedBytes } = descriptor;
  if (status !== 200 || !isWhole(descriptor) || storedBytes > MAX_PUBLISHED_BYTES) return undefined;
  if (vary.length > 0 || freshness.alwaysRevalidate || upstreamStatus !== '') return undefined;
  if (freshness.anonymousOnly) return undefined; // readers of the directory ask nobody who they are
  if (codable) return undefined;
  const fields = publishedFields(descriptor);
  if (!isLatin1(key) || !isLatin1(fields)) return undefined;
  const { bornMs, ttlMs } = freshness;
  return { key, hash: hash32(key), fields, bornMs, freshUntilMs: bornMs + ttlMs };
}
