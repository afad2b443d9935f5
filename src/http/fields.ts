/**
 * Header field lines as the whole house passes them: lower-case names, in order, duplicates kept. A
 * character of a value is a byte of the wire: what is above ASCII travels as it came (obs-text).
 */

export type FieldLine = readonly [name: string, value: string];
export type FieldLines = readonly FieldLine[];

/**
 * Fields that end at the next hop even when `Connection` does not name them (RFC 9110 section
 * 7.6.1, RFC 9111 section 3.1). Not every `proxy-` name: Proxy-Status (RFC 9209) is end-to-end.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Fields that are meant for all recipients, so `Connection` cannot name them (RFC 9110 section 7.6.1).
 * Were they taken out on its word, a client could ask with another Host, or without its cookies, than
 * the key and the rules have seen, and an origin could hide what it said of caching.
 */
const END_TO_END: ReadonlySet<string> = new Set([
  ...['accept', 'accept-encoding', 'accept-language', 'accept-ranges', 'age', 'authorization'],
  ...['cache-control', 'cdn-cache-control', 'content-disposition', 'content-encoding'],
  ...['content-language', 'content-length', 'content-location', 'content-range', 'content-type'],
  ...['cookie', 'date', 'etag', 'expect', 'expires', 'host', 'if-match', 'if-modified-since'],
  ...['if-none-match', 'if-range', 'if-unmodified-since', 'last-modified', 'location', 'origin'],
  ...['pragma', 'range', 'referer', 'retry-after', 'set-cookie', 'user-agent', 'vary', 'via'],
  ...['www-authenticate', 'x-access-token', 'x-api-key', 'x-auth-token'],
]);

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;

const TAB = 0x09;
const SPACE = 0x20;
const DQUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/** All lines of one field joined with ', ' (RFC 9110 section 5.3); undefined when absent. */
export function fieldValue(lines: FieldLines, name: string): string | undefined {
  let value: string | undefined;
  for (const line of lines) {
    if (line[0] === name) value = value === undefined ? line[1] : `${value}, ${line[1]}`;
  }
  return value;
}

/**
 * The lines that may travel further: without the hop-by-hop fields and without those that
 * `Connection` names and may name (RFC 9110 section 7.6.1). The same array when there is nothing to
 * remove.
 */
export function withoutHopByHop(lines: FieldLines): FieldLines {
  let found = false;
  let nominated: Set<string> | undefined;
  for (const [name, value] of lines) {
    if (!HOP_BY_HOP.has(name)) continue;
    found = true;
    if (name !== 'connection') continue;
    nominated ??= new Set();
    for (const option of listMembers(value.toLowerCase())) {
      if (!END_TO_END.has(option)) nominated.add(option);
    }
  }
  if (!found) return lines;
  return lines.filter(([name]) => !HOP_BY_HOP.has(name) && nominated?.has(name) !== true);
}

/** Whether `name` is a token (RFC 9110 section 5.1). Either case: lines carry lower case. */
export function isFieldName(name: string): boolean {
  return TOKEN.test(name);
}

/**
 * Whether `value` may be written as a field value (RFC 9110 section 5.5): no control but the tab,
 * no blank at either end, and no character that is more than a byte.
 */
export function isFieldValue(value: string): boolean {
  if (!FIELD_TEXT.test(value)) return false;
  return !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1));
}

/**
 * The members of a comma-separated list, trimmed, empty ones dropped (RFC 9110 section 5.6.1).
 * Commas in quoted strings do not split; a quote that never closes counts as an ordinary character.
 */
export function listMembers(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let quotesClose = true; // after one unclosed quote no later one is tried: the walk stays linear
  for (let i = 0; i < value.length; i += 1) {
    const code = value.charCodeAt(i);
    if (code === DQUOTE && quotesClose) {
      const end = closingQuote(value, i);
      if (end === -1) quotesClose = false;
      else i = end;
    } else if (code === COMMA) {
      addMember(members, value.slice(start, i));
      start = i + 1;
    }
  }
  addMember(members, value.slice(start));
  return members;
}

function addMember(members: string[], text: string): void {
  const member = trimBlanks(text);
  if (member !== '') members.push(member);
}

/** Only SP and HTAB: `trim()` would also take what Unicode calls a blank. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

/** Index of the quote that closes the one at `open`, or -1. A backslash hides what follows it. */
function closingQuote(value: string, open: number): number {
  for (let i = open + 1; i < value.length; i += 1) {
    const code = value.charCodeAt(i);
    if (code === DQUOTE) return i;
    if (code === BACKSLASH) i += 1;
  }
  return -1;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** The body's length in bytes as Content-Length states it; -1 when it does not, or not validly. */
export function contentLength(lines: FieldLines): number {
  const value = fieldValue(lines, 'content-length');
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : -1;
}

/** True when each character is one byte on the wire. */
export function isLatin1(text: string): boolean {
  return /^[\x00-\xff]*$/.test(text);
}
