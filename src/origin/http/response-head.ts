/**
 * The head of an answer: RFC 9112 sections 4, 5 and 6.3, read strictly. What another reader on the way
 * might take for something else is a fault, since a cache would hand the mistake on to everybody.
 */
import {
  type FieldLine,
  type FieldLines,
  isFieldName,
  isFieldValue,
  listMembers,
  trimBlanks,
} from '../../http/fields.js';

/** Bytes of a head, with its status line and its empty line. */
export const MAX_HEAD_BYTES = 32 * 1024;
const MAX_LINES = 512;

/** They tell where a body ends; no trailer may. */
export const FRAMING_FIELDS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);

/** An answer that is no HTTP. `message` says what is wrong, never what it holds. */
export class ResponseFault extends Error {
  override readonly name = 'ResponseFault';
}

/** How the end of a body is told. */
export type Framing =
  | { readonly by: 'length'; readonly bytes: number }
  | { readonly by: 'chunks' }
  | { readonly by: 'close' };

export interface ResponseHead {
  readonly status: number; // 100..599
  readonly lines: FieldLines; // as they came, hop-by-hop ones too
  readonly framing: Framing; // of an answer that has a body
  readonly keepAlive: boolean; // the connection may be used again
  /** `Keep-Alive: timeout`, ms: how long the peer keeps it open. Infinity: it does not say. */
  readonly keepAliveMs: number;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
/**
 * `text`: the head without its last empty line, a character a byte.
 * @throws ResponseFault
 */
export function parseHead(text: string): ResponseHead {
  const rows = text.split('\r\n');
  const statusLine = STATUS_LINE.exec(rows[0] ?? '');
  if (statusLine === null) throw new ResponseFault('not a status line of HTTP/1');
  if (rows.length - 1 > MAX_LINES) throw new ResponseFault('too many header fields');
  const status = Number(statusLine[2]);
  const http11 = statusLine[1] === '1';
  const facts = new HeadFacts();
  const lines = rows.slice(1).map(parseLine);
  for (const line of lines) facts.read(line);
  const { keepAliveMs } = facts;
  return {
    status,
    lines,
    framing: facts.framing(http11),
    keepAlive: http11 && !facts.close,
    keepAliveMs,
  };
}

function parseLine(row: string): FieldLine {
  const colon = row.indexOf(':');
  const name = row.slice(0, Math.max(0, colon));
  const value = trimBlanks(row.slice(colon + 1));
  const lower = name.toLowerCase();
  // Control bytes are in no value: a bare CR or LF, or a line folded as of old, neither.
  if (!isFieldName(name) || !isFieldValue(value)) {
    throw new ResponseFault('a malformed header field');
  }
  // A tab is a blank like another, but llhttp reads until the end what is "chunked" and a tab.
  if (FRAMING_FIELDS.has(lower) && row.includes('\t')) {
    throw new ResponseFault('a tab where the length of a body is told');
  }
  return [lower, value];
}

/** What the fields say of the message and its connection. */
class HeadFacts {
  close = false;
  keepAliveMs = Infinity;
  #bytes = -1;
  #coding: string | undefined;

  read([name, value]: FieldLine): void {
    switch (name) {
      case 'content-length':
        // Twice the same is allowed to pass (RFC 9112 section 6.3), and asks for a proxy that differs.
        if (this.#bytes !== -1) throw new ResponseFault('more than one Content-Length');
        if (!/^\d{1,15}$/.test(value))
          throw new ResponseFault('a Content-Length that is no length');
        this.#bytes = Number(value);
        break;
      case 'transfer-encoding':
        if (this.#coding !== undefined) throw new ResponseFault('more than one Transfer-Encoding');
        this.#coding = value.toLowerCase();
        break;
      case 'connection':
        this.close ||= listMembers(value.toLowerCase()).includes('close');
        break;
      case 'keep-alive': {
        const seconds = /(?:^|[,;\s])timeout=(\d{1,9})\b/i.exec(value)?.[1];
        if (seconds !== undefined) this.keepAliveMs = Number(seconds) * 1_000;
        break;
      }
    }
  }

  framing(http11: boolean): Framing {
    if (this.#coding !== undefined) {
      if (this.#coding !== 'chunked') {
        throw new ResponseFault('a transfer coding other than chunked');
      }
      if (!http11) throw new ResponseFault('a transfer coding in HTTP/1.0');
      if (this.#bytes !== -1) throw new ResponseFault('Content-Length and Transfer-Encoding');
      return { by: 'chunks' };
    }
    return this.#bytes === -1 ? { by: 'close' } : { by: 'length', bytes: this.#bytes };
  }
}
