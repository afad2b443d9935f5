/**
 * A request body on its way to undici, which pulls it as fast as the socket drains. `stop` ends it
 * from our side: undici alone would go on waiting for the client's next chunk after an early answer.
 */
import { asGatewayError } from '../errors.js';

type Step = IteratorResult<Uint8Array, undefined>;

export class RequestBody implements AsyncIterable<Uint8Array, undefined> {
  readonly #body: AsyncIterable<Uint8Array>;
  #source: AsyncIterator<Uint8Array, unknown> | undefined; // untouched until the first pull
  #wake: (() => void) | undefined; // set while a pull is pending
  #stopped = false;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body;
  }

  /**
   * No chunk after this one; a body that was begun is told to close, one that was not stays whole
   * for another attempt. A second call does nothing.
   */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake?.();
    this.#source?.return?.().catch(() => undefined); // its failure changes nothing any more
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.stop();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #next(): Promise<Step> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        this.#wake = undefined;
        resolve({ done: true, value: undefined });
      };
      if (this.#stopped) {
        finish();
        return;
      }
      this.#wake = finish;
      this.#source ??= this.#body[Symbol.asyncIterator]();
      this.#source.next().then(
        (step) => {
          this.#wake = undefined;
          resolve(step.done === true ? { done: true, value: undefined } : step);
        },
        (reason: unknown) => {
          this.#wake = undefined;
          reject(asGatewayError(reason));
        },
      );
    });
  }
}
