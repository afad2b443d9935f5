/** Time as the machinery sees it. Rules take `nowMs` as an argument; only this file asks the system. */

export interface Clock {
  /** Wall clock, ms since the epoch, read from the system. */
  now(): number;
  /**
   * As cheap as a field; at most `TICK_MS` and one loop turn old, and never behind what `now` said:
   * an object that has just come must not be younger than its Age, nor fresh when it is not.
   */
  coarse(): number;
}

const TICK_MS = 50;

/** The system clock with a coarse copy that one timer keeps. Call `stop` to let the loop end. */
export class SystemClock implements Clock {
  #coarseMs = Date.now();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => {
      this.#coarseMs = Date.now();
    }, TICK_MS);
    this.#timer.unref();
  }

  now(): number {
    this.#coarseMs = Date.now();
    return this.#coarseMs;
  }

  coarse(): number {
    return this.#coarseMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
