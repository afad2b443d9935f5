import t from 'tap';
import type { Test } from 'tap';
import { openFailoverOrigin } from '../../../src/origin/resilience/failover.js';
import type { FailoverCounts, FailoverOrigin } from '../../../src/origin/resilience/failover.js';
import { openGuardedOrigin } from '../../../src/origin/resilience/guarded.js';
import type { GuardedOrigin } from '../../../src/origin/resilience/guarded.js';
import type { Origin } from '../../../src/origin/origin.js';
import { Tries } from '../../../src/origin/resilience/tries.js';
import { ask, bodyOf, textOf } from '../../support/origin.js';
import { outcome, scripted } from '../../support/scripted-origin.js';
import { TimedOrigin } from '../../support/timed-origin.js';

const POST = { method: 'POST', body: (async function* () {})() };
const HEDGE_AFTER_MS = 10;

interface Setup {
  readonly origin: FailoverOrigin;
  readonly guarded: readonly GuardedOrigin[];
  readonly counts: FailoverCounts;
  nowMs: number;
}

function failover(origins: readonly Origin[], hedgeShare = 0.05): Setup {
  const counts = { hedges: 0, hedgesWon: 0, resumed: 0 };
  const setup = { counts, nowMs: 0 };
  const clock = { now: () => setup.nowMs };
  const limits = {
    breaker: { failures: 5, share: 0.5, windowMs: 5_000, cooldownMs: 1_000 },
    hedgeAfterMs: HEDGE_AFTER_MS,
  };
  const guarded = origins.map((origin, n) => {
    const onChange = (): void => {
      failing.reconsider();
    };
    const one = openGuardedOrigin(origin, { name: `o${n}`, limits, clock, onChange });
    for (let i = 0; i < 20; i += 1) one.health.answered(1, 0); // known to be fast
    return one;
  });
  const failing = openFailoverOrigin(guarded, { hedgeShare, clock, counts });
  return Object.assign(setup, { origin: failing, guarded });
}

/** Resolves when it was asked that often; a test's time-out is the limit. */
async function asked(origin: TimedOrigin, times: number): Promise<void> {
  while (origin.requests.length < times) await new Promise((resolve) => setTimeout(resolve, 2));
}

function two(t: Test, hedgeShare?: number): Setup & { a: TimedOrigin; b: TimedOrigin } {
  const [a, b] = [new TimedOrigin(), new TimedOrigin()];
  const setup = failover([a, b], hedgeShare);
  t.teardown(() => setup.origin.close());
  return Object.assign(setup, { a, b });
}

t.test('openFailoverOrigin() asks the next origin, as far as that is safe', async (t) => {
  const rows = [
    [{}, [200], [200], 'a 200', 'the first answers'],
    [{}, [404], [200], 'a 404', 'a 404 is an answer'],
    [{}, [500], [200], 'b 200', 'a 5xx is not'],
    [{}, [500], [503], 'b 503', 'all fail: the last answer there was'],
    [{}, [500], ['GW_ORIGIN_TIMEOUT'], 'a 500', 'an answer tells more than an error'],
    [{}, ['GW_ORIGIN_CONNECT'], [200], 'b 200', 'not reached'],
    [{}, ['GW_ORIGIN_TIMEOUT'], [200], 'b 200', 'no answer in time'],
    [{}, ['GW_ORIGIN_PROTOCOL'], [200], 'b 200', 'no HTTP'],
    [{}, ['GW_ORIGIN_BREAKER_OPEN'], [200], 'b 200', 'not even asked'],
    [{}, ['GW_ORIGIN_BUSY'], [200], 'b 200', 'no connection free'],
    [{}, ['GW_ORIGIN_TIMEOUT'], ['GW_ORIGIN_BREAKER_OPEN'], 'GW_ORIGIN_TIMEOUT', 'tells more'],
    [{}, ['GW_ORIGIN_BREAKER_OPEN'], ['GW_ORIGIN_IO'], 'GW_ORIGIN_IO', 'tells more'],
    [{}, ['GW_CLIENT_ABORTED'], [200], 'GW_CLIENT_ABORTED', 'nobody is waiting'],
    [{}, ['GW_BAD_REQUEST'], [200], 'GW_BAD_REQUEST', 'no origin would take it'],
    [{ method: 'HEAD' }, ['GW_ORIGIN_IO'], [200], 'b 200', 'HEAD is idempotent'],
    [{ method: 'POST' }, [503], [200], 'a 503', 'it may have taken effect'],
    [{ method: 'POST' }, ['GW_ORIGIN_IO'], [200], 'GW_ORIGIN_IO', 'it may have taken effect'],
    [{ method: 'POST' }, ['GW_ORIGIN_TIMEOUT'], [200], 'GW_ORIGIN_TIMEOUT', 'and so may this'],
    [POST, ['GW_ORIGIN_CONNECT'], [200], 'b 200', 'nothing was sent'],
    [{ ...POST, method: 'PUT' }, [500], [200], 'a 500', 'the body is used up'],
  ] as const;
  for (const [request, first, second, want, why] of rows) {
    const [a, b] = [scripted('a', ...first), scripted('b', ...second)];
    t.equal(await outcome(ask(failover([a, b]).origin, '/', request)), want, why);
  }
});

