/**
 * The worker's one timer for clients that read more slowly than we send. Each stalled writer is
 * tried again every few seconds, which also re-arms uWS's own time-out for slow but honest readers
 * (FACTS: it cuts them otherwise), and is cut when it stays under the minimum rate.
 */

export interface Stalled {
  readonly sent: number; // bytes
  /** False: `sent` moves in large steps only, when all that was handed over has left. */
  readonly steady: boolean;
  retry(): void;
  cut(): void;
}

export interface StallLimits {
  readonly minRate: number; // bytes per second
  readonly minRateGrace: number; // ms a client may be slower than that
}

interface Watch {
  sinceMs: number;
  sentThen: number;
}

const TICK_MS = 1_000;
/** A record is visited once in so many ticks; uWS's own time-out is 10 s or more. */
const SPOKES = 4;
/** What moves in steps of a kernel buffer is given so many times the grace for each step. */
const STEP_PATIENCE = 4;

export class StallWheel {
  readonly #limits: StallLimits;
  readonly #onCut: () => void;
  readonly #now: () => number;
  readonly #spokes: Map<Stalled, Watch>[] = Array.from(
    { length: SPOKES },
    () => new Map<Stalled, Watch>(),
  );
  /** Rates are measured over stalls: a writer keeps its record while it comes and goes. */
  readonly #records = new WeakMap<Stalled, Watch>();
  readonly #timer: NodeJS.Timeout;
  #spoke = 0;

  constructor(limits: StallLimits, now: () => number, onCut: () => void) {
    this.#limits = limits;
    this.#now = now;
    this.#onCut = onCut;
    this.#timer = setInterval(() => {
      this.turn();
    }, TICK_MS);
  }

  get count(): number {
    return this.#spokes.reduce((sum, spoke) => sum + spoke.size, 0);
  }

  add(writer: Stalled): void {
    const record = this.#records.get(writer) ?? { sinceMs: this.#now(), sentThen: writer.sent };
    this.#records.set(writer, record);
    // The spoke just passed: the longest time until it is visited.
    this.#spokes[(this.#spoke + SPOKES - 1) % SPOKES]?.set(writer, record);
  }

  remove(writer: Stalled): void {
    for (const spoke of this.#spokes) spoke.delete(writer);
  }

  /** One tick; the timer calls it. */
  turn(): void {
    const spoke = this.#spokes[this.#spoke];
    this.#spoke = (this.#spoke + 1) % SPOKES;
    if (spoke === undefined) return;
    const nowMs = this.#now();
    for (const [writer, record] of [...spoke]) this.#visit(writer, record, nowMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #visit(writer: Stalled, record: Watch, nowMs: number): void {
    const elapsedMs = nowMs - record.sinceMs;
    const sent = writer.sent - record.sentThen;
    const { minRate, minRateGrace } = this.#limits;
    if (elapsedMs >= minRateGrace * (writer.steady ? 1 : STEP_PATIENCE)) {
      const slow = writer.steady ? (sent * 1_000) / elapsedMs < minRate : sent === 0;
      if (slow && minRate > 0) {
        this.remove(writer);
        this.#onCut();
        writer.cut();
        return;
      }
      record.sinceMs = nowMs;
      record.sentThen = writer.sent;
    }
    writer.retry();
  }
}
