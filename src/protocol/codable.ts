/** Which answers may be given in a coding of ours (gzip, brotli), as far as their head tells. Pure. */
import { effectiveControl } from '../rules/targeted.js';
import { fieldValue } from '../http/fields.js';
import { contentTypeOf, isCompressible } from '../media/kind.js';
import type { Descriptor } from './descriptor.js';

export interface CompressionRules {
  readonly enabled: boolean;
  readonly minSize: number; // bytes
  readonly maxSize: number; // bytes
}

const NO_TRANSFORM = /(?:^|,)\s*no-transform\s*(?:,|$)/i;
/** What a path of unknown or no extension is. */
const UNKNOWN_TYPE = 'application/octet-stream';

/**
 * True for text of a fit size that nobody has coded or forbidden to (RFC 9111 section 5.2.2.6). A length
 * that is not known yet may be fit. A part counts as its whole, whose answers vary the same way.
 */
export function mayBeCoded(
  head: Pick<Descriptor, 'key' | 'status' | 'totalBytes' | 'fields' | 'contentType'>,
  { enabled, minSize, maxSize }: CompressionRules,
): boolean {
  const { key, status, totalBytes, fields, contentType } = head;
  if (!enabled || (status !== 200 && status !== 206)) return false;
  if (totalBytes >= 0 && (totalBytes < minSize || totalBytes > maxSize)) return false;
  if (fieldValue(fields, 'content-encoding') !== undefined) return false;
  if (forbidsTransform(fieldValue(fields, 'cache-control'))) return false;
  if (!isCompressible(contentType) || isMediaPath(key)) return false;
  return !effectiveControl(fields).control.noTransform; // RFC 9213 says which field counts
}

export function forbidsTransform(cacheControl: string | undefined): boolean {
  return cacheControl !== undefined && NO_TRANSFORM.test(cacheControl);
}

/** A server that does not know a segment's type calls it text: its name says more. */
function isMediaPath(path: string): boolean {
  const type = contentTypeOf(path);
  return type !== UNKNOWN_TYPE && !isCompressible(type);
}
