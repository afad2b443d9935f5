/**
 * How long workers have not been heard of. Each counts up a cell in shared memory from a timer; the
 * main thread looks whether it has moved. Silence is counted in looks, not by the clock alone, so that
 * a process that was stopped, or a main thread that was busy itself, makes nobody look hung.
 */
export interface HeartbeatsOptions {
  readonly beatsOf: (worker: number) => number;
}

/** Between looks; a look that comes later than twice this counts as if it had not. */
export const LOOK_MS = 200;
/**
 * Silence past which a worker counts as hung and the node as not ready. A busy worker may be late by
 * hundreds of ms: a large purge, a collection of garbage, more threads than cores.
 */
export const HUNG_MS = 1_300;

interface Pulse {
  beats: number;
  silentMs: number;
}

export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #pulses = new Map<number, Pulse>(); // of those watched
  #lookedMs: number | undefined;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  /** From now on; a worker begins alive. */
  watch(worker: number): void {
    this.#pulses.set(worker, { beats: this.#options.beatsOf(worker), silentMs: 0 });
  }

  /** Its thread has ended. */
  forget(worker: number): void {
    this.#pulses.delete(worker);
  }

  /** 0 for who is not watched. */
  silentMs(worker: number): number {
    return this.#pulses.get(worker)?.silentMs ?? 0;
  }

  /** Every `LOOK_MS`. */
  look(nowMs: number): void {
    const sinceMs = Math.min(nowMs - (this.#lookedMs ?? nowMs), 2 * LOOK_MS);
    this.#lookedMs = nowMs;
    for (const [worker, pulse] of this.#pulses) {
      const beats = this.#options.beatsOf(worker);
      pulse.silentMs = beats === pulse.beats ? pulse.silentMs + sinceMs : 0;
      pulse.beats = beats;
    }
  }

  /** Those that have been silent so long. */
  silentFor(ms: number): number[] {
    return [...this.#pulses].flatMap(([worker, { silentMs }]) => (silentMs >= ms ? [worker] : []));
  }
}
