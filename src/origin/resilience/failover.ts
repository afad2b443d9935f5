/**
 * Several origins as one: the first that is well is asked, the next one when it fails, and in parallel
 * when it keeps a request waiting for longer than it ever does. Whoever answers first is taken, the
 * others are cancelled, and an origin that is often not the first rests: it is asked last until a
 * probe, a copy of a request, shows that it is back. A body goes on elsewhere where it stalls.
 */
import { GatewayError } from '../../errors.js';
import type { Clock } from '../../runtime/clock.js';
import type { GuardedOrigin } from './guarded.js';
import { copyOf, isRepeatable } from '../origin.js';
import type { Origin, OriginRequest, OriginResponse } from '../origin.js';
import { Race } from './race.js';
import type { Field, RaceCounts } from './race.js';
import { resumable } from './resumable.js';
import { ShareBudget } from './share-budget.js';

export interface FailoverCounts extends RaceCounts {
  resumed: number; // bodies that went on from a second answer
}

export interface FailoverOptions {
  readonly hedgeShare: number; // hedges per request, over the last ten seconds; 0: none
  readonly clock: Pick<Clock, 'now'>;
  readonly counts: FailoverCounts;
}

/** Enough to find out that an origin hangs, however few requests there are. */
const HEDGES_ALWAYS = 10;
/** A body that comes from an origin that is well may be silent for so long, from another's not. */
const STALL_MS = 2_000;
const RESTING_STALL_MS = 250;
const PROBE_MS = 1_000; // longest wait for a probe's answer

export interface FailoverOrigin extends Origin {
  /** An origin's standing has changed: those who wait for one that rests are asked elsewhere. */
  reconsider(): void;
}

export function openFailoverOrigin(
  origins: readonly GuardedOrigin[],
  options: FailoverOptions,
): FailoverOrigin {
  return new Failover(origins, options);
}

class Failover implements FailoverOrigin, Field {
  readonly clock: Pick<Clock, 'now'>;
  readonly counts: FailoverCounts;
  readonly #origins: readonly GuardedOrigin[];
  readonly #budget: ShareBudget;
  readonly #races = new Set<Race>();

  constructor(origins: readonly GuardedOrigin[], { hedgeShare, clock, counts }: FailoverOptions) {
    this.#origins = origins;
    this.clock = clock;
    this.counts = counts;
    this.#budget = new ShareBudget(hedgeShare, HEDGES_ALWAYS);
  }

  async fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    this.#budget.count(this.clock.now());
    const [first] = this.ranked();
    if (first === undefined) throw new GatewayError('GW_ORIGIN_CONNECT', 'there is no origin');
    this.#probeOthers(request, first);
    const { response, by } = await this.#race(request, signal);
    return this.#resumable(request, { response, by }, signal);
  }

  async close(): Promise<void> {
    for (const origin of this.#origins.toReversed()) await origin.close();
  }

  get hasSeveral(): boolean {
    return this.#origins.length > 1;
  }

  reconsider(): void {
    for (const race of [...this.#races]) race.reconsider();
  }

  /** Those that are well, those that rest, those that are down; each in the order configured. */
  ranked(): readonly GuardedOrigin[] {
    if (!this.hasSeveral) return this.#origins;
    const among = (standing: string): GuardedOrigin[] =>
      this.#origins.filter(({ health }) => health.standing === standing);
    return [...among('well'), ...among('resting'), ...among('down')];
  }

  takeHedge(): boolean {
    return this.#budget.take(this.clock.now());
  }

  async #race(
    request: OriginRequest,
    signal: AbortSignal,
  ): Promise<{ response: OriginResponse; by: GuardedOrigin }> {
    const race = new Race(this, request, signal);
    this.#races.add(race);
    try {
      return await race.run();
    } finally {
      this.#races.delete(race);
    }
  }

  /** One at a time for each origin, and at most one a second: a viewer's request waits for none. */
  #probeOthers(request: OriginRequest, first: GuardedOrigin): void {
    if (request.method !== 'GET' || !isRepeatable(request)) return;
    for (const origin of this.#origins) {
      if (origin === first || !origin.health.takeProbe(this.clock.now())) continue;
      const abort = new AbortController();
      const timer = setTimeout(() => {
        abort.abort();
      }, PROBE_MS);
      void origin.probe(copyOf(request), abort.signal).finally(() => {
        clearTimeout(timer);
      });
    }
  }

  #resumable(
    request: OriginRequest,
    { response, by }: { response: OriginResponse; by: GuardedOrigin },
    signal: AbortSignal,
  ): OriginResponse {
    let from = by;
    let next = by;
    return resumable(response, {
      request,
      stallMs: () => {
        if (!this.#origins.some((origin) => origin !== from && isWell(origin))) return undefined;
        return isWell(from) ? STALL_MS : RESTING_STALL_MS;
      },
      ask: async (rest, { stillComes, signal: given }) => {
        const others = this.ranked().filter((origin) => origin !== from && isWell(origin));
        const origin = others[0] ?? (stillComes ? undefined : from);
        if (origin === undefined || request.tries?.take() === false) return undefined;
        next = origin;
        return origin.fetch(rest, AbortSignal.any([signal, given]));
      },
      onResumed: ({ stalled }) => {
        if (stalled) from.lost('body', request);
        from = next;
        this.counts.resumed += 1;
      },
    });
  }
}

function isWell({ health }: GuardedOrigin): boolean {
  return health.standing === 'well';
}
