/** Chunked bodies, RFC 9112 section 7.1, read strictly and in whatever pieces they come. */
import { isFieldName } from '../../http/fields.js';
import type { BorrowedBytes } from '../../runtime/bytes.js';
import { FRAMING_FIELDS, ResponseFault } from './response-head.js';

const LF = 0x0a;
/** A size with its extensions, or one trailer field. */
const MAX_LINE_BYTES = 8 * 1024;
const MAX_TRAILER_BYTES = 32 * 1024;
/** With extensions, whose values are tokens or quoted; without the blanks that RFC 9112 calls bad. */
const SIZE_LINE =
  /^([0-9A-Fa-f]{1,13})(?:;[!#$%&'*+\-.^_`|~\w]+(?:=(?:[!#$%&'*+\-.^_`|~\w]+|"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*$/;
const TRAILER_LINE = /^([^:\x00-\x20]+):[\t\x20-\x7e\x80-\xff]*$/;

export class ChunkReader {
  #state: 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'size';
  #line = ''; // of a line that is not there whole
  #left = 0; // of the chunk
  #trailerBytes = 0;

  get isDone(): boolean {
    return this.#state === 'done';
  }

  /**
   * Reads on from `from`; `take` gets what is body. Gives where it stopped: behind the last chunk's
   * end, or at `to`. Trailers are checked and dropped.
   * @throws ResponseFault
   */
  read(buffer: Buffer, from: number, to: number, take: (bytes: BorrowedBytes) => void): number {
    let at = from;
    while (at < to && this.#state !== 'done') {
      if (this.#state === 'data') {
        const end = Math.min(to, at + this.#left);
        take(buffer.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'data-end';
        continue;
      }
      const found = buffer.indexOf(LF, at);
      const end = found === -1 || found >= to ? to : found + 1;
      this.#line += buffer.toString('latin1', at, end);
      at = end;
      this.#checkLength();
      if (this.#line.endsWith('\n')) this.#onLine();
    }
    return at;
  }

  #onLine(): void {
    const line = this.#line;
    if (!line.endsWith('\r\n')) throw new ResponseFault('a line of chunks that ends without CR');
    this.#line = '';
    const text = line.slice(0, -2);
    if (this.#state === 'size') this.#onSize(text);
    else if (this.#state === 'data-end') {
      if (text !== '') throw new ResponseFault('a chunk that is longer than its size');
      this.#state = 'size';
    } else this.#onTrailer(text);
  }

  #onSize(text: string): void {
    const size = SIZE_LINE.exec(text)?.[1];
    if (size === undefined) throw new ResponseFault('a chunk size that is no number');
    this.#left = parseInt(size, 16);
    this.#state = this.#left === 0 ? 'trailer' : 'data';
  }

  #onTrailer(text: string): void {
    this.#trailerBytes += text.length + 2;
    if (this.#trailerBytes > MAX_TRAILER_BYTES) throw new ResponseFault('trailers without end');
    if (text === '') {
      this.#state = 'done';
      return;
    }
    const name = TRAILER_LINE.exec(text)?.[1] ?? '';
    if (!isFieldName(name) || FRAMING_FIELDS.has(name.toLowerCase())) {
      throw new ResponseFault('a malformed trailer field');
    }
  }

  /** Two bytes end a chunk's data, and nothing else may stand there. */
  #checkLength(): void {
    const most = this.#state === 'data-end' ? 2 : MAX_LINE_BYTES;
    if (this.#line.length > most) throw new ResponseFault('a line of chunks that is too long');
    if (this.#state === 'data-end' && !'\r\n'.startsWith(this.#line)) {
      throw new ResponseFault('a chunk that is longer than its size');
    }
  }
}
