/**
 * What is asked again when all origins failed. The whole stack, as open.ts builds it:
 * failing paths(retry(fail-over(guard(origin), guard(origin), …))): the next origin is asked at once,
 * and only when all of them failed is there a pause and another round.
 */
import { asGatewayError, GatewayError } from '../../errors.js';
import type { ErrorCode } from '../../errors.js';
import type { Clock } from '../../runtime/clock.js';
import { isRepeatable } from '../origin.js';
import type { Origin, OriginRequest, OriginResponse } from '../origin.js';
import { ShareBudget } from './share-budget.js';
import { Tries } from './tries.js';

const FIRST_PAUSE_MS = 50; // upper bound of the first pause; doubles with each retry
const LONGEST_PAUSE_MS = 2_000;
const RETRIES_ALWAYS = 3; // in ten seconds, so that a quiet origin can be retried at all
const DRAIN_BYTES = 64 * 1024; // read off an unwanted answer so that its connection lives on

export interface RetryOptions {
  readonly retries: number; // after the first attempt
  readonly origins: number; // behind it, each of which a request may see once whatever `retries` says
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
  const { retries, origins, random, clock, pause } = options;
  const budget = new ShareBudget(options.budget, RETRIES_ALWAYS);
  const further = Math.max(retries, 1) + origins - 1;

  async function fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    budget.count(clock.now());
    const tries = new Tries(further);
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await origin.fetch({ ...request, tries }, signal);
      } catch (reason) {
        const wanted = attempt < retries && isRepeatable(request) && !signal.aborted;
        const retried = wanted && RETRIED.has(asGatewayError(reason).code);
        if (!retried || tries.areSpent || !budget.take(clock.now())) throw reason;
        tries.take();
      }
      await pauseOrAbort(random() * longestPauseMs(attempt), signal, pause);
    }
  }
  return { fetch, close: () => origin.close() };
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
