/** A request's body as it comes, with back-pressure to the client and a bound on what waits here. */
import type { HttpResponse } from '../../../../native/uws.js';
import { GatewayError } from '../../../errors.js';

const PAUSE_ABOVE_BYTES = 1_048_576;
/**
 * Pausing and resuming re-arms uWS's time-out, which cuts bodies under 16 KB/s otherwise: well
 * below the least `limits.headersTimeout`.
 */
const CHECK_EVERY_MS = 2_000;
/** Without the addon a pause may come late (uWS reads on while it gets full buffers): the bound. */
const MAX_WAITING_BYTES = 67_108_864;

export interface BodyLimits {
  readonly maxBytes: number;
  readonly minRate: number; // bytes per second
  readonly minRateGraceMs: number;
}

export class RequestBody implements AsyncIterable<Uint8Array> {
  readonly #response: HttpResponse;
  readonly #limits: BodyLimits;
  readonly #timer: NodeJS.Timeout;
  readonly #now: () => number;
  readonly #startedMs: number;
  #chunks: Uint8Array[] = [];
  #waitingBytes = 0;
  #received = 0;
  #paused = false;
  #pausedAtMs = 0;
  #pausedMs = 0; // by us: not the client's slowness
  #state: 'open' | 'complete' | 'failed' = 'open';
  #error: GatewayError | undefined;
  #wake: (() => void) | undefined;
  #gone = false;

  /** Must be made inside the handler, before it returns. */
  constructor(response: HttpResponse, limits: BodyLimits, now: () => number) {
    this.#response = response;
    this.#limits = limits;
    this.#now = now;
    this.#startedMs = now();
    response.onData((piece, last) => {
      this.#take(new Uint8Array(piece.slice(0)), last);
    });
    this.#timer = setInterval(() => {
      this.#check(now());
    }, CHECK_EVERY_MS);
  }

  /** The response is over, so the connection may not be touched any more. */
  leave(): void {
    this.#gone = true;
    clearInterval(this.#timer);
    if (this.#state === 'open')
      this.#fail(new GatewayError('GW_CLIENT_ABORTED', 'the client left'));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#waitingBytes -= chunk.length;
        if (this.#paused && this.#waitingBytes < PAUSE_ABOVE_BYTES / 2) this.#resume();
        yield chunk;
        continue;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#state === 'complete') return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(chunk: Uint8Array, last: boolean): void {
    if (this.#state !== 'open') return;
    this.#received += chunk.length;
    if (this.#received > this.#limits.maxBytes) {
      this.#fail(new GatewayError('GW_BODY_TOO_LARGE', `more than ${this.#limits.maxBytes} bytes`));
      return;
    }
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#fail(new GatewayError('GW_BODY_TOO_LARGE', 'came faster than the origin takes it'));
      return;
    }
    if (last) {
      this.#state = 'complete';
      clearInterval(this.#timer);
    } else if (this.#waitingBytes > PAUSE_ABOVE_BYTES && !this.#paused) {
      this.#paused = true;
      this.#pausedAtMs = this.#now();
      this.#response.pause();
    }
    this.#wakeUp();
  }

  #check(nowMs: number): void {
    if (this.#gone || this.#state !== 'open' || this.#paused) return;
    const elapsedMs = nowMs - this.#startedMs - this.#pausedMs;
    const rate = (this.#received * 1_000) / elapsedMs;
    if (elapsedMs > this.#limits.minRateGraceMs && rate < this.#limits.minRate) {
      this.#fail(new GatewayError('GW_BODY_TIMEOUT', 'the body came too slowly'));
      return;
    }
    this.#response.pause();
    this.#response.resume();
  }

  #resume(): void {
    this.#paused = false;
    this.#pausedMs += this.#now() - this.#pausedAtMs;
    if (!this.#gone) this.#response.resume();
  }

  #fail(error: GatewayError): void {
    this.#state = 'failed';
    this.#error = error;
    this.#chunks = [];
    this.#waitingBytes = 0;
    clearInterval(this.#timer);
    if (this.#paused) this.#resume();
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
