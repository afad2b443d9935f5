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
/** Between a crowd's first bytes and its next: so many times what the first took, but not for longer. */
const REST = 2;
const MAX_REST_MS = 200;

export class Turns {
  /** In the order in which they are served. */
  readonly #ready = new Set<Writer>();
  /** Of those, in another place: who has no byte yet. */
  readonly #fresh = new Set<Writer>();
  /** Of a crowd that gets its first bytes now; then `#resting` has it, whose next bytes wait. */
  #greeted: Set<Writer> | undefined;
  readonly #resting = new Set<Writer>();
  #scheduled = false;

  /** Bytes a writer may send in one go, given how many wait. */
  get quantum(): number {
    return this.#waiting < CROWD ? LONE_QUANTUM : CROWD_QUANTUM;
  }

  /** Bytes for the first write to each of so many. */
  firstQuantum(writers: number): number {
    return writers < CROWD ? LONE_QUANTUM : FIRST_QUANTUM;
  }

  /** `writer` has more to send: after the others. */
  later(writer: Writer): void {
    if (this.#greeted !== undefined) {
      this.#greeted.add(writer);
      return;
    }
    if (this.#resting.has(writer)) return;
    (writer.begun ? this.#ready : this.#fresh).add(writer);
    this.#schedule();
  }

  /**
   * Runs what writes first bytes to many. Their next bytes wait for twice as long: other workers have crowds of
   * the same object, and whoever is done first would take the machine from those who have no byte yet.
   */
  greet(writers: number, run: () => void): void {
    if (writers < CROWD) {
      run();
      return;
    }
    const greeted = new Set<Writer>();
    const beganMs = performance.now();
    this.#greeted = greeted;
    try {
      run();
    } finally {
      this.#greeted = undefined;
      for (const writer of greeted) this.#resting.add(writer);
      const restMs = Math.min(MAX_REST_MS, REST * (performance.now() - beganMs));
      setTimeout(() => {
        this.#rested(greeted);
      }, restMs);
    }
  }

  #rested(writers: ReadonlySet<Writer>): void {
    for (const writer of writers) {
      this.#resting.delete(writer);
      if (!writer.over) this.later(writer);
    }
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

  get #waiting(): number {
    return this.#ready.size + this.#fresh.size;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    const { quantum } = this;
    const crowd = quantum === CROWD_QUANTUM;
    const fresh = take(this.#fresh, Infinity);
    // Those not reached go before those that are served now and will come back.
    const served = take(this.#ready, Math.ceil(TURN_BUDGET / quantum));
    if (this.#ready.size > 0) this.#schedule();
    // Everybody's first bytes go before anybody's next.
    for (const writer of fresh) if (!writer.over) writer.pump(crowd ? FIRST_QUANTUM : quantum);
    for (const writer of served) if (!writer.over) writer.pump(quantum);
  };
}

/** Takes the first of them that are not over, in their order; a turn costs what it serves, not what waits. */
function take(writers: Set<Writer>, atMost: number): Writer[] {
  const taken: Writer[] = [];
  for (const writer of writers) {
    if (taken.length >= atMost) break;
    writers.delete(writer);
    if (!writer.over) taken.push(writer);
  }
  return taken;
}
