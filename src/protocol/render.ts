/**
 * Field lines as bytes. uWS checks nothing, so all that goes out was either validated where it came
 * in (origins) or made here from numbers and constants. One `writeHeader` call carries the whole
 * block: its key is `BLOCK_KEY`, the lines follow in its value.
 */
import type { Descriptor, EncodedBody } from './descriptor.js';
import { appendCacheStatus, cacheStatus, hitStatus } from '../rules/cache-status.js';
import type { Served } from './messages.js';
import { dateSeconds } from '../http/date.js';
import { withoutDigests } from '../http/digest.js';
import { fieldValue, type FieldLine, type FieldLines } from '../http/fields.js';
import { mediaKind } from '../media/kind.js';
import { varyNames } from '../rules/vary.js';

export const BLOCK_KEY = Buffer.from('Cache-Status', 'latin1');

const EXPOSED =
  'Accept-Ranges, Age, Cache-Status, CMSD-Dynamic, CMSD-Static, Content-Length, Content-Range, Date, ETag, Retry-After';
/** What every response to a player carries unless the origin has its own rule. */
const CORS_LINES =
  `\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: ${EXPOSED}` +
  '\r\nTiming-Allow-Origin: *';

/**
 * Answer to a preflight for GET or HEAD: anything a player sends, remembered for a day (browsers cap
 * it). Of other methods only the origin can promise something.
 */
export const PREFLIGHT_LINES =
  `Access-Control-Allow-Origin: *` +
  '\r\nAccess-Control-Allow-Methods: GET, HEAD' +
  '\r\nAccess-Control-Allow-Headers: Range, If-Range, If-None-Match, If-Modified-Since, Cache-Control, Pragma, Authorization, Content-Type, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status' +
  `\r\nAccess-Control-Expose-Headers: ${EXPOSED}` +
  '\r\nAccess-Control-Max-Age: 86400' +
  '\r\nVary: Access-Control-Request-Headers, Access-Control-Request-Method';

/** "\r\nname: value" for each, as the origin sent them. */
export function plainLines(fields: FieldLines): string {
  let text = '';
  for (const [name, value] of fields) text += `\r\n${name}: ${value}`;
  return text;
}

/** The same, with the rules of ours that the origin left open. */
export function renderLines(fields: FieldLines): string {
  const text = plainLines(fields);
  return fieldValue(fields, 'access-control-allow-origin') === undefined ? text + CORS_LINES : text;
}

/** A stored object's own lines. A coding of ours makes the validator weak and the digests void, as its bytes differ. */
export function renderFields(descriptor: Descriptor, encoded: EncodedBody | undefined): string {
  let fields = fieldsOf(descriptor, encoded);
  if (encoded !== undefined) fields = [...fields, ['content-encoding', encoded.coding]];
  const ranges = descriptor.totalBytes >= 0 && encoded === undefined && descriptor.status < 300;
  return renderLines(fields) + (ranges ? '\r\nAccept-Ranges: bytes' : '');
}

/** The origin's fields as they hold for the object or a coding of it. */
export function fieldsOf(descriptor: Descriptor, encoded: EncodedBody | undefined): FieldLines {
  let { fields } = descriptor;
  if (encoded !== undefined) fields = withoutDigests(fields).map(weakTag);
  return descriptor.codable ? withVaryEncoding(fields) : fields;
}

/** The line as it holds for a form with other bytes that mean the same (RFC 9110 section 8.8.1). */
export function weakTag([name, value]: FieldLine): FieldLine {
  return name === 'etag' && value.startsWith('"') ? [name, `W/${value}`] : [name, value];
}

/** Of what may come in codings of ours, whether or not it does now. */
export function withVaryEncoding(fields: FieldLines): FieldLines {
  const names = varyNames(fields);
  if (names === '*' || names.includes('accept-encoding')) return fields;
  return [...fields, ['vary', 'Accept-Encoding']];
}

/**
 * What the `Date` of a stored object's answers says, in seconds since the epoch: when its origin made it.
 * 0: when the answer is sent, as nothing else is known, or as players set their clock by it, whatever
 * the Age: dash.js does by the Date of an MPD without UTCTiming.
 */
export function sentDate({ dateMs, contentType }: Descriptor): number {
  if (Number.isNaN(dateMs) || mediaKind('', contentType) === 'mpd') return 0;
  return dateSeconds(dateMs);
}

/** Key of the call that writes a published object's fields: its value is `publishedFields`. */
export const PUBLISHED_KEY = Buffer.from('Accept-Ranges', 'latin1');

const RANGES = 'bytes';

/** All lines of a whole object of known length but those that change by the second. */
export function publishedFields({ fields }: Pick<Descriptor, 'fields'>): string {
  return RANGES + renderLines(fields);
}

/** The fields of which `publishedFields` gave that text. */
export function fieldsPublished(text: string): FieldLine[] {
  // No origin's line looks like ours: those have names in lower case.
  const end = text.endsWith(CORS_LINES) ? text.length - CORS_LINES.length : text.length;
  const lines = text.slice(RANGES.length, end).split('\r\n').slice(1);
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
}

/** The most characters that `publishedFields` gives. */
export function mostPublished(fields: FieldLines): number {
  let most = RANGES.length + CORS_LINES.length;
  for (const [name, value] of fields) most += name.length + value.length + 4;
  return most;
}

export interface HitBlock {
  readonly name: string;
  readonly upstreamStatus: string;
  readonly ttlS: number;
  readonly ageS: number;
  readonly fields: string;
}

/** The value to go with `BLOCK_KEY` for a plain hit. */
export function renderHit({ name, upstreamStatus, ttlS, ageS, fields }: HitBlock): Uint8Array {
  const ours = cacheStatus(name, { hit: true, ttl: ttlS });
  const status = upstreamStatus === '' ? ours : appendCacheStatus(upstreamStatus, ours);
  return Buffer.from(`${status}\r\nAge: ${ageS}${fields}`, 'latin1');
}

/** Our member for anything but a plain hit, behind those of caches nearer to the origin. */
export function servedStatus(
  name: string,
  served: Served,
  more: { upstreamStatus: string; ttlS: number | undefined },
): string {
  const { upstreamStatus, ttlS } = more;
  const plain = served.hit && served.detail === undefined && upstreamStatus === '';
  if (plain && ttlS !== undefined) return hitStatus(name, ttlS);
  const ours = cacheStatus(name, {
    ...served,
    ...(ttlS === undefined ? {} : { ttl: ttlS }),
  });
  return upstreamStatus === '' ? ours : appendCacheStatus(upstreamStatus, ours);
}
