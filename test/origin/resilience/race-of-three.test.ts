/** Where a race stood still: a silent origin, a hedge that failed, and a third that was well. */
import t from 'tap';
import { openFailoverOrigin } from '../../../src/origin/resilience/failover.js';
import { openGuardedOrigin } from '../../../src/origin/resilience/guarded.js';
import { ask, textOf } from '../../support/origin.js';
import { TimedOrigin } from '../../support/timed-origin.js';

t.test('when a hedge fails while the first is silent, the next one is asked', async (t) => {
  for (const failure of ['GW_ORIGIN_CONNECT', 500] as const) {
    const clock = { now: () => 0 };
    const breaker = { failures: 5, share: 0.5, windowMs: 5_000, cooldownMs: 1_000 };
    const origins = [new TimedOrigin(), new TimedOrigin(), new TimedOrigin()] as const;
    const guarded = origins.map((origin, n) => {
      const limits = { breaker, hedgeAfterMs: 10 };
      const one = openGuardedOrigin(origin, { name: `${n}`, limits, clock });
      for (let i = 0; i < 20; i += 1) one.health.answered(1, 0);
      return one;
    });
    const counts = { hedges: 0, hedgesWon: 0, resumed: 0 };
    const failover = openFailoverOrigin(guarded, { hedgeShare: 0.05, clock, counts });
    const answer = ask(failover, '/');
    const [, second, third] = origins;
    while (second.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    if (failure === 500) second.next().answer(500, []);
    else second.next().fail(failure);
    while (third.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    third.next().answer(200, [], 'c');
    t.equal(await textOf(await answer), 'c');
  }
});
