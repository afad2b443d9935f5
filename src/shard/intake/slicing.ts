/** Which objects are kept in slices. */
import type { Config } from '../../config/config.js';
import { isJustWritten } from '../../protocol/descriptor.js';
import { givesRanges, slicesAbove, strongValidator } from '../../protocol/slices.js';
import { fieldValue } from '../../http/fields.js';
import { mediaKind } from '../../media/kind.js';
import type { OriginResponse } from '../../origin/origin.js';
import { pathOf, timeIn } from '../../protocol/describe.js';
import type { Span } from './span.js';

/** True for what is large and settled, and whose origin gives ranges that a strong validator binds together. */
export function isSliced(
  { cache }: Config,
  key: string,
  { status, headers, settling }: OriginResponse,
  { total }: Span,
): boolean {
  if ((status !== 200 && status !== 206) || settling === true) return false;
  if (total <= slicesAbove(cache.sliceSize, cache.maxObject)) return false;
  const kind = mediaKind(pathOf(key), fieldValue(headers, 'content-type'));
  if (kind === 'playlist' || kind === 'mpd') return false; // looked into as a whole
  return strongValidator(headers) !== '' && givesRanges(status, headers) && !isRecent(headers);
}

/** Each slice of what may still be being written would be of another state. */
function isRecent(headers: OriginResponse['headers']): boolean {
  return isJustWritten({
    dateMs: timeIn(headers, 'date'),
    lastModifiedMs: timeIn(headers, 'last-modified'),
  });
}