t.test('openFailoverOrigin() lets go of the answers it does not give', async (t) => {
  const [a, b, c] = [scripted('a', 500), scripted('b', 502), scripted('c', 200)];
  t.equal(await outcome(ask(failover([a, b, c]).origin, '/')), 'c 200');
  await new Promise(setImmediate);
  t.same([a.left, b.left, c.left], [0, 0, 0]);
});

t.test('openFailoverOrigin() closes its origins, and without any fails', async (t) => {
  const [a, b] = [scripted('a', 200), scripted('b', 200)];
  await failover([a, b]).origin.close();
  t.same([a.closed, b.closed], [1, 1]);
  t.equal(await outcome(ask(failover([]).origin, '/')), 'GW_ORIGIN_CONNECT');
});

t.test('openFailoverOrigin() asks no further than a request has tries', async (t) => {
  const origins = [1, 2, 3].map((n) => scripted(`${n}`, 'GW_ORIGIN_IO'));
  await outcome(ask(failover(origins).origin, '/', { tries: new Tries(1) }));
  t.same(
    origins.map(({ requests }) => requests.length),
    [1, 1, 0],
  );
});

t.test('a silent origin is hedged: the first answer is taken, the other cancelled', async (t) => {
  const { origin, counts, a, b } = two(t);
  const first = ask(origin, '/1');
  await asked(b, 1);
  b.next().answer(200, [], 'b');
  t.equal(await textOf(await first), 'b');
  t.ok(a.next().signal.aborted, 'the loser is cancelled');
  const second = ask(origin, '/2');
  await asked(b, 2);
  a.next().answer(200, [], 'a');
  t.equal(await textOf(await second), 'a');
  t.ok(b.next().signal.aborted);
  t.match(counts, { hedges: 2, hedgesWon: 1 });
});

t.test(
  'a hedge that fails leaves the first its time, and one that is hedged may fail',
  async (t) => {
    const { origin, a, b } = two(t);
    const first = ask(origin, '/1');
    await asked(b, 1);
    b.next().fail('GW_ORIGIN_IO');
    await new Promise(setImmediate);
    a.next().answer(200, [], 'a, late');
    t.equal(await textOf(await first), 'a, late');
    const second = ask(origin, '/2');
    await asked(b, 2);
    a.next().fail('GW_ORIGIN_TIMEOUT');
    b.next().answer(200, [], 'b');
    t.equal(await textOf(await second), 'b');
    const third = ask(origin, '/3');
    await asked(b, 3);
    a.next().answer(500, [], 'a is broken');
    b.next().fail('GW_ORIGIN_IO');
    t.equal(await textOf(await third), 'a is broken', 'an answer tells more than an error');
  },
);

t.test('what must not be sent twice is not hedged', async (t) => {
  for (const request of [POST, { method: 'POST' }, { method: 'DELETE' }]) {
    const { origin, a, b } = two(t);
    const answer = ask(origin, '/', request);
    await new Promise((resolve) => setTimeout(resolve, HEDGE_AFTER_MS * 4));
    a.next().answer(200, [], 'a');
    t.equal(await textOf(await answer), 'a');
    t.equal(b.requests.length, 0);
  }
});

t.test('both are cancelled when the client leaves, and neither has lost by that', async (t) => {
  const { origin, guarded, a, b } = two(t);
  const abort = new AbortController();
  for (let i = 0; i < 4; i += 1) {
    const answer = ask(origin, `/${i}`, { signal: abort.signal });
    answer.catch(() => undefined);
    if (i === 3) {
      await asked(b, 4);
      abort.abort();
      await t.rejects(answer, { code: 'GW_CLIENT_ABORTED' });
    }
  }
  for (const request of [...a.requests, ...b.requests]) t.ok(request.signal.aborted);
  t.same(
    guarded.map((one) => one.status().state),
    ['well', 'well'],
  );
});

