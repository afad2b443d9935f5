/**
 * Message framing and field limits. The HTTP parser below us lets some ambiguous messages through
 * (several Content-Length or Transfer-Encoding fields, other codings than chunked); a server behind
 * us could see other message borders in them, so they end here (RFC 9112 sections 6.1 and 6.3).
 */
import type { ErrorCode } from '../errors.js';
import { isFieldName, isFieldValue, listMembers, type FieldLines } from './fields.js';

export type FramingFault = Extract<ErrorCode, 'GW_BAD_FRAMING'>;
export type FieldsFault = Extract<ErrorCode, 'GW_BAD_REQUEST' | 'GW_HEADERS_TOO_LARGE'>;

export type ConnectionEnd = 'none' | 'uws' | 'ours';

export interface FieldLimits {
  readonly maxBytes: number; // names, values and four bytes a line; one byte a character
  readonly maxLines: number;
}

const LINE_OVERHEAD_BYTES = 4; // ': ' and CRLF
const FIVE_OF_ASCII = /^[\x21-\x7e]{5}$/;
const DIGITS = /^\d+$/;

/**
 * Undefined when one body length follows from the fields and only one. After a fault the
 * connection must be closed: where the next request starts is not known.
 */
export function checkFraming(method: string, lines: FieldLines): FramingFault | undefined {
  const length = onlyValue(lines, 'content-length');
  const coding = onlyValue(lines, 'transfer-encoding');
  if (length === null || coding === null) return 'GW_BAD_FRAMING';
  if (coding !== undefined) {
    if (length !== undefined || coding.toLowerCase() !== 'chunked') return 'GW_BAD_FRAMING';
  } else if (length === undefined) {
    return undefined;
  } else if (!isLength(length)) {
    return 'GW_BAD_FRAMING';
  }
  return method === 'TRACE' ? 'GW_BAD_FRAMING' : undefined; // RFC 9110 section 9.3.8: no content
}

/** Undefined when the request's fields are valid, within the limits and name one host at most. */
export function checkFields(lines: FieldLines, limits: FieldLimits): FieldsFault | undefined {
  if (lines.length > limits.maxLines) return 'GW_HEADERS_TOO_LARGE';
  let bytes = 0;
  let hosts = 0;
  for (const [name, value] of lines) {
    bytes += name.length + value.length + LINE_OVERHEAD_BYTES;
    if (bytes > limits.maxBytes) return 'GW_HEADERS_TOO_LARGE';
    if (name === 'host') hosts += 1;
    if (!isFieldName(name) || !isFieldValue(value)) return 'GW_BAD_REQUEST';
  }
  return hosts > 1 ? 'GW_BAD_REQUEST' : undefined;
}

/**
 * Whether the connection ends behind the answer, and who ends it: uWS does so by itself where the
 * client's first Connection has five characters, as `close` has. By us where the client says it in
 * other words, and where the next request's beginning is not beyond doubt. That holds for chunks, of
 * which the parser below us takes what is no line end, and knows neither extensions nor trailers; and
 * for a length when fields may be hidden from us (`whole` false).
 */
export function connectionEnd(lines: FieldLines, whole: boolean): ConnectionEnd {
  const first = lines.find(([name]) => name === 'connection')?.[1] ?? '';
  if (FIVE_OF_ASCII.test(first)) return 'uws';
  for (const [name, value] of lines) {
    if (name === 'transfer-encoding') return 'ours';
    if (name === 'content-length' && !whole && Number(value) > 0) return 'ours';
    if (name === 'connection' && saysClose(value)) return 'ours';
  }
  return 'none';
}

function saysClose(connection: string): boolean {
  return listMembers(connection).some((option) => option.toLowerCase() === 'close');
}

/** Null when the field stands on more than one line, equal or not. */
function onlyValue(lines: FieldLines, name: string): string | undefined | null {
  let value: string | undefined;
  for (const line of lines) {
    if (line[0] !== name) continue;
    if (value !== undefined) return null;
    value = line[1];
  }
  return value;
}

function isLength(value: string): boolean {
  return DIGITS.test(value) && Number.isSafeInteger(Number(value));
}
