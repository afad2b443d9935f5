/**
 * One request on one connection, and the answer that comes of it. The connection feeds it with what it
 * reads; it says when it is over, and whether the connection may be used again.
 */
import { asGatewayError, type ErrorCode, GatewayError } from '../../errors.js';
import { withoutHopByHop } from '../../http/fields.js';
import type { BorrowedBytes } from '../../runtime/bytes.js';
import type { OriginRequest, OriginResponse } from '../origin.js';
import { BodySender } from './body-sender.js';
import type { Connection } from './connection.js';
import { LentBody } from './lent-body.js';
import type { UpstreamHead } from './request-head.js';
import { type Framing, ResponseFault, type ResponseHead } from './response-head.js';
import { ResponseParser, type ResponseReader } from './response-parser.js';

export interface ExchangeOptions {
  readonly name: string; // of the origin
  readonly request: OriginRequest;
  readonly head: UpstreamHead;
  readonly connection: Connection;
  readonly signal: AbortSignal;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** Called once, when nothing of the connection's buffers is lent any more. */
  readonly onOver: (keepAliveMs: number) => void; // 0: not to be used again
}

export class Exchange implements ResponseReader {
  readonly response: Promise<OriginResponse>;
  readonly #options: ExchangeOptions;
  readonly #parser: ResponseParser;
  readonly #onAbort: () => void;
  readonly #reused: boolean;
  #resolve!: (response: OriginResponse) => void;
  #reject!: (error: GatewayError) => void;
  #sender: BodySender | undefined; // while the request's body is being sent
  #body: LentBody | undefined; // of the answer
  #timer: NodeJS.Timeout | undefined;
  #sentBefore = 0; // bytes of the request's body, when the timer came last
  #answered = false; // a byte of an answer has come
  #isReading = false; // what is left over has still to be seen
  #isFinished = false;
  #isOver = false;
  #lost = false; // the connection went before any byte of an answer
  #keepAliveMs = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#parser = new ResponseParser(this);
    this.#reused = options.connection.requests > 1;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.response.catch(() => undefined); // it may fail before the caller awaits it
    this.#onAbort = () => {
      this.#cancel('request aborted');
    };
  }

  /** A kept-alive connection was closed under us: nobody can tell if the origin saw the request. */
  get lostReused(): boolean {
    return this.#reused && this.#lost;
  }

  begin(): void {
    const { request, head, connection, signal, headersTimeoutMs } = this.#options;
    if (signal.aborted) {
      this.#onAbort();
      return;
    }
    signal.addEventListener('abort', this.#onAbort);
    this.#parser.expect(request.method);
    this.#timer = setTimeout(() => {
      this.#onHeadLate();
    }, headersTimeoutMs);
    connection.socket.write(head.text, 'latin1');
    if (request.body !== undefined) void this.#send(request.body, head.bodyBytes);
  }

  /** What the connection has read. False: no more for now. */
  read(buffer: Buffer, bytes: number): boolean {
    this.#answered = true;
    this.#isReading = true;
    try {
      // What is left over belongs to nobody, and tells that the two of us do not agree.
      if (!this.#parser.read(buffer, bytes)) this.#keepAliveMs = 0;
    } catch (reason) {
      if (reason instanceof ResponseFault) this.#fail('GW_ORIGIN_PROTOCOL', reason.message);
      else this.fail(asGatewayError(reason)); // of whoever was told: the thread goes on
    } finally {
      this.#isReading = false;
    }
    const goesOn = this.#body?.endRead() !== true;
    if (this.#isFinished) this.#release();
    else if (this.#body !== undefined) this.#awaitBody();
    return goesOn;
  }

  /** The peer sends nothing more. */
  peerEnded(): void {
    this.#keepAliveMs = 0;
    if (this.#parser.end()) this.#release();
    else this.connectionLost('closed by the origin');
  }

  /** The connection is gone, in whatever way. */
  connectionLost(why: string): void {
    if (this.#isFinished) return;
    this.#lost = !this.#answered;
    this.#fail(this.#body === undefined ? 'GW_ORIGIN_IO' : 'GW_ORIGIN_BODY_SHORT', why);
  }

  fail(error: GatewayError): void {
    if (this.#isFinished) return;
    this.#finish(error);
    this.#release();
  }

  onInterim({ status, lines }: ResponseHead): void {
    if (this.#isFinished) return;
    this.#timer?.refresh();
    // 100 answers an Expect of our own, and there is none.
    if (status !== 100) this.#options.request.onInformational?.(status, withoutHopByHop(lines));
  }

  onHead({ status, lines, framing, keepAlive, keepAliveMs }: ResponseHead): void {
    if (this.#isFinished) return; // whoever was told of a 1xx gave up: what follows is cut
    const { name, request } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#keepAliveMs = keepAlive && !mayFollow(request.method, status, framing) ? keepAliveMs : 0;
    this.#body = new LentBody({
      resume: () => {
        this.#options.connection.socket.resume();
      },
      cancel: () => {
        this.#cancel('the reader left');
      },
      drained: () => {
        this.#release();
      },
    });
    this.#resolve({ status, headers: withoutHopByHop(lines), body: this.#body, origin: name });
  }

  onBody(bytes: BorrowedBytes): void {
    this.#body?.push(bytes);
  }

  onEnd(): void {
    this.#finish(undefined);
  }

  async #send(body: AsyncIterable<Uint8Array>, bytes: number): Promise<void> {
    const { connection } = this.#options;
    const sender = new BodySender(connection.socket, body, bytes);
    this.#sender = sender;
    try {
      if (!(await sender.send())) return;
      this.#sender = undefined;
      this.#timer?.refresh(); // the origin has all that it may wait for
    } catch (reason) {
      this.fail(asGatewayError(reason));
    }
  }

  /** A client may take its time with its body; an origin that does not take it may not. */
  #onHeadLate(): void {
    const { isBlocked = true, sent = 0 } = this.#sender ?? {};
    const goesOn = !isBlocked || sent > this.#sentBefore;
    this.#sentBefore = sent;
    if (goesOn) this.#timer?.refresh();
    else this.#fail('GW_ORIGIN_TIMEOUT', 'no head in time');
  }

  /** Silence counts only while a reader waits. */
  #awaitBody(): void {
    if (this.#timer !== undefined) {
      this.#timer.refresh();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#onSilence();
    }, this.#options.bodyTimeoutMs);
  }

  /** The time that a reader took before it waited is its own. */
  #onSilence(): void {
    const { bodyTimeoutMs } = this.#options;
    const leftMs = bodyTimeoutMs - (this.#body?.wantedForMs ?? 0);
    if (leftMs <= 0) {
      this.#fail('GW_ORIGIN_TIMEOUT', 'silence within a body');
      return;
    }
    this.#timer = setTimeout(() => {
      this.#onSilence();
    }, leftMs);
  }

  #cancel(why: string): void {
    this.#fail('GW_CLIENT_ABORTED', why);
  }

  #fail(code: ErrorCode, why: string): void {
    this.fail(new GatewayError(code, `${this.#options.name}: ${why}`));
  }

  #finish(error: GatewayError | undefined): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const { signal } = this.#options;
    signal.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#timer);
    // An answer before all of the request was sent: the rest of it would be taken for the next one.
    if (error !== undefined || this.#sender !== undefined) this.#keepAliveMs = 0;
    this.#sender?.stop();
    if (error === undefined) {
      this.#body?.end();
      return;
    }
    this.#reject(error);
    this.#body?.fail(error);
  }

  /** Gives the connection back once its buffers are free; one that is not used again at once. */
  #release(): void {
    if (!this.#isFinished || this.#isReading || this.#isOver) return;
    if (this.#keepAliveMs > 0 && this.#body?.isDrained === false) {
      this.#cutLooseSoon();
      return;
    }
    this.#isOver = true;
    this.#options.onOver(this.#keepAliveMs);
  }

  /** A reader that is not there yet must not keep the connection from others. */
  #cutLooseSoon(): void {
    setImmediate(() => {
      if (!this.#isOver && (this.#body?.isDrained === true || this.#body?.cutLoose() === true)) {
        this.#isOver = true;
        this.#options.onOver(this.#keepAliveMs);
      }
    });
  }
}

/**
 * Some send a body where there can be none (RFC 9112 section 6.3): behind the head, when the connection would
 * already be another's.
 */
function mayFollow(method: string, status: number, framing: Framing): boolean {
  const tellsBody = framing.by === 'chunks' || (framing.by === 'length' && framing.bytes > 0);
  return method === 'HEAD' || ((status === 204 || status === 304) && tellsBody);
}
