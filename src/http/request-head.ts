/** A request's head, read from its bytes: one character of the text is one byte of the wire. */
import { trimBlanks, type FieldLine } from './fields.js';

export interface RequestHead {
  readonly method: string;
  readonly path: string; // as sent, but bytes above ASCII are escaped
  readonly query: string | undefined; // what follows the first '?'; the same escapes
  readonly lines: FieldLine[];
}

const ABOVE_ASCII = /[\x80-\xff]/g;

/**
 * The parts of a head that a parser has accepted: a request line, then `name:value` lines ended by
 * CRLF, names in lower case. The text ends with its last value. Bytes above ASCII stay as they are
 * in values (obs-text, RFC 9110 section 5.5); a target must be a URI, so there each becomes its escape,
 * and no two targets become one.
 */
export function parseRequestHead(text: string): RequestHead {
  const [first = '', ...fields] = text.split('\r\n');
  const blank = first.indexOf(' ');
  const target = first.slice(blank + 1, first.lastIndexOf(' ')).replace(ABOVE_ASCII, escapeByte);
  const mark = target.indexOf('?');
  return {
    method: first.slice(0, blank),
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? undefined : target.slice(mark + 1),
    lines: fields.map(parseLine),
  };
}

function parseLine(line: string): FieldLine {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), trimBlanks(line.slice(colon + 1))];
}

function escapeByte(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase()}`;
}
