/** Origins that a race is run between, each of whose answers the test decides. */
import type { GatewayError } from '../../src/errors.js';
import type { OriginRequest } from '../../src/origin/origin.js';
import { type GuardedOrigin, openGuardedOrigin } from '../../src/origin/resilience/guarded.js';
import type { Standing } from '../../src/origin/resilience/health.js';
import { type Field, Race } from '../../src/origin/resilience/race.js';
import { textOf } from './origin.js';
import { settled } from './shard.js';
import { TimedOrigin, type TimedRequest } from './timed-origin.js';

export const HEDGE_AFTER_MS = 10;
export const GET: OriginRequest = { method: 'GET', target: '/', headers: [['accept', '*/*']] };

export interface Track {
  readonly field: Field;
  readonly origins: TimedOrigin[];
  readonly guarded: GuardedOrigin[];
  readonly lost: number[]; // which origins lost a head
  hedgesLeft: number;
  order: number[]; // of `origins`, best first
  run(request?: Partial<OriginRequest>, signal?: AbortSignal): Run;
}

export interface Run {
  readonly race: Race;
  /** Who won, with which status and body; or with which error all of it ended. */
  readonly result: Promise<string>;
}

/** Origins of those standings, each known to be fast. */
export function track(...standings: Standing[]): Track {
  const clock = { now: () => 0 };
  const breaker = { failures: 5, share: 0.5, windowMs: 5_000, cooldownMs: 1_000 };
  const origins = standings.map(() => new TimedOrigin());
  const lost: number[] = [];
  const guarded = origins.map((origin, n) => {
    const limits = { breaker, hedgeAfterMs: HEDGE_AFTER_MS };
    const one = openGuardedOrigin(origin, { name: `${n}`, limits, clock });
    for (let i = 0; i < 20; i += 1) one.health.answered(1, 0);
    if (standings[n] === 'resting') for (const path of '123') one.health.lost('head', path, 0);
    if (standings[n] === 'down') {
      for (let i = 0; i < 50; i += 1) one.health.breaker.admit('/', 0)?.settle('failure', 0);
    }
    one.lost = () => void lost.push(n);
    return one;
  });
  const field: Field = {
    clock,
    counts: { hedges: 0, hedgesWon: 0 },
    ranked: () => one.order.flatMap((n) => guarded[n] ?? []),
    hasSeveral: origins.length > 1,
    takeHedge: () => (one.hedgesLeft -= 1) >= 0,
  };
  const run = (
    request: Partial<OriginRequest> = {},
    signal = new AbortController().signal,
  ): Run => {
    const race = new Race(field, { ...GET, ...request }, signal);
    const result = race.run().then(
      async ({ response, by }) =>
        `${guarded.indexOf(by)} ${response.status} ${await textOf(response)}`,
      (reason: unknown) => (reason as GatewayError).code,
    );
    return { race, result };
  };
  const order = [...origins.keys()];
  const one: Track = { field, origins, guarded, lost, hedgesLeft: 99, order, run };
  return one;
}

/** The request that this origin is asked next. */
export async function asked({ origins }: Track, n: number): Promise<TimedRequest> {
  const origin = origins[n];
  if (origin === undefined) throw new Error(`no origin ${n}`);
  const before = origin.requests.filter((request) => taken.has(request)).length;
  while (origin.requests.length <= before) await new Promise((resolve) => setTimeout(resolve, 1));
  const request = origin.next();
  taken.add(request);
  return request;
}
const taken = new WeakSet<TimedRequest>();

export function counts({ origins }: Track): number[] {
  return origins.map(({ requests }) => requests.length);
}

/** All that would be done by now has been done; what must not come does not. */
export async function overdue(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, HEDGE_AFTER_MS * 5));
  await settled();
}
