/**
 * Asking the origin whether a stored response still holds, and taking up its answer: RFC 9111
 * sections 3.2, 4.3.1, 4.3.4 and 4.3.5. `stored` is what storePlan let us keep.
 */
import { parseEntityTags, strongEqual, weakEqual } from '../http/conditions.js';
import { formatHttpDate, parseHttpDate } from '../http/date.js';
import { withoutDigests } from '../http/digest.js';
import { fieldValue, withoutHopByHop } from '../http/fields.js';
import type { FieldLine, FieldLines } from '../http/fields.js';

/**
 * A 304 has no body, so its word about the body's length, coding, range or digest is not about
 * ours: section 3.2. Where the match was weak, what it digests has other bytes than we keep. Age and Date of the old
 * exchange end with it.
 */
const TIED_TO_BODY = new Set(['content-length', 'content-encoding', 'content-range']);
const TIED_TO_EXCHANGE = new Set(['age', 'date']);

/** The preconditions to add to the request; empty when there is nothing to validate with. */
export function conditionalFields(stored: FieldLines): FieldLines {
  const lines: FieldLine[] = [];
  const etag = entityTag(stored);
  if (etag !== undefined) lines.push(['if-none-match', etag]);
  const modified = fieldValue(stored, 'last-modified');
  if (modified !== undefined && parseHttpDate(modified) !== undefined) {
    lines.push(['if-modified-since', modified]);
  }
  return lines;
}

/**
 * Is the 304 about this stored response? It answers a request that carried this response's
 * validators and no others. False: it must not be used, ask again without preconditions.
 *
 * Wider than section 4.3.4 at one point: a 304 without validators is taken for the response we
 * asked about even if that has one. Origins leave them out, and the 304 can mean no other.
 */
export function matches304(stored: FieldLines, from304: FieldLines): boolean {
  const theirTag = entityTag(from304);
  const ourTag = entityTag(stored);
  if (theirTag !== undefined && ourTag !== undefined) {
    return isStrong(theirTag) ? strongEqual(theirTag, ourTag) : weakEqual(theirTag, ourTag);
  }
  const modified = fieldValue(from304, 'last-modified');
  if (modified !== undefined) return modified === fieldValue(stored, 'last-modified');
  return theirTag === undefined;
}

/**
 * The stored fields brought up to date: each field of the 304 replaces all stored lines of that
 * name, the others stay. Date and Age are the new exchange's alone; give `withDate` the result.
 */
export function updateStored(stored: FieldLines, from304: FieldLines): FieldLines {
  const fresh = withoutDigests(withoutHopByHop(from304)).filter(
    ([name]) => !TIED_TO_BODY.has(name) && name !== 'set-cookie', // his who asked
  );
  const replaced = new Set(fresh.map(([name]) => name));
  const kept = stored.filter(([name]) => !replaced.has(name) && !TIED_TO_EXCHANGE.has(name));
  return [...kept, ...fresh];
}

/**
 * What the 200 to a HEAD says of a stored 200 to GET: it can update it, or it shows that the
 * stored one is outdated and so is to be treated as stale. Section 4.3.5.
 */
export function headVerdict(stored: FieldLines, fromHead: FieldLines): 'updates' | 'outdates' {
  for (const name of ['content-length', 'etag', 'last-modified']) {
    const theirs = fieldValue(fromHead, name);
    if (theirs !== undefined && theirs !== fieldValue(stored, name)) return 'outdates';
  }
  return 'updates';
}

/**
 * The lines with a valid Date: a clock's owner adds the time of receipt (by its wall clock),
 * RFC 9110 section 6.6.1.
 */
export function withDate(lines: FieldLines, receivedWallMs: number): FieldLines {
  const value = fieldValue(lines, 'date');
  if (value !== undefined && parseHttpDate(value, receivedWallMs) !== undefined) return lines;
  return [...lines.filter(([name]) => name !== 'date'), ['date', formatHttpDate(receivedWallMs)]];
}

/** The ETag when it is exactly one entity tag: what is malformed may not be sent back. */
function entityTag(lines: FieldLines): string | undefined {
  const value = fieldValue(lines, 'etag');
  if (value === undefined) return undefined;
  const tags = parseEntityTags(value);
  return tags !== '*' && tags.length === 1 && tags[0] === value ? value : undefined;
}

function isStrong(tag: string): boolean {
  return tag.startsWith('"');
}
