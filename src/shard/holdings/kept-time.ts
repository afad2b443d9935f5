/** How long a shard keeps what it evicts: by this, memory moves from shard to shard (rebalance.ts). */

/** Evictions that a mean is of, about. */
const MEAN_OF = 64;
/** Who has not evicted for so long needs no more memory now. */
const EVICTS_MS = 10_000;

export class KeptTime {
  readonly #storedMs: Float64Array; // by slot
  readonly #now: () => number;
  #keptMs = 0; // how long what was evicted had been stored: a mean, of late
  #evictions = 0;
  #evictedMs: number; // the last time; or when this began

  constructor(storedMs: Float64Array, now: () => number) {
    this.#storedMs = storedMs;
    this.#now = now;
    this.#evictedMs = now();
  }

  /** Of a shard that has evicted nothing for longer, that time. */
  get keepsMs(): number {
    return Math.max(this.#keptMs, this.#now() - this.#evictedMs);
  }

  /** Of a shard that evicts: the shorter, the more a further bank is worth here. Else Infinity. */
  get needsMs(): number {
    const evicts = this.#evictions > 0 && this.#now() - this.#evictedMs < EVICTS_MS;
    return evicts ? this.#keptMs : Infinity;
  }

  stored(slot: number): void {
    this.#storedMs[slot] = this.#now();
  }

  evicted(slot: number): void {
    const nowMs = this.#now();
    const keptMs = nowMs - (this.#storedMs[slot] ?? nowMs);
    this.#keptMs += (keptMs - this.#keptMs) / Math.min(++this.#evictions, MEAN_OF);
    this.#evictedMs = nowMs;
  }
}
