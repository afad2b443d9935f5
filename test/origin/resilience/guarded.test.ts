import t from 'tap';
import { openGuardedOrigin } from '../../../src/origin/resilience/guarded.js';
import type { GuardedOrigin, StandingChange } from '../../../src/origin/resilience/guarded.js';
import type { Origin } from '../../../src/origin/origin.js';
import { ask, bodyOf } from '../../support/origin.js';
import { failingBody, outcome, scripted } from '../../support/scripted-origin.js';

interface Setup {
  readonly origin: GuardedOrigin;
  readonly changes: StandingChange[];
  nowMs: number;
}

function guarded(origin: Origin): Setup {
  const changes: StandingChange[] = [];
  const setup = { changes, nowMs: 0 };
  const limits = {
    breaker: { failures: 2, share: 0.5, windowMs: 5_000, cooldownMs: 1_000 },
    hedgeAfterMs: 50,
  };
  const clock = { now: () => setup.nowMs };
  const onChange = (change: StandingChange): void => void changes.push(change);
  return Object.assign(setup, {
    origin: openGuardedOrigin(origin, { name: 'o', limits, clock, onChange }),
  });
}

t.test('openGuardedOrigin() is down by what is the fault of the origin', async (t) => {
  const rows = [
    ['GW_ORIGIN_CONNECT', '/same', 'down', 'not reached'],
    ['GW_ORIGIN_TIMEOUT', '/same', 'well', 'one path that hangs'],
    ['GW_ORIGIN_TIMEOUT', undefined, 'down', 'every path hangs'],
    ['GW_ORIGIN_PROTOCOL', '/same', 'well', 'one path that speaks no HTTP'],
    ['GW_ORIGIN_PROTOCOL', undefined, 'down', 'nothing does'],
    [502, undefined, 'down', 'a gateway says so'],
    [503, undefined, 'down', 'it says so itself'],
    [503, '/same', 'well', 'of one path'],
    [504, '/same?', 'well', 'whatever its query'],
    [500, undefined, 'well', 'a program fault'],
    [404, undefined, 'well', 'an answer'],
    ['GW_ORIGIN_BUSY', undefined, 'well', 'our own limit'],
    ['GW_CLIENT_ABORTED', undefined, 'well', 'the client left'],
    ['GW_BAD_REQUEST', undefined, 'well', 'the client is to blame'],
  ] as const;
  for (const [step, path, want, why] of rows) {
    const { origin } = guarded(scripted('o', step));
    for (let i = 0; i < 6; i += 1) {
      const target = path?.endsWith('?') === true ? `${path}${i}` : (path ?? `/${i}`);
      await outcome(ask(origin, target));
    }
    t.equal(origin.status().state, want, `${step}: ${why}`);
  }
});

t.test('openGuardedOrigin() counts bodies that break, not those that are left', async (t) => {
  const rows = [
    ['GW_ORIGIN_BODY_SHORT', 3],
    ['GW_CLIENT_ABORTED', 0],
  ] as const;
  for (const [code, want] of rows) {
    const { origin } = guarded(failingBody(code));
    for (let i = 0; i < 3; i += 1) t.equal(await outcome(ask(origin, `/${i}`)), code);
    t.equal(origin.status().failures, want, code);
    t.equal(origin.status().state, want === 0 ? 'well' : 'resting', code);
  }
  const { origin: left } = guarded(scripted('o', 200));
  for (let i = 0; i < 3; i += 1) {
    const response = await ask(left, `/${i}`);
    await response.body[Symbol.asyncIterator]().return?.();
  }
  t.equal(left.status().failures, 0);
});

t.test('openGuardedOrigin() refuses while it is down, and asks once a cool-down', async (t) => {
  const script = scripted('o', 'GW_ORIGIN_CONNECT', 'GW_ORIGIN_CONNECT', 'GW_ORIGIN_CONNECT', 200);
  const setup = guarded(script);
  const { origin, changes } = setup;
  for (let i = 0; i < 4; i += 1) await outcome(ask(origin, '/'));
  t.equal(script.requests.length, 2, 'the third and fourth never got there');
  await t.rejects(ask(origin, '/'), { code: 'GW_ORIGIN_BREAKER_OPEN' });
  setup.nowMs = 1_000;
  t.equal(await outcome(ask(origin, '/')), 'GW_ORIGIN_CONNECT');
  setup.nowMs = 2_000;
  const together = await Promise.all([1, 2, 3].map(() => outcome(ask(origin, '/'))));
  t.same(together, ['o 200', 'GW_ORIGIN_BREAKER_OPEN', 'GW_ORIGIN_BREAKER_OPEN']);
  t.same(
    changes.map(({ from, to }) => `${from} ${to}`),
    ['well down', 'down well'],
    'each change is told once',
  );
  t.equal(await outcome(ask(origin, '/')), 'o 200');
});

t.test('GuardedOrigin.probe() brings it back by a head and a body in time', async (t) => {
  const rows = [
    [scripted('o', 200), 'well', 'it is back'],
    [scripted('o', 404), 'well', 'with any answer'],
    [scripted('o', 503), 'resting', 'with any but this'],
    [scripted('o', 'GW_ORIGIN_TIMEOUT'), 'resting', 'not yet'],
    [failingBody('GW_ORIGIN_TIMEOUT'), 'resting', 'its bodies do not come'],
  ] as const;
  for (const [script, want, why] of rows) {
    const { origin } = guarded(script);
    for (const target of ['/a', '/b', '/c']) {
      origin.lost('body', { method: 'GET', target, headers: [] });
    }
    t.equal(origin.status().state, 'resting');
    await origin.probe({ method: 'GET', target: '/', headers: [] }, new AbortController().signal);
    t.equal(origin.status().state, want, why);
  }
});

t.test('openGuardedOrigin() measures how long heads take', async (t) => {
  const setup: Setup = guarded({
    ...scripted('o', 200),
    fetch: (request, signal) => {
      setup.nowMs += 8;
      return scripted('o', 200).fetch(request, signal);
    },
  });
  for (let i = 0; i < 20; i += 1) await bodyOf(await ask(setup.origin, '/'));
  t.match(setup.origin.status(), { firstByteP50Ms: 8, firstByteP99Ms: 8 });
  t.equal(setup.origin.health.hedgeAfterMs, 50);
});
