/**
 * The body of an answer between the connection that reads it and the one who pulls it. No byte is
 * copied: a piece is part of a buffer that the connection reads into, lent until the next pull.
 *
 * The connection has two such buffers and fills them in turn; `isFull` tells it that the next one
 * is still lent or waits for its reader.
 */
import type { GatewayError } from '../../errors.js';
import type { BorrowedBytes } from '../../runtime/bytes.js';
import type { BodyStep } from '../origin.js';

export interface BodyProducer {
  /** There is room again: undo the pause for which `isFull` asked. */
  resume(): void;
  /** The reader gave up before the end. Nothing is read after it. */
  cancel(): void;
  /** The reader has all of it, or it was cut loose: no buffer is lent any more. */
  drained(): void;
}

const DONE: BodyStep = { done: true, value: undefined };

interface Piece {
  readonly bytes: BorrowedBytes;
  readonly read: number; // in which read of the connection it came
}

interface Pull {
  readonly resolve: (step: BodyStep) => void;
  readonly reject: (error: GatewayError) => void;
}

export class LentBody implements AsyncIterable<BorrowedBytes> {
  readonly #producer: BodyProducer;
  #pieces: Piece[] = [];
  #next = 0; // of `#pieces`, to be given out
  #read = 0; // the connection's newest
  #lent = -1; // the read of which the reader has a piece
  #state: 'open' | 'ended' | 'failed' | 'closed' = 'open'; // closed: the reader has seen the end
  #error: GatewayError | undefined;
  #pull: Pull | undefined;
  #wantedAtMs = 0;
  #isPaused = false;

  constructor(producer: BodyProducer) {
    this.#producer = producer;
  }

  /** A reader waits: silence is the peer's. */
  get isWanted(): boolean {
    return this.#pull !== undefined;
  }

  /** How long it has waited; 0: nobody waits. */
  get wantedForMs(): number {
    return this.#pull === undefined ? 0 : performance.now() - this.#wantedAtMs;
  }

  /** No piece is lent or waits. */
  get isDrained(): boolean {
    return this.#lent === -1 && this.#next === this.#pieces.length;
  }

  push(bytes: BorrowedBytes): void {
    if (this.#state !== 'open') return;
    const pull = this.#pull;
    if (pull === undefined) {
      this.#pieces.push({ bytes, read: this.#read });
      return;
    }
    this.#pull = undefined;
    this.#lent = this.#read;
    pull.resolve({ done: false, value: bytes });
  }

  /** A read of the connection is over. True: no further one before `resume`. */
  endRead(): boolean {
    const oldest = this.#lent === -1 ? this.#pieces[this.#next]?.read : this.#lent;
    this.#isPaused = oldest !== undefined && oldest < this.#read;
    this.#read += 1;
    return this.#isPaused;
  }

  /** The whole body was pushed. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#settlePull();
  }

  /** The body stops short: the reader gets what was pushed, then `error`. */
  fail(error: GatewayError): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#error = error;
    this.#settlePull();
  }

  /** Copies what waits, so that the connection may go on without its reader. Not while a piece is lent. */
  cutLoose(): boolean {
    if (this.#lent !== -1) return false;
    this.#pieces = this.#pieces
      .slice(this.#next)
      .map(({ bytes }) => ({ bytes: new Uint8Array(bytes), read: -1 }));
    this.#next = 0;
    return true;
  }

  [Symbol.asyncIterator](): AsyncIterator<BorrowedBytes, undefined> {
    return {
      next: () => this.#step(),
      return: () => {
        this.#close();
        return Promise.resolve(DONE);
      },
    };
  }

  #step(): Promise<BodyStep> {
    this.#lent = -1;
    const piece = this.#pieces[this.#next];
    if (piece === undefined) {
      if (this.#state !== 'open') return this.#finalStep();
      this.#wantedAtMs = performance.now();
      this.#goOn(this.#read);
      return new Promise((resolve, reject) => {
        this.#pull = { resolve, reject };
      });
    }
    this.#next += 1;
    if (this.#next === this.#pieces.length) {
      this.#pieces = [];
      this.#next = 0;
    }
    this.#lent = piece.read;
    this.#goOn(piece.read);
    return Promise.resolve({ done: false, value: piece.bytes });
  }

  /** The buffer of the read before the newest is free, if nothing older than the newest is in use. */
  #goOn(oldest: number): void {
    if (!this.#isPaused || this.#state !== 'open' || oldest < this.#read - 1) return;
    this.#isPaused = false;
    this.#producer.resume();
  }

  #finalStep(): Promise<BodyStep> {
    const error = this.#error;
    const wasOpen = this.#state !== 'closed';
    this.#error = undefined;
    this.#state = 'closed';
    if (wasOpen) this.#producer.drained();
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  }

  #settlePull(): void {
    const pull = this.#pull;
    if (pull === undefined) return;
    this.#pull = undefined;
    this.#finalStep().then(pull.resolve, pull.reject);
  }

  #close(): void {
    const before = this.#state;
    this.#state = 'closed';
    this.#pieces = [];
    this.#next = 0;
    this.#lent = -1;
    this.#error = undefined;
    this.#pull?.resolve(DONE);
    this.#pull = undefined;
    if (before === 'open') this.#producer.cancel();
    if (before !== 'closed') this.#producer.drained();
  }
}
