/** What an ask gets of what is stored, or that it has to be asked for (RFC 9111 section 4). */
import { isOld } from '../protocol/descriptor.js';
import type { AskRequest } from '../protocol/messages.js';
import { judge, mayServeOnError, NO_DIRECTIVES, type Verdict } from '../rules/reuse.js';
import type { Stored, Variant } from './holdings/entry.js';
import type { Answers } from './intake/answers.js';
import type { ShardContext } from './intake/context.js';
import type { Waiter } from './intake/fill.js';
import type { Flights } from './intake/flights.js';
import { coveringPart } from './intake/parts.js';

/** Fields in which a client says what it wants of caches. */
const DIRECTIVES = new Set(['cache-control', 'pragma']);

export interface ServingOptions {
  readonly context: ShardContext;
  readonly answers: Answers;
  readonly flights: Flights;
  readonly onHit: (waiter: Waiter) => void;
}

export class Serving {
  readonly #options: ServingOptions;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  /** True when the waiter was answered from what is stored. */
  serve(waiter: Waiter, variant: Variant, nowMs: number): boolean {
    const { request } = waiter;
    const stored = variant.whole ?? coveringPart(this.#options.context, variant, request.range);
    if (stored === undefined) return false;
    if (request.beyond && this.#mayHaveGrown(stored, nowMs)) return false;
    switch (verdictOf(waiter, stored, nowMs)) {
      case 'fresh':
        if (request.background) return true;
        this.#hit(waiter, stored);
        return true;
      case 'stale-revalidate-in-background':
        if (nowMs >= stored.retryAtMs) this.#refresh(waiter, variant);
        if (!request.background) {
          this.#options.answers.object(waiter, stored.descriptor, {
            hit: true,
            detail: 'stale-while-revalidate',
          });
        }
        return true;
      case 'only-if-cached-miss': {
        const detail = 'not fresh in the cache';
        this.#options.answers.refuse([waiter], { code: 'GW_ONLY_IF_CACHED', detail });
        return true;
      }
      case 'revalidate':
        return this.#serveAgainstRequest(waiter, stored, nowMs);
    }
  }

  /** Stored, but not to be used without asking: unless the origin fails, or only the client says so. */
  #serveAgainstRequest(waiter: Waiter, stored: Stored, nowMs: number): boolean {
    const { memory, config } = this.#options.context;
    const { directives, request } = waiter;
    const { freshness } = stored.descriptor;
    if (nowMs < stored.retryAtMs && mayServeOnError(freshness, directives, nowMs)) {
      this.#options.answers.object(waiter, stored.descriptor, {
        hit: true,
        detail: 'origin-error',
      });
      return true;
    }
    // A client's word costs the origin a request: not more often than is useful to anybody.
    const { clientRefresh } = config.cache;
    if (clientRefresh === 'honour' || judge(freshness, NO_DIRECTIVES, nowMs) !== 'fresh') {
      return false;
    }
    if (clientRefresh === 'damp' && memory.takeRefresh(request.key, nowMs)) return false;
    this.#hit(waiter, stored);
    return true;
  }

  #hit(waiter: Waiter, stored: Stored): void {
    this.#options.answers.object(waiter, stored.descriptor, { hit: true });
    this.#options.onHit(waiter);
  }

  /** Unless the origin has just said that nothing lies behind what is stored; of what grows, that says nothing. */
  #mayHaveGrown({ descriptor }: Stored, nowMs: number): boolean {
    if (!isOld(descriptor)) return true;
    const end = this.#options.context.memory.endOf(descriptor.key, nowMs);
    return end === undefined || end > descriptor.totalBytes;
  }

  #refresh(waiter: Waiter, variant: Variant): void {
    // What its answer may become is nobody's wish: neither no-store nor max-stale of who comes by.
    const headers = waiter.request.headers.filter(([name]) => !DIRECTIVES.has(name));
    const request: AskRequest = { ...waiter.request, headers, lane: 2, background: true };
    this.#options.flights.join({ ...waiter, request, directives: NO_DIRECTIVES }, variant);
  }
}

/** A slice's key names a version, of which its bytes are for good: whether that is current, the head knows. */
function verdictOf({ request, directives }: Waiter, stored: Stored, nowMs: number): Verdict {
  return request.slice === undefined
    ? judge(stored.descriptor.freshness, directives, nowMs)
    : 'fresh';
}
