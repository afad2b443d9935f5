/**
 * What one worker knows of one origin: how fast it answers, whether it does, and so whether it is
 * asked first (`well`), only when nobody else is there (`resting`: it hangs) or not at all (`down`: it
 * fails). Pure: the time comes as an argument.
 *
 * It rests when three paths in a row had to be asked elsewhere, heads and bodies counted apart, or
 * half of what it was asked within ten seconds: one path that is slow by itself does not do it.
 */
import { Breaker } from './breaker.js';
import type { BreakerLimits } from './breaker.js';
import { Latency } from './latency.js';
import { SlidingCounts } from './sliding-counts.js';

export type Standing = 'well' | 'resting' | 'down';
/** What was waited for in vain. */
export type Lost = 'head' | 'body';

export interface HealthLimits {
  readonly breaker: BreakerLimits;
  readonly hedgeAfterMs: number; // the least, however fast the origin is
}

const LOST_IN_A_ROW = 3;
const LOST_SHARE = 0.5;
const LOST_AT_LEAST = 5; // for the share to tell anything
const LOST_WINDOW_MS = 10_000;
const LOST = 0;
const WHOLE = 1;
const PROBE_EVERY_MS = 1_000; // of an origin that rests
/** Before there are samples: slower than any origin that is near, faster than anybody's patience. */
const FIRST_HEDGE_MS = 250;
const LONGEST_HEDGE_MS = 2_000;
/** Twice p99, so that a hundredth of all requests does not spend the budget. */
const HEDGE_FACTOR = 2;

export class OriginHealth {
  readonly breaker: Breaker;
  readonly #limits: HealthLimits;
  readonly #latency = new Latency();
  readonly #outcomes = new SlidingCounts(LOST_WINDOW_MS, 2);
  readonly #inARow: Record<Lost, Set<string>> = { head: new Set(), body: new Set() }; // paths
  #resting: Lost | undefined; // why, while it rests
  #probeAtMs = 0;

  constructor(limits: HealthLimits) {
    this.#limits = limits;
    this.breaker = new Breaker(limits.breaker);
  }

  get standing(): Standing {
    if (this.breaker.state !== 'closed') return 'down';
    return this.#resting === undefined ? 'well' : 'resting';
  }

  /** How long to wait for a head before another origin is asked, too. */
  get hedgeAfterMs(): number {
    const p99 = this.#latency.quantileMs(0.99);
    const wanted = p99 === undefined ? FIRST_HEDGE_MS : p99 * HEDGE_FACTOR;
    return Math.min(Math.max(wanted, this.#limits.hedgeAfterMs), LONGEST_HEDGE_MS);
  }

  quantileMs(share: number): number | undefined {
    return this.#latency.quantileMs(share);
  }

  /** A head came after so long. */
  answered(tookMs: number, nowMs: number): void {
    this.#latency.observe(tookMs, nowMs);
    this.#inARow.head.clear();
    this.#outcomes.add(WHOLE, nowMs);
    if (this.#resting === 'head' && tookMs <= this.hedgeAfterMs) this.recovered();
  }

  /** A body came whole. */
  delivered(): void {
    this.#inARow.body.clear();
    if (this.#resting === 'body') this.recovered();
  }

  /**
   * Another origin gave what this one was asked for first. How long that took is no sample: each such
   * wait is twice p99, so that p99 would double until it means nothing.
   */
  lost(what: Lost, path: string, nowMs: number): void {
    if (this.#inARow[what].size < LOST_IN_A_ROW) this.#inARow[what].add(path);
    this.#outcomes.add(LOST, nowMs);
    if (this.#resting !== undefined || !this.#tooMuchLost(what, nowMs)) return;
    this.#resting = what;
    this.#probeAtMs = nowMs + PROBE_EVERY_MS;
  }

  /** True, and then not again for a while: find out whether it is back. */
  takeProbe(nowMs: number): boolean {
    const standing = this.standing;
    if (standing === 'well') return false;
    if (standing === 'down') return this.breaker.admits(nowMs);
    if (nowMs < this.#probeAtMs && this.#probeAtMs - nowMs <= PROBE_EVERY_MS) return false;
    this.#probeAtMs = nowMs + PROBE_EVERY_MS;
    return true;
  }

  /** It has shown that it is back. */
  recovered(): void {
    this.#resting = undefined;
    this.#inARow.head.clear();
    this.#inARow.body.clear();
    this.#outcomes.clear();
  }

  #tooMuchLost(what: Lost, nowMs: number): boolean {
    if (this.#inARow[what].size >= LOST_IN_A_ROW) return true;
    const lost = this.#outcomes.sum(LOST, nowMs);
    const all = lost + this.#outcomes.sum(WHOLE, nowMs);
    return lost >= LOST_AT_LEAST && lost >= all * LOST_SHARE;
  }
}
