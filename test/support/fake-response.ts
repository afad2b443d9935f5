/**
 * A uWS response as measured on real sockets: `tryEnd` takes what the kernel has room for and says so,
 * `write` takes all and says when it had to buffer, `close` calls onAborted, and any call on a response
 * that is over throws.
 */
import type { HttpResponse } from '../../native/uws.js';
import { Responder } from '../../src/edge/http/answer/responder.js';

export class FakeResponse {
  /** Bytes that the kernel still takes. */
  room = Infinity;
  statusLine = '';
  readonly headers: string[] = [];
  body = Buffer.alloc(0);
  state: 'open' | 'complete' | 'bodyless' | 'closed' = 'open';
  closing = false;
  corks = 0;
  paused = false;
  #offset = 0;
  #buffered = false;
  #onAborted: (() => void) | undefined;
  #onWritable: ((offset: number) => boolean) | undefined;
  #onData: ((chunk: ArrayBuffer, last: boolean) => void) | undefined;

  /** As the code under test sees it. */
  get asUws(): HttpResponse {
    return this as unknown as HttpResponse;
  }

  get head(): string {
    return [this.statusLine, ...this.headers].join('\r\n');
  }

  onAborted(call: () => void): this {
    this.#alive();
    this.#onAborted = call;
    return this;
  }

  onWritable(call: (offset: number) => boolean): this {
    this.#alive();
    this.#onWritable = call;
    return this;
  }

  onData(call: (chunk: ArrayBuffer, last: boolean) => void): this {
    this.#alive();
    this.#onData = call;
    return this;
  }

  cork(call: () => void): this {
    this.#alive();
    this.corks += 1;
    call();
    return this;
  }

  writeStatus(line: string | Uint8Array): this {
    this.#alive();
    this.statusLine = latin1(line);
    return this;
  }

  writeHeader(key: string | Uint8Array, value: string | Uint8Array): this {
    this.#alive();
    this.headers.push(`${latin1(key)}: ${latin1(value)}`);
    return this;
  }

  getWriteOffset(): number {
    this.#alive();
    return this.#offset;
  }

  tryEnd(chunk: Uint8Array, total: number): [ok: boolean, complete: boolean] {
    this.#alive();
    const taken = Math.min(chunk.length, this.room);
    this.#take(chunk.subarray(0, taken));
    if (this.#offset === total) {
      this.state = 'complete';
      return [true, true];
    }
    return [taken === chunk.length, false];
  }

  write(chunk: Uint8Array): boolean {
    this.#alive();
    const fits = chunk.length <= this.room && !this.#buffered;
    this.#take(chunk);
    this.#buffered = !fits;
    return fits;
  }

  end(body: string | Uint8Array, closing = false): this {
    this.#alive();
    this.#take(typeof body === 'string' ? Buffer.from(body, 'latin1') : body);
    this.state = 'complete';
    this.closing = closing;
    return this;
  }

  endWithoutBody(length?: number, closing = false): this {
    this.#alive();
    if (length !== undefined) this.headers.push(`Content-Length: ${length}`);
    this.state = 'bodyless';
    this.closing = closing;
    return this;
  }

  close(): this {
    this.#alive();
    this.leave();
    return this;
  }

  pause(): this {
    this.#alive();
    this.paused = true;
    return this;
  }

  resume(): this {
    this.#alive();
    this.paused = false;
    return this;
  }

  /** The client goes away. */
  leave(): void {
    this.state = 'closed';
    this.#onAborted?.();
  }

  /** The client has read: the kernel takes so many bytes more, and uWS says so. */
  drain(room: number): void {
    this.room = room;
    this.#buffered = false;
    if (this.state === 'open') this.#onWritable?.(this.#offset);
  }

  /** A piece of the request's body; the buffer is void afterwards, as uWS's is. */
  send(text: string, last: boolean): void {
    const piece = new Uint8Array(Buffer.from(text, 'latin1')).buffer;
    this.#onData?.(piece, last);
    new Uint8Array(piece).fill(0);
  }

  #take(bytes: Uint8Array): void {
    this.body = Buffer.concat([this.body, bytes]);
    this.#offset += bytes.length;
    this.room = Math.max(0, this.room - bytes.length);
  }

  #alive(): void {
    if (this.state === 'open') return;
    throw new Error('uWS.HttpResponse must not be accessed after it is over');
  }
}

/** A responder over a fake; what its callbacks throw fails the test. */
export function fakeResponder(response: FakeResponse): Responder {
  return new Responder(response.asUws, {
    nowMs: 0,
    guard: (run) => {
      run();
    },
  });
}

function latin1(text: string | Uint8Array): string {
  return typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
}
