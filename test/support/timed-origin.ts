/** An origin whose every answer, chunk and failure the test decides. Its chunks are lent, and then spoilt. */
import { GatewayError } from '../../src/errors.js';
import type { FieldLines } from '../../src/http/fields.js';
import type { Origin, OriginRequest, OriginResponse } from '../../src/origin/origin.js';
import { lent } from './lent.js';

export class TimedOrigin implements Origin {
  /** Every request there was, in order. */
  readonly requests: TimedRequest[] = [];
  readonly #open: TimedRequest[] = [];

  fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    const timed = new TimedRequest(request, signal);
    this.requests.push(timed);
    this.#open.push(timed);
    return timed.response;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The oldest request that was not taken yet; the caller answers it. */
  next(): TimedRequest {
    const request = this.#open.shift();
    if (request === undefined) throw new Error('the origin was not asked');
    return request;
  }
}

export class TimedRequest {
  readonly request: OriginRequest;
  readonly signal: AbortSignal;
  readonly response: Promise<OriginResponse>;
  /** The reader gave the body up before its end. */
  given = false;
  /** How many chunks were pulled. */
  pulls = 0;
  #resolve!: (response: OriginResponse) => void;
  #reject!: (reason: unknown) => void;
  readonly #chunks: (Uint8Array | 'end' | GatewayError)[] = [];
  #wake: (() => void) | undefined;

  constructor(request: OriginRequest, signal: AbortSignal) {
    this.request = request;
    this.signal = signal;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    signal.addEventListener('abort', () => {
      const reason = new GatewayError('GW_CLIENT_ABORTED', 'aborted');
      this.#reject(reason);
      this.#push(reason);
    });
  }

  header(name: string): string | undefined {
    return this.request.headers.find((line) => line[0] === name)?.[1];
  }

  head(status: number, headers: FieldLines): void {
    this.#resolve({ status, headers, body: lent(this.#body()), origin: 'timed' });
  }

  chunk(text: string): void {
    this.#push(Buffer.from(text, 'latin1'));
  }

  end(): void {
    this.#push('end');
  }

  /** Head, body and end in one go. */
  answer(status: number, headers: FieldLines, body = ''): void {
    this.head(status, headers);
    if (body !== '') this.chunk(body);
    this.end();
  }

  fail(code: ConstructorParameters<typeof GatewayError>[0]): void {
    const reason = new GatewayError(code, 'as the test wants');
    this.#reject(reason);
    this.#push(reason);
  }

  #push(item: Uint8Array | 'end' | GatewayError): void {
    this.#chunks.push(item);
    this.#wake?.();
  }

  async *#body(): AsyncGenerator<Uint8Array> {
    let ended = false;
    try {
      for (;;) {
        const item = this.#chunks.shift();
        if (item === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        if (item instanceof GatewayError) throw item;
        if (item === 'end') {
          ended = true;
          return;
        }
        this.pulls += 1;
        yield item;
      }
    } finally {
      this.given = !ended;
    }
  }
}