t.test(
  'an origin that hangs is found out by three, and nobody waits for it any more',
  async (t) => {
    const { origin, guarded, counts, a, b } = two(t);
    // The budget is ten and a twentieth; fifty wait when it begins to hang, and all go on at once.
    const answers = Array.from({ length: 50 }, (_, i) => ask(origin, `/${i}`));
    await asked(b, 13);
    await new Promise((resolve) => setTimeout(resolve, HEDGE_AFTER_MS * 4));
    t.equal(counts.hedges, 13, 'no more than the budget');
    for (let i = 0; i < 3; i += 1) b.next().answer(200, [], 'b');
    await asked(b, 50);
    t.equal(guarded[0]?.status().state, 'resting');
    for (let i = 3; i < 50; i += 1) b.next().answer(200, [], 'b');
    for (const answer of answers) t.equal(await textOf(await answer), 'b');
    const before = a.requests.length;
    const next = ask(origin, '/next');
    b.next().answer(200, [], 'b, asked first');
    t.equal(await textOf(await next), 'b, asked first');
    t.equal(a.requests.length, before);
  },
);

t.test('when all are slow, hedges do not double the load', async (t) => {
  const { origin, guarded, counts, a } = two(t);
  const answers = Array.from({ length: 200 }, (_, i) => ask(origin, `/${i}`));
  await new Promise((resolve) => setTimeout(resolve, HEDGE_AFTER_MS * 10));
  for (let i = 0; i < answers.length; i += 1) a.next().answer(200, [], 'a');
  for (const answer of answers) t.equal(await textOf(await answer), 'a');
  t.equal(counts.hedges, 10 + 200 * 0.05);
  t.equal(guarded[0]?.status().state, 'well');
  const off = two(t, 0);
  const slow = ask(off.origin, '/');
  await new Promise((resolve) => setTimeout(resolve, HEDGE_AFTER_MS * 4));
  t.equal(off.b.requests.length, 0, 'turned off');
  off.a.next().answer(200, [], 'a');
  await bodyOf(await slow);
});

/** Lets the first origin of two rest. */
function rest({ guarded }: Setup, n = 0): void {
  for (const target of ['/1', '/2', '/3']) {
    guarded[n]?.lost('head', { method: 'GET', target, headers: [] });
  }
}

t.test(
  'one that rests is probed by copies once a second, and is first again when it answers',
  async (t) => {
    const setup = two(t);
    const { origin, guarded, a, b } = setup;
    rest(setup);
    const get = async (want: TimedOrigin): Promise<void> => {
      const at = want.requests.length;
      const answer = ask(origin, '/x', { headers: [['accept', '*/*']] });
      want.requests[at]?.answer(200, [], 'whole');
      await bodyOf(await answer);
    };
    await get(b);
    t.equal(a.requests.length, 0, 'it has just begun to rest');
    setup.nowMs = 1_000;
    for (let i = 0; i < 3; i += 1) await get(b);
    t.equal(a.requests.length, 1, 'one copy');
    t.same(a.requests[0]?.request.headers, [['accept', '*/*']]);
    a.requests[0]?.fail('GW_ORIGIN_IO');
    setup.nowMs = 2_000;
    await get(b);
    t.equal(a.requests.length, 2);
    a.requests[1]?.answer(200, [], 'back');
    while (guarded[0]?.status().state !== 'well') await new Promise(setImmediate);
    await get(a);
    t.equal(a.requests.length, 3);
  },
);

t.test('when both hang, those who wait go on with the first that is back', async (t) => {
  const setup = two(t);
  const { origin, guarded, a, b } = setup;
  rest(setup, 0);
  rest(setup, 1);
  const waiting = [1, 2, 3].map((n) => ask(origin, `/w${n}`));
  await new Promise((resolve) => setTimeout(resolve, HEDGE_AFTER_MS * 4));
  setup.nowMs = 1_000;
  const probing = ask(origin, '/probe');
  const probe = b.requests.find(({ request }) => request.target === '/probe');
  probe?.answer(200, [], 'b is back');
  while (guarded[1]?.status().state !== 'well') await new Promise(setImmediate);
  for (const target of ['/w1', '/w2', '/w3', '/probe']) {
    const isIt = (): boolean => b.requests.some((r) => r.request.target === target && r !== probe);
    while (!isIt()) await new Promise((resolve) => setTimeout(resolve, 2));
    b.requests
      .filter((r) => r.request.target === target)
      .at(-1)
      ?.answer(200, [], 'b');
  }
  for (const answer of [...waiting, probing]) t.equal(await textOf(await answer), 'b');
  for (const { signal, request } of a.requests) t.ok(signal.aborted, request.target);
});

t.test('an answer of 5xx is not held back by one that rests', async (t) => {
  const [a, b] = [new TimedOrigin(), scripted('b', 500)];
  const setup = failover([a, b]);
  rest(setup);
  t.equal(await outcome(ask(setup.origin, '/')), 'b 500');
  t.equal(a.requests.length, 0);
});
