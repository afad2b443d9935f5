/** A body whose end is heard of: one promise for each piece, and no more. */
import type { BorrowedBytes } from '../../runtime/bytes.js';
import type { BodyStep, OriginResponse } from '../origin.js';

type Body = OriginResponse['body'];

export interface BodyWatcher {
  /** All of it has come. */
  readonly ended: () => void;
  /** It broke, or took too long. */
  readonly failed: (reason: unknown) => void;
}

/** Neither is called when the reader leaves before the end. */
export function watchedBody(body: Body, watcher: BodyWatcher): Body {
  return { [Symbol.asyncIterator]: () => new WatchedBody(body, watcher) };
}

class WatchedBody implements AsyncIterator<BorrowedBytes, undefined> {
  readonly #source: AsyncIterator<BorrowedBytes>;
  readonly #onStep: (step: IteratorResult<BorrowedBytes>) => BodyStep;
  readonly #onFailure: (reason: unknown) => never;

  constructor(body: Body, { ended, failed }: BodyWatcher) {
    this.#source = body[Symbol.asyncIterator]();
    this.#onStep = (step) => {
      if (step.done === true) ended();
      return step as BodyStep;
    };
    this.#onFailure = (reason) => {
      failed(reason);
      throw reason;
    };
  }

  next(): Promise<BodyStep> {
    return this.#source.next().then(this.#onStep, this.#onFailure);
  }

  async return(): Promise<BodyStep> {
    await this.#source.return?.();
    return { done: true, value: undefined };
  }
}
