/** Time as the machinery sees it. Rules take `nowMs` as an argument; only this file asks the system. */

export interface Clock {
  /**
   * For every duration, age and lifetime: whole ms, never steps, the same on all threads. On the
   * scale of the epoch as the wall clock had it when the process began, so that it is of no use to
   * another machine once that clock has been set.
   */
  now(): number;
  /**
   * `now` as cheap as a field; at most `TICK_MS` and one loop turn old, and never behind what `now`
   * said: an object that has just come must not be younger than its Age, nor fresh when it is not.
   */
  coarse(): number;
  /** The wall clock, ms since the epoch: for dates that come from or go to other machines. It steps. */
  wall(): number;
}

/** What the system's clocks say, in ms. Tests hand in their own. */
export interface TimeSource {
  /** CLOCK_MONOTONIC, one for the whole process. (`performance.now` counts from each thread's start.) */
  monotonic(): number;
  wall(): number;
}

const TICK_MS = 50;
const SYSTEM: TimeSource = {
  monotonic: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  },
  wall: () => Date.now(),
};

/** What turns monotonic time into `Clock.now`: taken once, by the main thread, for all threads. */
export function clockBase(source: TimeSource = SYSTEM): number {
  return source.wall() - source.monotonic();
}

/** The system clock with a coarse copy that one timer keeps. Call `stop` to let the loop end. */
export class SystemClock implements Clock {
  readonly #baseMs: number;
  readonly #source: TimeSource;
  readonly #timer: NodeJS.Timeout;
  #coarseMs: number;

  constructor(baseMs: number, source: TimeSource = SYSTEM) {
    this.#baseMs = baseMs;
    this.#source = source;
    this.#coarseMs = 0;
    this.now();
    this.#timer = setInterval(() => {
      this.now();
    }, TICK_MS);
    this.#timer.unref();
  }

  now(): number {
    this.#coarseMs = Math.floor(this.#baseMs + this.#source.monotonic());
    return this.#coarseMs;
  }

  coarse(): number {
    return this.#coarseMs;
  }

  wall(): number {
    return this.#source.wall();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
