/**
 * The one holder of a borrowed uWS response. It dies when the client leaves or the response is
 * complete; after that every call does nothing, so that no late message can touch a freed socket.
 */
import { type AnswerWriter, muteCerr } from '../../../../native/addon.js';
import type { HttpResponse } from '../../../../native/uws.js';
import type { Head } from '../../../protocol/messages.js';
import type { ConnectionEnd } from '../../../http/framing.js';
import { statusLine } from '../../../http/status.js';
import { type BorrowedBytes, forThisCall } from '../../../runtime/bytes.js';
import { BLOCK_KEY } from '../../../protocol/render.js';
import { CORKED_BYTES, tryEnd } from './try-end.js';

export interface WriteResult {
  readonly ok: boolean; // false: the kernel took only part, wait for `onWritable`
  readonly complete: boolean;
}

const GONE: WriteResult = { ok: false, complete: true };

/**
 * Whether so many bytes of fields and body go out in one piece. uWS flushes its cork when more is to be
 * written; if the kernel takes only part of it, uWS drops what was to follow. After `end` it then owes
 * the answer still, with nobody to give it, and aborts the process. `tryEnd` says that nothing was taken.
 */
export function isSentAtOnce(bytes: number): boolean {
  return bytes <= CORKED_BYTES;
}

export interface ResponderOptions {
  readonly nowMs: number;
  /** Catches what callbacks throw: an exception must never reach uWS. */
  readonly guard: (run: () => void) => void;
  /** Asked when the head is written: whether the connection ends for reasons of ours. */
  readonly isLast?: () => boolean;
  /** Without it answers say when they are sent, and large ones are sent in more calls of the kernel. */
  readonly answers?: Pick<AnswerWriter, 'setDate' | 'sendBody'> | undefined;
}

export class Responder {
  readonly startedMs: number;
  /** The request is a HEAD: a body would be read as the next response. */
  forHead = false;
  /** Whether the connection ends behind this answer; set before anything is written. */
  ending: ConnectionEnd = 'none';
  /** 0 until the head has been written. */
  status = 0;
  bytesSent = 0;
  /** The client went before the answer was whole; not for an end of ours. */
  left = false;
  /** Our Cache-Status and those before it, as sent; '' before. */
  cacheStatus = '';
  #response: HttpResponse | undefined;
  #interim = '';
  #headBytes = 0;
  #date = 0;
  #dated = false; // uWS writes Date with the first of the body, or in its place
  #told = false; // `Connection: close` is among what was written
  #closed = false; // by us
  #onGone: (() => void)[] = [];
  readonly #options: ResponderOptions;

  constructor(response: HttpResponse, options: ResponderOptions) {
    this.#response = response;
    this.startedMs = options.nowMs;
    this.#options = options;
    response.onAborted(() => {
      this.left = !this.#closed;
      this.#over();
    });
  }

  get gone(): boolean {
    return this.#response === undefined;
  }

