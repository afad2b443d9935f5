/**
 * The answers on one connection, RFC 9112, from bytes in whatever pieces they come. It keeps no byte: what
 * is body is handed on as part of the buffer that was read into.
 */
import type { BorrowedBytes } from '../../runtime/bytes.js';
import { isBodyless } from '../origin.js';
import { ChunkReader } from './chunk-reader.js';
import {
  type Framing,
  MAX_HEAD_BYTES,
  parseHead,
  ResponseFault,
  type ResponseHead,
} from './response-head.js';

const HEAD_END = '\r\n\r\n';
/** Each one puts off the end of the wait for a head. */
const MAX_INTERIM = 16;

export interface ResponseReader {
  /** 1xx, any number of times before the final one. */
  onInterim(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  /** Lent for this call, unless the reader sees to it that the buffer is not read into again. */
  onBody(bytes: BorrowedBytes): void;
  /** The message has ended where it said that it would. */
  onEnd(): void;
}

export class ResponseParser {
  readonly #reader: ResponseReader;
  #method = '';
  #state: 'idle' | 'head' | 'length' | 'chunks' | 'close' = 'idle';
  #head = ''; // of one that is not there whole
  #interim = 0;
  #left = 0; // of a body with a length
  #chunks = new ChunkReader();

  constructor(reader: ResponseReader) {
    this.#reader = reader;
  }

  /** Nothing is expected: what comes now belongs to nobody. */
  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** The next message answers a request of that method. */
  expect(method: string): void {
    this.#method = method;
    this.#state = 'head';
    this.#interim = 0;
  }

  /**
   * Reads `buffer` up to `to`. False: bytes are left over behind the message, and the connection is not
   * to be used again.
   * @throws ResponseFault
   */
  read(buffer: Buffer, to: number): boolean {
    let at = 0;
    while (at < to) {
      switch (this.#state) {
        case 'idle':
          return false;
        case 'head':
          at = this.#readHead(buffer, at, to);
          break;
        case 'length':
          at = this.#readLength(buffer, at, to);
          break;
        case 'chunks':
          at = this.#readChunks(buffer, at, to);
          break;
        case 'close':
          this.#reader.onBody(buffer.subarray(at, to));
          at = to;
      }
    }
    return true;
  }

  /** The peer sends nothing more. False: a message is cut by it. */
  end(): boolean {
    if (this.#state === 'close') this.#end();
    return this.#state === 'idle';
  }

  #readHead(buffer: Buffer, from: number, to: number): number {
    const before = this.#head;
    const found = before === '' ? buffer.indexOf(HEAD_END, from, 'latin1') : -1;
    if (found !== -1 && found + HEAD_END.length <= to) {
      this.#onHead(buffer.toString('latin1', from, found));
      return found + HEAD_END.length;
    }
    const text = before + buffer.toString('latin1', from, Math.min(to, from + MAX_HEAD_BYTES));
    // The end may lie across two pieces; what was looked at is not looked at again.
    const looked = Math.max(0, before.length - HEAD_END.length);
    const end = text.indexOf(HEAD_END, looked);
    if (end !== -1) {
      this.#head = '';
      this.#onHead(text.slice(0, end));
      return from + end + HEAD_END.length - before.length;
    }
    if (text.length >= MAX_HEAD_BYTES) throw new ResponseFault('a head that is too long');
    if (/[^\r]\n/.test(text.slice(looked))) throw new ResponseFault('a line that ends without CR');
    this.#head = text;
    return to;
  }

  #onHead(text: string): void {
    if (text.length > MAX_HEAD_BYTES) throw new ResponseFault('a head that is too long');
    const head = parseHead(text);
    if (head.status < 200) {
      this.#onInterim(head);
      return;
    }
    this.#reader.onHead(head);
    if (isBodyless(this.#method, head.status)) this.#end();
    else this.#beginBody(head.framing);
  }

  #onInterim(head: ResponseHead): void {
    // It answers an Upgrade, which is never asked for.
    if (head.status === 101) throw new ResponseFault('a switch of protocols that nobody asked for');
    if (!head.keepAlive) throw new ResponseFault('an interim answer that ends the connection');
    this.#interim += 1;
    if (this.#interim > MAX_INTERIM) throw new ResponseFault('too many 1xx');
    this.#reader.onInterim(head);
  }

  #beginBody(framing: Framing): void {
    if (framing.by === 'length') {
      this.#state = 'length';
      this.#left = framing.bytes;
      if (framing.bytes === 0) this.#end();
    } else {
      this.#state = framing.by;
      if (framing.by === 'chunks') this.#chunks = new ChunkReader();
    }
  }

  #readLength(buffer: Buffer, from: number, to: number): number {
    const end = Math.min(to, from + this.#left);
    this.#left -= end - from;
    this.#reader.onBody(buffer.subarray(from, end));
    if (this.#left === 0) this.#end();
    return end;
  }

  #readChunks(buffer: Buffer, from: number, to: number): number {
    const at = this.#chunks.read(buffer, from, to, (bytes) => {
      this.#reader.onBody(bytes);
    });
    if (this.#chunks.isDone) this.#end();
    return at;
  }

  #end(): void {
    this.#state = 'idle';
    this.#reader.onEnd();
  }
}
