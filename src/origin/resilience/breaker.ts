/**
 * A circuit breaker over shares: open when, within a sliding window, most of what was asked failed.
 * A connection that fails speaks of the origin; any other failure of the path that was asked, so that
 * it counts once a path, and nearly everything must fail that way. Then one probe each `cooldownMs`,
 * however long the one before takes. Pure: the time comes as an argument. Own code, as cockatiel 3.2
 * queues every caller behind the probe without a bound where we refuse, takes a probe that its client
 * aborted for a success, and reads the system's clock.
 */
import { shortDigestOf } from './short-digest.js';
import { SlidingCounts } from './sliding-counts.js';

export type BreakerState = 'closed' | 'open' | 'half-open';

/**
 * `failure`: the connection; `path-failure`: anything that a single path may be to blame for;
 * `void`: nothing learnt about the origin, for instance because the client went away.
 */
export type Outcome = 'success' | 'failure' | 'path-failure' | 'void';

export interface BreakerLimits {
  readonly failures: number; // in the window, to open
  readonly share: number; // 0..1, of what was asked in the window
  readonly windowMs: number;
  readonly cooldownMs: number; // from opening to the first probe, and to each next one
}

/** Leave to ask once, for one path. `settle` counts the first time only and must be called. */
export interface Permit {
  readonly probe: boolean;
  settle(outcome: Outcome, nowMs: number): void;
  /** What came after the head was settled as a success: its body broke. */
  broke(nowMs: number): void;
}

const SUCCESS = 0;
const FAILURE = 1;
const PATH_FAILURE = 2;
/** Of everything, where each failure may be its path's own fault. */
const NEARLY_ALL = 0.9;
const MAX_PATHS = 1_024;

export class Breaker {
  readonly #limits: BreakerLimits;
  readonly #counts: SlidingCounts;
  readonly #failedPaths = new Map<string, number>(); // digest → until when it counts no more
  #state: BreakerState = 'closed';
  #probeAtMs = 0;
  #era = 0; // counts the changes of state: failures of what was asked in another era decide nothing

  constructor(limits: BreakerLimits) {
    this.#limits = limits;
    this.#counts = new SlidingCounts(limits.windowMs, 3);
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Those in the window, as far as they count towards opening. */
  failures(nowMs: number): number {
    return this.#counts.sum(FAILURE, nowMs) + this.#counts.sum(PATH_FAILURE, nowMs);
  }

  /** Whether a request would be let through now. */
  admits(nowMs: number): boolean {
    if (this.#state === 'closed') return true;
    // A clock that stepped back must not hold the circuit open for longer than the cool-down.
    return nowMs >= this.#probeAtMs || this.#probeAtMs - nowMs > this.#limits.cooldownMs;
  }

  /** Undefined: refused, the circuit is open and no probe is due. `path`: any name of what is asked. */
  admit(path: string, nowMs: number): Permit | undefined {
    if (!this.admits(nowMs)) return undefined;
    const probe = this.#state !== 'closed';
    if (probe) {
      this.#state = 'half-open';
      this.#probeAtMs = nowMs + this.#limits.cooldownMs;
    }
    const era = this.#era;
    let settled = false;
    return {
      probe,
      settle: (outcome, atMs) => {
        if (settled) return;
        settled = true;
        if (probe) this.#learnOfProbe(outcome, era, atMs);
        else this.#learn(outcome, { path, era }, atMs);
      },
      broke: (atMs) => {
        if (era === this.#era && this.#state === 'closed') this.#fail(path, atMs);
      },
    };
  }

  #learn(outcome: Outcome, { path, era }: { path: string; era: number }, nowMs: number): void {
    if (this.#state !== 'closed') {
      // It lives: an answer to what was asked before brings the next probe forward.
      if (outcome === 'success') this.#probeAtMs = Math.min(this.#probeAtMs, nowMs);
      return;
    }
    if (outcome === 'success') this.#counts.add(SUCCESS, nowMs);
    if (era !== this.#era) return;
    if (outcome === 'path-failure') this.#fail(path, nowMs);
    if (outcome !== 'failure') return;
    this.#counts.add(FAILURE, nowMs);
    this.#judge(nowMs);
  }

  #learnOfProbe(outcome: Outcome, era: number, nowMs: number): void {
    if (era !== this.#era) return;
    if (outcome === 'success') {
      this.#state = 'closed';
      this.#era += 1;
      this.#counts.clear();
      this.#failedPaths.clear();
      return;
    }
    this.#state = 'open';
    if (outcome === 'void') this.#probeAtMs = nowMs;
  }

  #fail(path: string, nowMs: number): void {
    const key = shortDigestOf(path);
    const untilMs = this.#failedPaths.get(key);
    if (untilMs !== undefined && nowMs < untilMs) return;
    this.#failedPaths.delete(key); // the oldest comes first
    this.#failedPaths.set(key, nowMs + this.#limits.windowMs);
    for (const oldest of this.#failedPaths.keys()) {
      if (this.#failedPaths.size <= MAX_PATHS) break;
      this.#failedPaths.delete(oldest);
    }
    this.#counts.add(PATH_FAILURE, nowMs);
    this.#judge(nowMs);
  }

  #judge(nowMs: number): void {
    const { failures, share, cooldownMs } = this.#limits;
    const ofOrigin = this.#counts.sum(FAILURE, nowMs);
    const failed = ofOrigin + this.#counts.sum(PATH_FAILURE, nowMs);
    const all = failed + this.#counts.sum(SUCCESS, nowMs);
    if (failed < failures) return;
    if (ofOrigin < share * all && failed < Math.max(share, NEARLY_ALL) * all) return;
    this.#state = 'open';
    this.#era += 1;
    this.#probeAtMs = nowMs + cooldownMs;
  }
}
