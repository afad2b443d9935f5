/** How often some things happened lately: counts in ten buckets that a window of time moves over. */
const BUCKETS = 10;

interface Bucket {
  tick: number; // which slice of time it counts
  readonly counts: Float64Array;
}

export class SlidingCounts {
  readonly #bucketMs: number;
  readonly #buckets: readonly Bucket[];

  /** `kinds`: how many things are counted, by number from 0. */
  constructor(windowMs: number, kinds: number) {
    this.#bucketMs = windowMs / BUCKETS;
    this.#buckets = Array.from({ length: BUCKETS }, () => ({
      tick: Number.NEGATIVE_INFINITY,
      counts: new Float64Array(kinds),
    }));
  }

  add(kind: number, nowMs: number): void {
    const tick = Math.floor(nowMs / this.#bucketMs);
    const bucket = this.#buckets[((tick % BUCKETS) + BUCKETS) % BUCKETS];
    if (bucket === undefined) return;
    if (bucket.tick !== tick) {
      bucket.tick = tick;
      bucket.counts.fill(0);
    }
    bucket.counts[kind] = (bucket.counts[kind] ?? 0) + 1;
  }

  /** Within the window that ends now; a tenth of it is lost where it begins. */
  sum(kind: number, nowMs: number): number {
    const newest = Math.floor(nowMs / this.#bucketMs);
    let sum = 0;
    for (const { tick, counts } of this.#buckets) {
      if (tick > newest - BUCKETS && tick <= newest) sum += counts[kind] ?? 0;
    }
    return sum;
  }

  clear(): void {
    for (const bucket of this.#buckets) bucket.tick = Number.NEGATIVE_INFINITY;
  }
}
