/**
 * How many further requests the last ten seconds allow: a share of those made, plus a few so that a
 * quiet origin can be asked again at all. When everything fails, load grows by the share only.
 */
import { SlidingCounts } from './sliding-counts.js';

const WINDOW_MS = 10_000;
const MADE = 0;
const TAKEN = 1;

export class ShareBudget {
  readonly #share: number;
  readonly #always: number;
  readonly #counts = new SlidingCounts(WINDOW_MS, 2);

  /** `share`: further requests for each one made, 0 allows none. `always`: in each window. */
  constructor(share: number, always: number) {
    this.#share = share;
    this.#always = always;
  }

  /** Counts one request, not what is asked in addition. */
  count(nowMs: number): void {
    this.#counts.add(MADE, nowMs);
  }

  /** Takes one from the budget; false when it is spent. */
  take(nowMs: number): boolean {
    if (this.#share <= 0) return false;
    const allowed = this.#always + this.#counts.sum(MADE, nowMs) * this.#share;
    if (this.#counts.sum(TAKEN, nowMs) >= allowed) return false;
    this.#counts.add(TAKEN, nowMs);
    return true;
  }
}
