/**
 * One request and the origins it is sent to: in turn where they fail, in parallel where they are
 * silent. The first answer below 500 wins. When all fail, the last answer there was is given,
 * whatever its status; with none, the error that says most is thrown.
 */
import { asGatewayError, ERRORS, GatewayError } from '../../errors.js';
import type { ErrorCode } from '../../errors.js';
import type { Clock } from '../../runtime/clock.js';
import type { GuardedOrigin } from './guarded.js';
import type { Standing } from './health.js';
import { copyOf, isRepeatable, isSafe } from '../origin.js';
import type { OriginRequest, OriginResponse } from '../origin.js';
import { discardBody } from './resilient.js';

export interface RaceCounts {
  hedges: number; // requests sent to another origin while the first was silent
  hedgesWon: number; // and answered there first
}

/** What all races share. */
export interface Field {
  readonly clock: Pick<Clock, 'now'>;
  readonly counts: RaceCounts;
  /** Best first. */
  ranked(): readonly GuardedOrigin[];
  readonly hasSeveral: boolean; // origins
  /** False: no more hedges for now. */
  takeHedge(): boolean;
}

interface Runner {
  readonly origin: GuardedOrigin;
  readonly abort: AbortController | undefined; // undefined: it runs alone, under the caller's own signal
  readonly isHedge: boolean;
  overdue: boolean; // has had its time
  timer: NodeJS.Timeout | undefined;
}

interface Won {
  readonly response: OriginResponse;
  readonly by: GuardedOrigin;
}

/** Nothing was sent, so any request may go to another origin, a body included. */
const UNSENT = new Set<ErrorCode>([
  'GW_ORIGIN_CONNECT',
  'GW_ORIGIN_BREAKER_OPEN',
  'GW_ORIGIN_BUSY',
]);

export class Race {
  readonly #field: Field;
  readonly #request: OriginRequest;
  readonly #signal: AbortSignal;
  readonly #repeatable: boolean;
  readonly #asked = new Set<GuardedOrigin>();
  readonly #running = new Set<Runner>();
  #kept: Won | undefined; // the last 5xx, its body still to be read
  #failure: GatewayError | undefined;
  #settle: { resolve: (won: Won) => void; reject: (error: GatewayError) => void } | undefined;

  constructor(field: Field, request: OriginRequest, signal: AbortSignal) {
    this.#field = field;
    this.#request = request;
    this.#signal = signal;
    this.#repeatable = isRepeatable(request);
  }

