/** A few bytes for a text of any length: what bounded memories have for a key. */
import { createHash } from 'node:crypto';

export function shortDigestOf(...texts: readonly string[]): string {
  const hash = createHash('sha1'); // against accidents; who finds two texts of one digest gains a delay
  for (const text of texts) hash.update(`${text.length}:${text}`, 'latin1');
  return hash.digest('base64');
}
