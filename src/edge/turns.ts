/**
 * Who writes next when many have bytes to send: each gets a quantum in its turn, and a loop turn
 * ends after a budget, so that five thousand followers of one fill all get their first byte soon.
 */

export interface Writer {
  readonly over: boolean;
  pump(quantum: number): void;
}

/** A lone writer is served best by one large send. */
const LONE_QUANTUM = 1_048_576;
const CROWD_QUANTUM = 131_072;
/** First bytes to a crowd: enough to begin with, soon sent. */
const FIRST_QUANTUM = 16_384;
const CROWD = 16;
const TURN_BUDGET = 8_388_608;

export class Turns {
  #ready: Writer[] = [];
  #scheduled = false;

  /** Bytes a writer may send in one go, given how many wait. */
  get quantum(): number {
    return this.#ready.length < CROWD ? LONE_QUANTUM : CROWD_QUANTUM;
  }

  /** `writer` has more to send: after the others. */
  later(writer: Writer): void {
    this.#ready.push(writer);
    this.#schedule();
  }

  /** New bytes for many at once. */
  wake(writers: ReadonlySet<Writer>): void {
    const first = writers.size < CROWD ? LONE_QUANTUM : FIRST_QUANTUM;
    for (const writer of [...writers]) writer.pump(first);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    const ready = this.#ready;
    this.#ready = [];
    const { length } = ready;
    const quantum = length < CROWD ? LONE_QUANTUM : CROWD_QUANTUM;
    let budget = TURN_BUDGET;
    let at = 0;
    for (; at < length && budget > 0; at += 1) {
      const writer = ready[at];
      if (writer === undefined || writer.over) continue;
      writer.pump(quantum);
      budget -= quantum;
    }
    if (at < length) {
      // Those not reached go before those that have just been served.
      this.#ready = [...ready.slice(at), ...this.#ready];
      this.#schedule();
    }
  };
}
