/**
 * How many retries the last ten seconds allow: a fraction of the requests made, plus a few so that
 * a quiet origin can be retried at all. When everything fails, load grows by the fraction only.
 */
const BUCKET_MS = 1_000;
const BUCKETS = 10;
const ALWAYS_ALLOWED = 3; // retries per window

interface Bucket {
  second: number; // which one it counts
  requests: number;
  retries: number;
}

export class RetryBudget {
  readonly #fraction: number;
  readonly #buckets: readonly Bucket[];

  /** `fraction`: retries per request, 0 turns retrying off. */
  constructor(fraction: number) {
    this.#fraction = fraction;
    this.#buckets = Array.from({ length: BUCKETS }, () => ({
      second: Number.NEGATIVE_INFINITY,
      requests: 0,
      retries: 0,
    }));
  }

  /** Counts one request, not its retries. */
  countRequest(nowMs: number): void {
    const bucket = this.#bucket(nowMs);
    if (bucket !== undefined) bucket.requests += 1;
  }

  /** Takes one retry from the budget; false when it is spent. */
  takeRetry(nowMs: number): boolean {
    if (this.#fraction <= 0) return false;
    const oldest = Math.floor(nowMs / BUCKET_MS) - BUCKETS + 1;
    let requests = 0;
    let retries = 0;
    for (const bucket of this.#buckets) {
      if (bucket.second < oldest) continue;
      requests += bucket.requests;
      retries += bucket.retries;
    }
    if (retries >= ALWAYS_ALLOWED + requests * this.#fraction) return false;
    const bucket = this.#bucket(nowMs);
    if (bucket !== undefined) bucket.retries += 1;
    return true;
  }

  #bucket(nowMs: number): Bucket | undefined {
    const second = Math.floor(nowMs / BUCKET_MS);
    const bucket = this.#buckets[second % BUCKETS];
    if (bucket !== undefined && bucket.second !== second) {
      bucket.second = second;
      bucket.requests = 0;
      bucket.retries = 0;
    }
    return bucket;
  }
}
