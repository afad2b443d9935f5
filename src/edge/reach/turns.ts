/**
 * Who writes next when many have bytes to send: each gets a quantum in its turn, and a loop turn
 * ends after a budget, so that five thousand followers of one fill all get their first byte soon.
 */

export interface Writer {
  readonly over: boolean;
  readonly begun: boolean; // its first bytes have been sent
  pump(quantum: number): void;
}

/** A lone writer is served best by one large send. */
const LONE_QUANTUM = 1_048_576;
const CROWD_QUANTUM = 131_072;
/** First bytes to a crowd: enough to begin with, soon sent. */
const FIRST_QUANTUM = 4_096;
const CROWD = 16;
const TURN_BUDGET = 8_388_608;

export class Turns {
  #ready = new Set<Writer>();
  #scheduled = false;

  /** Bytes a writer may send in one go, given how many wait. */
  get quantum(): number {
    return this.#ready.size < CROWD ? LONE_QUANTUM : CROWD_QUANTUM;
  }

  /** Bytes for the first write to each of so many. */
  firstQuantum(writers: number): number {
    return writers < CROWD ? LONE_QUANTUM : FIRST_QUANTUM;
  }

  /** `writer` has more to send: after the others. */
  later(writer: Writer): void {
    this.#ready.add(writer);
    this.#schedule();
  }

  /** New bytes for many at once. */
  wake(writers: ReadonlySet<Writer>): void {
    const crowd = writers.size >= CROWD;
    for (const writer of [...writers]) {
      if (!crowd) writer.pump(LONE_QUANTUM);
      else if (!writer.begun) writer.pump(FIRST_QUANTUM);
      else this.later(writer);
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    const ready = [...this.#ready].filter((writer) => !writer.over);
    this.#ready.clear();
    const crowd = ready.length >= CROWD;
    const begun = crowd ? ready.filter((writer) => writer.begun) : ready;
    // Everybody's first bytes go before anybody's next.
    if (crowd) for (const writer of ready) if (!writer.begun) writer.pump(FIRST_QUANTUM);
    this.#serve(begun, crowd ? CROWD_QUANTUM : LONE_QUANTUM);
  };

  #serve(writers: readonly Writer[], quantum: number): void {
    const fit = Math.ceil(TURN_BUDGET / quantum);
    // Those not reached go before those that are served now and will come back.
    for (const writer of writers.slice(fit)) this.later(writer);
    for (const writer of writers.slice(0, fit)) if (!writer.over) writer.pump(quantum);
  }
}
