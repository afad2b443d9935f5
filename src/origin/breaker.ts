/**
 * A circuit breaker: closed until `failures` in a row, then open for `cooldownMs`, then half-open
 * with one probe. Pure: the time comes as an argument. Own code, as cockatiel 3.2 queues every
 * caller behind the probe without a bound where we refuse, takes a probe that its client aborted
 * for a success, and reads the system's clock.
 */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** `void`: nothing learnt about the origin, for instance because the client went away. */
export type Outcome = 'success' | 'failure' | 'void';

export interface BreakerLimits {
  readonly failures: number; // in a row, to open
  readonly cooldownMs: number; // from opening to the next probe
}

/** Leave to ask once. `settle` counts the first time only and must be called. */
export interface Permit {
  readonly probe: boolean;
  settle(outcome: Outcome, nowMs: number): void;
}

export class Breaker {
  readonly #limits: BreakerLimits;
  #state: BreakerState = 'closed';
  #failures = 0; // in a row, while closed
  #openedMs = 0;
  #era = 0; // counts the changes of state: what was asked in another era decides nothing

  constructor(limits: BreakerLimits) {
    this.#limits = limits;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Failures in a row, as far as they count towards opening. */
  get failures(): number {
    return this.#failures;
  }

  /** Undefined: refused, the circuit is open or its one probe is out. */
  admit(nowMs: number): Permit | undefined {
    if (this.#state === 'half-open') return undefined;
    const probe = this.#state === 'open';
    if (probe) {
      const openMs = nowMs - this.#openedMs;
      // A clock that stepped back must not hold the circuit open for longer than the cool-down.
      if (openMs >= 0 && openMs < this.#limits.cooldownMs) return undefined;
      this.#enter('half-open');
    }
    const era = this.#era;
    let settled = false;
    return {
      probe,
      settle: (outcome, atMs) => {
        if (settled) return;
        settled = true;
        if (era === this.#era) this.#learn(outcome, atMs);
      },
    };
  }

  #learn(outcome: Outcome, nowMs: number): void {
    if (this.#state === 'half-open') {
      this.#failures = 0;
      if (outcome === 'success') this.#enter('closed');
      else this.#open(outcome === 'void' ? nowMs - this.#limits.cooldownMs : nowMs);
      return;
    }
    if (outcome === 'success') this.#failures = 0;
    if (outcome !== 'failure') return;
    this.#failures += 1;
    if (this.#failures >= this.#limits.failures) this.#open(nowMs);
  }

  #open(sinceMs: number): void {
    this.#openedMs = sinceMs;
    this.#enter('open');
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#era += 1;
    if (state === 'closed') this.#failures = 0;
  }
}
