/**
 * What stands between a caller and origins that fail. Stacked by open.ts as
 * retry(fail-over(breaker(origin), breaker(origin), …)): the next origin is asked at once, and only
 * when all of them failed is there a pause and another round. Nothing here acts after the first
 * byte of a body.
 */
import { asGatewayError, ERRORS, GatewayError } from '../errors.js';
import type { ErrorCode } from '../errors.js';
import type { Clock } from '../runtime/clock.js';
import { Breaker } from './breaker.js';
import type { BreakerLimits, BreakerState, Permit } from './breaker.js';
import { isBodyless, isRepeatable } from './origin.js';
import type { Origin, OriginRequest, OriginResponse } from './origin.js';
import { RetryBudget } from './retry-budget.js';

const FIRST_PAUSE_MS = 50; // upper bound of the first pause; doubles with each retry
const LONGEST_PAUSE_MS = 2_000;
const DRAIN_BYTES = 64 * 1024; // read off an unwanted answer so that its connection lives on

export interface OriginStatus {
  readonly name: string;
  readonly breaker: BreakerState;
  readonly failures: number; // in a row
}

export interface GuardedOrigin extends Origin {
  status(): OriginStatus;
}

export interface GuardOptions {
  readonly name: string;
  readonly limits: BreakerLimits;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * `origin` behind a circuit breaker. A failure is an upstream error, a body that breaks, or a
 * status of 502 to 504; another answer is a success once its body is whole (a probe's at its head).
 * @throws GatewayError GW_ORIGIN_BREAKER_OPEN, and what `origin` throws.
 */
export function openGuardedOrigin(origin: Origin, options: GuardOptions): GuardedOrigin {
  const { name, limits, clock } = options;
  const breaker = new Breaker(limits);

  async function fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    const permit = breaker.admit(clock.now());
    if (permit === undefined) throw new GatewayError('GW_ORIGIN_BREAKER_OPEN', name);
    try {
      const response = await origin.fetch(request, signal);
      if (response.status >= 502 && response.status <= 504) {
        permit.settle('failure', clock.now());
        return response;
      }
      if (permit.probe || isBodyless(request.method, response.status))
        permit.settle('success', clock.now());
      return { ...response, body: watchedBody(response.body, permit, clock) };
    } catch (reason) {
      permit.settle(isUpstreamFault(reason) ? 'failure' : 'void', clock.now());
      throw reason;
    }
  }
  return {
    fetch,
    close: () => origin.close(),
    status: () => ({ name, breaker: breaker.state, failures: breaker.failures }),
  };
}

export interface RetryOptions {
  readonly retries: number; // after the first attempt
  readonly budget: number; // retries per request, over the last ten seconds
  readonly random: () => number; // 0 <= n < 1
  readonly clock: Pick<Clock, 'now'>;
  /** Resolves after `ms`, rejects when `signal` aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

const RETRIED = new Set<ErrorCode>(['GW_ORIGIN_CONNECT', 'GW_ORIGIN_IO', 'GW_ORIGIN_PROTOCOL']);

/**
 * Asks again, after a pause of random length below 50, 100, 200 … ms, when a repeatable request
 * found no answer. Not after GW_ORIGIN_TIMEOUT: the origin had its full time, and asking once more
 * would double both the viewer's wait and the origin's load. An answer of any status is an answer.
 */
export function openRetryingOrigin(origin: Origin, options: RetryOptions): Origin {
  const { retries, random, clock, pause } = options;
  const budget = new RetryBudget(options.budget);

  async function fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    budget.countRequest(clock.now());
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await origin.fetch(request, signal);
      } catch (reason) {
        const wanted = attempt < retries && isRepeatable(request) && !signal.aborted;
        const retried = wanted && RETRIED.has(asGatewayError(reason).code);
        if (!retried || !budget.takeRetry(clock.now())) throw reason;
      }
      await pauseOrAbort(random() * longestPauseMs(attempt), signal, pause);
    }
  }
  return { fetch, close: () => origin.close() };
}

/** Nothing was sent, so any request may go to another origin, a body included. */
const UNSENT = new Set<ErrorCode>([
  'GW_ORIGIN_CONNECT',
  'GW_ORIGIN_BREAKER_OPEN',
  'GW_ORIGIN_BUSY',
]);

/**
 * Asks `origins` in order until one answers below 500. When all fail, the last answer there was is
 * given, whatever its status; with none, the error that says most is thrown.
 */
export function openFailoverOrigin(origins: readonly Origin[]): Origin {
  async function fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    let kept: OriginResponse | undefined; // the last 5xx, its body still to be read
    let failure: GatewayError | undefined;
    for (const origin of origins) {
      try {
        const response = await origin.fetch(request, signal);
        if (kept !== undefined) discardBody(kept.body);
        if (response.status < 500 || !isRepeatable(request)) return response;
        kept = response;
      } catch (reason) {
        const error = asGatewayError(reason);
        if (!mayMoveOn(error.code, request)) {
          if (kept !== undefined) discardBody(kept.body);
          throw error;
        }
        failure = moreTelling(failure, error);
      }
    }
    if (kept !== undefined) return kept;
    throw failure ?? new GatewayError('GW_ORIGIN_CONNECT', 'there is no origin');
  }
  return {
    fetch,
    async close() {
      for (const origin of origins.toReversed()) await origin.close();
    },
  };
}

/** Reads a little of an unwanted body, then lets go of it. Resolves early, never fails. */
export function discardBody(body: OriginResponse['body']): void {
  const drain = async (): Promise<void> => {
    let drained = 0;
    for await (const chunk of body) {
      drained += chunk.length;
      if (drained > DRAIN_BYTES) break;
    }
  };
  drain().catch(() => undefined); // nobody wants this body, nor its error
}

function mayMoveOn(code: ErrorCode, request: OriginRequest): boolean {
  if (UNSENT.has(code)) return true;
  return ERRORS[code].source === 'upstream' && isRepeatable(request);
}

/** "Was refused" and "is busy" tell less than what an origin did when asked. */
function moreTelling(first: GatewayError | undefined, second: GatewayError): GatewayError {
  if (first === undefined) return second;
  const refused = second.code === 'GW_ORIGIN_BREAKER_OPEN' || second.code === 'GW_ORIGIN_BUSY';
  return refused ? first : second;
}

function isUpstreamFault(reason: unknown): boolean {
  return ERRORS[asGatewayError(reason).code].source === 'upstream';
}

function longestPauseMs(attempt: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);
}

async function pauseOrAbort(
  ms: number,
  signal: AbortSignal,
  pause: RetryOptions['pause'],
): Promise<void> {
  try {
    await pause(ms, signal);
  } catch (reason) {
    throw new GatewayError('GW_CLIENT_ABORTED', 'aborted between attempts', { cause: reason });
  }
}

/** `body`, telling `permit` how it went: whole, broken, or left by its reader. */
function watchedBody(
  body: OriginResponse['body'],
  permit: Permit,
  clock: Pick<Clock, 'now'>,
): OriginResponse['body'] {
  return {
    [Symbol.asyncIterator]() {
      const source = body[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const step = await source.next();
            if (step.done === true) permit.settle('success', clock.now());
            return step;
          } catch (reason) {
            permit.settle(isUpstreamFault(reason) ? 'failure' : 'void', clock.now());
            throw reason;
          }
        },
        async return() {
          permit.settle('void', clock.now());
          await source.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
