/**
 * Vary and the secondary key it asks for. RFC 9111 section 4.1. Requests whose selecting fields
 * mean the same get the same key; normalising too little costs room, too much serves the wrong
 * variant, so only meaning that RFC 9110 defines is normalised.
 */
import { fieldValue, isFieldName, listMembers } from '../http/fields.js';
import type { FieldLines } from '../http/fields.js';
import { isCredential } from '../http/client-fields.js';
import { negotiateEncoding } from '../http/encoding.js';
import { digestOf } from '../runtime/digest.js';

/** Most values that select are shorter; a browser's name is not. */
const MAX_SECONDARY = 128;
/** An answer that varies by more is like one that varies by anything. */
const MAX_NAMES = 32;
/** In which commas are no borders, beside what says who asks. */
const NO_LISTS = new Set(['user-agent', 'referer']);
const ABSENT = '-'; // never a key of a present field: those begin with '='

/**
 * The selecting field names, lower-case, sorted, unique; empty without Vary. '*' when any member is
 * '*', or no field name at all: what we cannot compare must not match. An answer that only one site's
 * scripts may read was made for that Origin, whether Vary says so or not: kept for all, it would lock
 * out the others.
 */
export function varyNames(headers: FieldLines): readonly string[] | '*' {
  const readers = fieldValue(headers, 'access-control-allow-origin') ?? '*';
  const implied = readers === '*' ? [] : ['origin'];
  // nginx does not say so unless it is told to (gzip_vary), and not everybody can read it.
  if (fieldValue(headers, 'content-encoding') !== undefined) implied.push('accept-encoding');
  const names = [...listMembers((fieldValue(headers, 'vary') ?? '').toLowerCase()), ...implied];
  if (names.some((name) => name === '*' || !isFieldName(name))) return '*';
  const unique = [...new Set(names)].sort();
  return unique.length > MAX_NAMES ? '*' : unique;
}

/**
 * What tells variants of one key apart; '' without Vary; a digest where the values are long, as nobody
 * compares them in any other way. Right only if the origin was asked with
 * `upstreamAcceptEncoding` of the same request, as Accept-Encoding is keyed by that.
 */
export function secondaryKey(vary: readonly string[], requestHeaders: FieldLines): string {
  let key = '';
  for (const name of vary) {
    // Values have no line ends, so they cannot run into each other.
    key += `${key === '' ? '' : '\n'}${name}${keyPart(name, fieldValue(requestHeaders, name))}`;
  }
  // No field name begins with a blank.
  return key.length > MAX_SECONDARY ? ` ${digestOf(key)}` : key;
}

/** Whether those fields select the variant that has that secondary key under that rule. */
export function isSelectedBy(
  fields: FieldLines,
  { vary, secondary }: { readonly vary: readonly string[]; readonly secondary: string },
): boolean {
  return vary.length === 0 || secondaryKey(vary, fields) === secondary;
}

/**
 * The Accept-Encoding to send upstream: the same for every client of one variant, and naming no
 * coding that any of them would refuse.
 */
export function upstreamAcceptEncoding(acceptEncoding: string | undefined): string {
  const br = negotiateEncoding(acceptEncoding, ['br']) === 'br';
  const gzip = negotiateEncoding(acceptEncoding, ['gzip']) === 'gzip';
  if (br) return gzip ? 'br, gzip' : 'br';
  return gzip ? 'gzip' : 'identity';
}

function keyPart(name: string, value: string | undefined): string {
  if (name === 'accept-encoding') return `=${upstreamAcceptEncoding(value)}`;
  if (value === undefined) return ABSENT;
  if (name === 'accept-language') return `=${normalLanguages(value)}`;
  return NO_LISTS.has(name) || isCredential(name) ? `=${value}` : `=${normalSpaces(value)}`;
}

/** List members without the optional blanks around them; other text is left as it is. */
function normalSpaces(value: string): string {
  return listMembers(value).join(',');
}

/**
 * Language ranges by weight; of equals the first may be the one that is liked best (RFC 9110 section
 * 12.5.4). A list with a weight that cannot be read is only stripped of its blanks.
 */
function normalLanguages(value: string): string {
  const ranges: { tag: string; weight: number }[] = [];
  for (const member of listMembers(value.toLowerCase())) {
    const match = /^([a-z0-9*-]+)(?:[ \t]*;[ \t]*q=([01](?:\.\d{0,3})?))?$/.exec(member);
    if (match === null) return normalSpaces(value);
    ranges.push({ tag: match[1] ?? '', weight: Number(match[2] ?? 1) });
  }
  ranges.sort((a, b) => b.weight - a.weight);
  return ranges.map(({ tag, weight }) => (weight === 1 ? tag : `${tag};q=${weight}`)).join(',');
}