  run(): Promise<Won> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#goOn();
    });
  }

  /** Somebody's standing has changed. */
  reconsider(): void {
    for (const runner of [...this.#running]) if (runner.overdue) this.#hedge(runner);
  }

  /** With nobody left to wait for: the next origin, or the end. */
  #goOn(): void {
    if (this.#settle === undefined) return;
    if (this.#running.size > 0) {
      this.reconsider(); // whoever was asked instead of the silent ones has failed
      return;
    }
    const next = this.#next();
    if (next !== undefined) {
      this.#start(next, false);
      return;
    }
    const { resolve, reject } = this.#settle;
    this.#settle = undefined;
    if (this.#kept !== undefined) resolve(this.#kept);
    else reject(this.#failure ?? new GatewayError('GW_ORIGIN_CONNECT', 'there is no origin'));
  }

  #next(): GuardedOrigin | undefined {
    const next = this.#field.ranked().find((origin) => !this.#asked.has(origin));
    if (next === undefined) return undefined;
    // An answer is at hand: one that rests would only delay it.
    if (this.#kept !== undefined && next.health.standing !== 'well') return undefined;
    return this.#mayAsk() ? next : undefined;
  }

  #mayAsk(): boolean {
    return this.#asked.size === 0 || this.#request.tries?.take() !== false;
  }

  #start(origin: GuardedOrigin, isHedge: boolean): void {
    // A signal and its listeners take 30 us: one that races nobody needs none of its own.
    const abort = this.#field.hasSeveral ? new AbortController() : undefined;
    const runner: Runner = { origin, isHedge, abort, overdue: false, timer: undefined };
    this.#asked.add(origin);
    this.#running.add(runner);
    const onAbort = (): void => {
      abort?.abort();
    };
    if (abort !== undefined) this.#signal.addEventListener('abort', onAbort);
    if (this.#signal.aborted) onAbort();
    if (this.#repeatable && this.#field.hasSeveral && isSafe(this.#request.method))
      this.#time(runner);
    const request = isHedge ? this.#copy() : this.#request;
    origin.fetch(request, abort?.signal ?? this.#signal).then(
      (response) => {
        this.#onAnswer(runner, response);
      },
      (reason: unknown) => {
        if (abort !== undefined) this.#signal.removeEventListener('abort', onAbort);
        this.#onError(runner, asGatewayError(reason));
      },
    );
  }

  #copy(): OriginRequest {
    const { tries } = this.#request;
    return { ...copyOf(this.#request), ...(tries === undefined ? {} : { tries }) };
  }

  #time(runner: Runner): void {
    const overdue = (): void => {
      if (!this.#running.has(runner)) return;
      runner.overdue = true;
      this.#hedge(runner);
      if (this.#running.size === 1) this.#time(runner); // the budget may allow it later
    };
    // Timers come before sockets: after a long turn of our own, the answer may lie there already.
    runner.timer = setTimeout(() => setImmediate(overdue), runner.origin.health.hedgeAfterMs);
  }

  /** `runner` is silent for too long: whoever is better is asked, too. */
  #hedge(runner: Runner): void {
    if (this.#settle === undefined || [...this.#running].some(({ overdue }) => !overdue)) return;
    const next = this.#field.ranked().find((origin) => !this.#asked.has(origin));
    if (next === undefined || this.#request.tries?.areSpent === true) return;
    if (!this.#mayHedge(runner.origin.health.standing, next.health.standing)) return;
    this.#request.tries?.take();
    this.#field.counts.hedges += 1;
    this.#start(next, true);
  }

  #mayHedge(from: Standing, to: Standing): boolean {
    if (to === 'down' || (to === 'resting' && from === 'well')) return false;
    // To leave one that is known to hang is no hedge: it asks no more of anybody than a failure would.
    return (from !== 'well' && to === 'well') || this.#field.takeHedge();
  }

  #onAnswer(runner: Runner, response: OriginResponse): void {
    this.#leave(runner);
    if (this.#settle === undefined) {
      discardBody(response.body);
      return;
    }
    const won = { response, by: runner.origin };
    if (response.status >= 500 && this.#repeatable) {
      if (this.#kept !== undefined) discardBody(this.#kept.response.body);
      this.#kept = won;
      this.#goOn();
      return;
    }
    if (this.#kept !== undefined) discardBody(this.#kept.response.body);
    if (runner.isHedge) this.#field.counts.hedgesWon += 1;
    const { resolve } = this.#settle;
    this.#settle = undefined;
    this.#cancelOthers();
    resolve(won);
  }

  #onError(runner: Runner, error: GatewayError): void {
    this.#leave(runner);
    if (this.#settle === undefined) return;
    if (this.#mayMoveOn(error.code)) {
      this.#failure = moreTelling(this.#failure, error);
      this.#goOn();
      return;
    }
    if (this.#kept !== undefined) discardBody(this.#kept.response.body);
    const { reject } = this.#settle;
    this.#settle = undefined;
    this.#cancelOthers();
    reject(error);
  }

  #leave(runner: Runner): void {
    clearTimeout(runner.timer);
    this.#running.delete(runner);
  }

  /** Those who had their time and did not answer have lost. */
  #cancelOthers(): void {
    for (const runner of [...this.#running]) {
      this.#leave(runner);
      runner.abort?.abort();
      if (runner.overdue && !this.#signal.aborted) runner.origin.lost('head', this.#request);
    }
  }

  #mayMoveOn(code: ErrorCode): boolean {
    if (this.#signal.aborted) return false;
    return UNSENT.has(code) || (ERRORS[code].source === 'upstream' && this.#repeatable);
  }
}

/** "Was refused" and "is busy" tell less than what an origin did when asked. */
function moreTelling(first: GatewayError | undefined, second: GatewayError): GatewayError {
  if (first === undefined) return second;
  const refused = second.code === 'GW_ORIGIN_BREAKER_OPEN' || second.code === 'GW_ORIGIN_BUSY';
  return refused ? first : second;
}
