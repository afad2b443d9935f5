/**
 * A short memory of requests that failed: the next one of the same words gets the same error at once,
 * and the origin is spared. The whole request is what is remembered, every field included: what one
 * client sends may be why the origin gave up, and nobody else shall pay for it. A connection that
 * could not be made is not remembered, as that is the origin's fault and the breaker's business.
 */
import { asGatewayError, GatewayError } from '../../errors.js';
import type { ErrorCode } from '../../errors.js';
import type { Clock } from '../../runtime/clock.js';
import { shortDigestOf } from './short-digest.js';
import { watchedBody } from './watched-body.js';
import { isRepeatable } from '../origin.js';
import type { Origin, OriginRequest, OriginResponse } from '../origin.js';

const FIRST_PAUSE_MS = 500; // doubles while it goes on failing
const LONGEST_PAUSE_MS = 2_000; // so soon does everybody see that it works again
const MAX_PATHS = 4_096;
const MAX_DETAIL = 200; // characters

const REMEMBERED = new Set<ErrorCode>([
  'GW_ORIGIN_TIMEOUT',
  'GW_ORIGIN_PROTOCOL',
  'GW_ORIGIN_BODY_SHORT',
  'GW_ORIGIN_IO',
]);

interface Failing {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly untilMs: number;
  readonly pauseMs: number;
}

export function openFailingPaths(origin: Origin, clock: Pick<Clock, 'now'>): Origin {
  return new FailingPaths(origin, clock);
}

class FailingPaths implements Origin {
  readonly #origin: Origin;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #failing = new Map<string, Failing>(); // by digest, the longest unchanged first

  constructor(origin: Origin, clock: Pick<Clock, 'now'>) {
    this.#origin = origin;
    this.#clock = clock;
  }

  async fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    if (!isRepeatable(request)) return this.#origin.fetch(request, signal);
    this.#refuse(request);
    try {
      const response = await this.#origin.fetch(request, signal);
      const body = watchedBody(response.body, {
        ended: () => {
          if (this.#failing.size > 0) this.#failing.delete(keyOf(request));
        },
        failed: (reason) => {
          this.#failed(request, reason);
        },
      });
      return { ...response, body };
    } catch (reason) {
      this.#failed(request, reason);
      throw reason;
    }
  }

  close(): Promise<void> {
    return this.#origin.close();
  }

  #refuse(request: OriginRequest): void {
    if (this.#failing.size === 0) return;
    const known = this.#failing.get(keyOf(request));
    if (known === undefined) return;
    const leftMs = known.untilMs - this.#clock.now();
    if (leftMs <= 0 || leftMs > known.pauseMs) return; // a clock that stepped back keeps nobody out
    throw new GatewayError(known.code, `${known.detail} (a moment ago)`);
  }

  #failed(request: OriginRequest, reason: unknown): void {
    const { code, detail } = asGatewayError(reason);
    if (!REMEMBERED.has(code)) return;
    const key = keyOf(request);
    const nowMs = this.#clock.now();
    const before = this.#failing.get(key);
    const again = before !== undefined && nowMs - before.untilMs < LONGEST_PAUSE_MS;
    const pauseMs = again ? Math.min(before.pauseMs * 2, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS;
    this.#failing.delete(key);
    this.#failing.set(key, {
      code,
      detail: detail.slice(0, MAX_DETAIL),
      untilMs: nowMs + pauseMs,
      pauseMs,
    });
    for (const oldest of this.#failing.keys()) {
      if (this.#failing.size <= MAX_PATHS) break;
      this.#failing.delete(oldest);
    }
  }
}

function keyOf({ method, target, headers }: OriginRequest): string {
  return shortDigestOf(method, target, ...headers.flat());
}
