/**
 * The body of one answer between the parser that pushes and the reader that pulls: bounded, one
 * reader, on one thread. The producer is told to pause at `HIGH_BYTES` and to go on at `LOW_BYTES`.
 */
import { GatewayError } from '../errors.js';

const HIGH_BYTES = 256 * 1024;
const LOW_BYTES = 64 * 1024;
const HIGH_CHUNKS = 1024; // a body of one-byte chunks must not cost a hundred times its size

export interface BodyProducer {
  /** The reader wants more: undo the pause that `push` asked for. */
  resume(): void;
  /** The reader gave up before the end. Nothing is read after it. */
  cancel(): void;
}

type Step = IteratorResult<Uint8Array, undefined>;
const DONE: Step = { done: true, value: undefined };

interface PendingPull {
  readonly resolve: (step: Step) => void;
  readonly reject: (error: GatewayError) => void;
}

export class BodyQueue implements AsyncIterable<Uint8Array, undefined> {
  readonly #producer: BodyProducer;
  #chunks: Uint8Array[] = [];
  #sizeBytes = 0;
  #paused = false;
  #state: 'open' | 'ended' | 'failed' | 'closed' = 'open'; // closed: the reader has seen the end
  #error: GatewayError | undefined;
  #pull: PendingPull | undefined;

  constructor(producer: BodyProducer) {
    this.#producer = producer;
  }

  /** False: enough for now, pause until `resume` is called. The chunk itself was taken. */
  push(chunk: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    const pull = this.#pull;
    if (pull !== undefined) {
      this.#pull = undefined;
      pull.resolve({ done: false, value: chunk });
      return true;
    }
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    this.#paused ||= this.#sizeBytes >= HIGH_BYTES || this.#chunks.length >= HIGH_CHUNKS;
    return !this.#paused;
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

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.#close();
        return Promise.resolve(DONE);
      },
    };
  }

  #next(): Promise<Step> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#sizeBytes -= chunk.length;
      if (this.#paused && this.#sizeBytes <= LOW_BYTES && this.#state === 'open') {
        this.#paused = false;
        this.#producer.resume();
      }
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#state !== 'open') return this.#finalStep();
    return new Promise((resolve, reject) => {
      this.#pull = { resolve, reject };
    });
  }

  #finalStep(): Promise<Step> {
    const error = this.#error;
    this.#error = undefined;
    this.#state = 'closed';
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  }

  #settlePull(): void {
    const pull = this.#pull;
    if (pull === undefined) return;
    this.#pull = undefined;
    this.#finalStep().then(pull.resolve, pull.reject);
  }

  #close(): void {
    const unread = this.#state === 'open';
    this.#state = 'closed';
    this.#chunks = [];
    this.#error = undefined;
    this.#pull?.resolve(DONE);
    this.#pull = undefined;
    if (unread) this.#producer.cancel();
  }
}
