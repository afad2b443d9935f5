/**
 * The worker's one timer for clients that read more slowly than we send. Each stalled writer is
 * tried again every few seconds, which also re-arms uWS's own time-out for slow but honest readers
 * (it cuts them otherwise), and is cut when it stays under the minimum rate.
 */

export interface Stalled {
  readonly sent: number; // bytes that the kernel has taken
  retry(): void;
  cut(): void;
}

export interface StallLimits {
  readonly minRate: number; // bytes per second
  readonly minRateGrace: number; // ms a client may be slower than that
}

interface Watch {
  readonly sinceMs: number; // when it first stalled
  sentThen: number;
  movedMs: number; // when `sent` was last seen to grow
}

const TICK_MS = 1_000;
/** A record is visited once in so many ticks; uWS's own time-out is 10 s or more. */
const SPOKES = 4;
/** A reader that takes nothing at all is given so many times the grace. */
const STILL_PATIENCE = 4;

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
    const record = this.#records.get(writer) ?? this.#newWatch(writer);
    this.#records.set(writer, record);
    // The spoke just passed: the longest time until it is visited.
    this.#spokes[(this.#spoke + SPOKES - 1) % SPOKES]?.set(writer, record);
  }

  #newWatch(writer: Stalled): Watch {
    const nowMs = this.#now();
    return { sinceMs: nowMs, sentThen: writer.sent, movedMs: nowMs };
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
    if (writer.sent > record.sentThen) {
      record.sentThen = writer.sent;
      record.movedMs = nowMs;
    }
    if (this.#isSlow(writer, record, nowMs)) {
      this.remove(writer);
      this.#onCut();
      writer.cut();
      return;
    }
    writer.retry();
  }

  /**
   * Over the whole response, not over a window: what the kernel holds and the client's window move
   * in steps of a hundred kilobytes, which a slow but honest reader takes half a minute for.
   */
  #isSlow(writer: Stalled, record: Watch, nowMs: number): boolean {
    const { minRate, minRateGrace } = this.#limits;
    if (minRate <= 0) return false;
    if (nowMs - record.movedMs >= minRateGrace * STILL_PATIENCE) return true;
    const elapsedMs = nowMs - record.sinceMs;
    return elapsedMs >= minRateGrace && (writer.sent * 1_000) / elapsedMs < minRate;
  }
}