  get #closes(): boolean {
    return this.ending === 'ours';
  }

  /** Of the client's end of the connection, for as long as it is there; ''. */
  get clientAddress(): string {
    const bytes = this.#response?.getRemoteAddressAsText();
    return bytes === undefined ? '' : Buffer.from(bytes).toString('latin1');
  }

  get headSent(): boolean {
    return this.status !== 0;
  }

  /** Called once, when the response is over for whatever reason. */
  whenGone(call: () => void): void {
    if (this.gone) call();
    else this.#onGone.push(call);
  }

  /** A 1xx for the client. uWS can send it only together with the final head. */
  interim({ status, fields }: Head): void {
    if (this.headSent || status < 102 || status > 199) return; // 100 and 101 are between two hops
    const lines = fields.map(([name, value]) => `\r\n${name}: ${value}`).join('');
    this.#interim += `${statusLine(status)}${lines}\r\n\r\nHTTP/1.1 `;
  }

  /** Runs what writes to the response as one packet. Nothing runs when it is over. */
  cork(write: () => void): void {
    this.#response?.cork(() => {
      this.#options.guard(write);
    });
  }

  /**
   * Runs what calls `write`. Not inside `cork`, nor in a request handler, which uWS corks: what it
   * holds back is flushed before a large chunk, and when the kernel takes only part of that, uWS
   * drops the chunk whose size it has sent. It would advise of `cork` on stderr at each call.
   */
  uncorked(write: () => void): void {
    if (this.#response === undefined) return;
    muteCerr(true);
    try {
      this.#options.guard(write);
    } finally {
      muteCerr(false);
    }
  }

  /**
   * `cacheStatusAndLines`: value for BLOCK_KEY, further lines behind it. `date`: as `sentDate`. Inside
   * `cork` only.
   */
  head(status: number, cacheStatusAndLines: string, date = 0): void {
    if (this.#response === undefined) return;
    this.#date = date;
    if (this.ending === 'none' && this.#options.isLast?.() === true) this.ending = 'ours';
    this.status = status;
    this.cacheStatus = cacheStatusAndLines.slice(0, cacheStatusAndLines.indexOf('\r\n'));
    const line = this.#interim + statusLine(status);
    this.#response.writeStatus(this.#interim === '' ? line : Buffer.from(line, 'latin1'));
    // uWS says so itself only where the client has not.
    const end = this.ending === 'uws' ? '\r\nConnection: close' : '';
    this.#headBytes = line.length + cacheStatusAndLines.length;
    this.#response.writeHeader(BLOCK_KEY, Buffer.from(cacheStatusAndLines + end, 'latin1'));
  }

  /** The whole body, of which `isSentAtOnce` holds, and its end. */
  end(body: BorrowedBytes | string): void {
    const response = this.#response;
    if (response === undefined) return;
    this.bytesSent += body.length;
    try {
      this.#setDate(response);
      response.end(
        typeof body === 'string' ? body : forThisCall(body),
        this.#closes && !this.#told,
      );
    } finally {
      this.#over(); // behind it: until then the body may be somebody's under whose lease it is
    }
  }

  /** No body. `length`: the Content-Length a GET would have had; undefined writes none. */
  endWithoutBody(length: number | undefined): void {
    const response = this.#response;
    if (response === undefined) return;
    try {
      this.#setDate(response);
      if (length !== undefined && this.#closes) {
        response.endWithoutBody(length, true);
        return;
      }
      if (this.#closes) response.writeHeader('Connection', 'close');
      if (length !== undefined) response.writeHeader('Content-Length', String(length));
      response.endWithoutBody();
    } finally {
      this.#over();
    }
  }

  /** As `isSentAtOnce`, of so many bytes of fields and body and what comes before them. */
  sendsAtOnce(bytes: number): boolean {
    return isSentAtOnce(this.#interim.length + bytes);
  }

  /** The next bytes of a body of `total`; `offset()` says how far it came. */
  tryEnd(chunk: BorrowedBytes, total: number): WriteResult {
    const response = this.#response;
    if (response === undefined) return GONE;
    const before = response.getWriteOffset();
    const whole = before === 0 && chunk.length === total;
    if (this.#closes && whole && isSentAtOnce(this.#headBytes + total)) {
      this.end(chunk);
      return { ok: true, complete: true };
    }
    this.#tellEnd(response);
    this.#setDate(response);
    const { answers } = this.#options;
    const [ok, complete] = tryEnd(response, chunk, { total, answers });
    if (complete) {
      this.bytesSent += total - before;
      this.#over();
    } else {
      this.bytesSent += (ok ? before + chunk.length : response.getWriteOffset()) - before;
    }
    return { ok, complete };
  }

  /** Bytes of the body that the kernel has taken. */
  offset(): number {
    return this.#response?.getWriteOffset() ?? 0;
  }

  /** A chunk of a body of unknown length, in `uncorked`. False: buffered, so wait for `onWritable`. */
  write(chunk: BorrowedBytes): boolean {
    if (this.#response === undefined) return false;
    this.bytesSent += chunk.length;
    this.#tellEnd(this.#response);
    this.#setDate(this.#response);
    return this.#response.write(forThisCall(chunk));
  }

  /**
   * Once per response. `call` gets the offset and says whether all that it had could be written. With
   * `inPieces` it calls `write`.
   */
  onWritable(call: (offset: number) => boolean, inPieces: boolean): void {
    this.#response?.onWritable((offset) => {
      let ok = true;
      const run = (): void => {
        ok = call(offset);
      };
      if (inPieces) this.uncorked(run);
      else this.#options.guard(run);
      return ok;
    });
  }

  /** Ends the connection at once: what was sent must not look whole. */
  close(): void {
    const response = this.#response;
    if (response === undefined) return;
    this.#closed = true;
    response.close(); // it calls onAborted, which does the rest
  }

  /** A short text of our own, as for refusals. `closing` ends the connection behind it. */
  text(status: number, lines: string, body: string, closing: boolean): void {
    if (this.gone) return;
    if (closing && this.ending === 'none') this.ending = 'ours';
    this.cork(() => {
      this.head(status, lines);
      if (this.forHead) this.endWithoutBody(body.length);
      else this.end(body);
    });
  }

  /**
   * Of a body in pieces uWS does not end the connection for us: the client is told to, and nothing
   * more that it sends is served.
   */
  #tellEnd(response: HttpResponse): void {
    if (!this.#closes || this.#told) return;
    this.#told = true;
    response.writeHeader('Connection', 'close');
  }

  #setDate(response: HttpResponse): void {
    if (this.#dated) return;
    this.#dated = true;
    this.#options.answers?.setDate(response, this.#date);
  }

  /** Nothing more may be done with it. Of those who wait for that, none keeps it from the others. */
  #over(): void {
    this.#response = undefined;
    const calls = this.#onGone;
    this.#onGone = [];
    for (const call of calls) this.#options.guard(call);
  }
}
