import t from 'tap';
import { Breaker } from '../../../src/origin/resilience/breaker.js';
import type { Outcome } from '../../../src/origin/resilience/breaker.js';

const limits = { failures: 5, share: 0.5, windowMs: 5_000, cooldownMs: 1_000 };

/** Each asks for a path of its own, unless `path` names it. */
function settle(
  breaker: Breaker,
  outcome: Outcome,
  times: number,
  at: { ms: number; path?: string },
): void {
  for (let i = 0; i < times; i += 1) {
    breaker.admit(at.path ?? `/${outcome}/${at.ms}/${i}`, at.ms)?.settle(outcome, at.ms);
  }
}

function opened(atMs: number): Breaker {
  const breaker = new Breaker(limits);
  settle(breaker, 'failure', 5, { ms: atMs });
  t.equal(breaker.state, 'open');
  return breaker;
}

t.test('Breaker opens on shares of what was asked', (t) => {
  const rows = [
    [{ failure: 4 }, 'closed', 'one short of what tells anything'],
    [{ failure: 5 }, 'open', 'enough, and all of it'],
    [{ success: 5, failure: 5 }, 'open', 'half of the connections failed'],
    [{ success: 7, failure: 5 }, 'closed', 'less than half did'],
    [{ success: 1_000, failure: 400 }, 'closed', 'however many those are'],
    [{ 'path-failure': 5 }, 'open', 'all of five different paths fail'],
    [{ success: 5, 'path-failure': 5 }, 'closed', 'half of the paths: the others are served'],
    [{ success: 5, 'path-failure': 45 }, 'open', 'nearly all'],
    [{ void: 100 }, 'closed', 'clients that leave are no failure'],
  ] as const;
  for (const [outcomes, want, why] of rows) {
    const breaker = new Breaker(limits);
    for (const [outcome, times] of Object.entries(outcomes)) {
      settle(breaker, outcome as Outcome, times, { ms: 0 });
    }
    t.equal(breaker.state, want, why);
  }
  t.end();
});

t.test('Breaker counts a path that fails once, however often it is asked', (t) => {
  const breaker = new Breaker(limits);
  for (let ms = 0; ms < 60_000; ms += 200) {
    settle(breaker, 'path-failure', 1, { ms, path: '/broken' });
    if (ms % 1_000 === 0) settle(breaker, 'success', 1, { ms });
    t.equal(breaker.state, 'closed', 'five times a second, beside one that succeeds');
  }
  for (let ms = 0; ms < 60_000; ms += 200) settle(breaker, 'path-failure', 1, { ms, path: '/x' });
  t.equal(breaker.state, 'closed', 'and alone');
  t.end();
});

t.test('Breaker forgets what is older than its window', (t) => {
  const breaker = new Breaker(limits);
  settle(breaker, 'failure', 4, { ms: 0 });
  settle(breaker, 'failure', 4, { ms: 5_000 });
  t.equal(breaker.state, 'closed');
  t.equal(breaker.failures(5_000), 4);
  t.end();
});

t.test('Breaker counts a body that breaks after its head was a success', (t) => {
  const breaker = new Breaker(limits);
  for (let i = 0; i < 60; i += 1) {
    const permit = breaker.admit(`/${i}`, 0);
    permit?.settle('success', 0);
    permit?.broke(0);
  }
  t.equal(breaker.state, 'closed', 'it answers: half of all that is counted');
  t.equal(breaker.failures(0), 60);
  t.end();
});

t.test('Breaker lets one probe through in each cool-down, however long the last one takes', (t) => {
  const breaker = opened(5_000);
  t.equal(breaker.admit('/', 5_999), undefined, 'last millisecond of the cool-down');
  t.equal(breaker.admit('/', 6_000)?.probe, true);
  t.equal(breaker.state, 'half-open');
  t.equal(breaker.admit('/', 6_999), undefined, 'a second probe in the same cool-down');
  const second = breaker.admit('/', 7_000);
  t.equal(second?.probe, true, 'the first one hangs: another is due');
  second?.settle('success', 7_001);
  t.equal(breaker.state, 'closed');
  t.equal(breaker.failures(7_001), 0);
  t.end();
});

t.test(
  'Breaker stays open while probes fail, and gives the next its turn when one is void',
  (t) => {
    const breaker = opened(0);
    breaker.admit('/', 1_000)?.settle('path-failure', 1_500);
    t.equal(breaker.state, 'open');
    t.equal(breaker.admit('/', 1_999), undefined);
    breaker.admit('/', 2_000)?.settle('void', 2_100);
    t.equal(breaker.admit('/', 2_100)?.probe, true);
    t.end();
  },
);

t.test('Breaker learns from answers to what was asked before it opened', (t) => {
  const breaker = new Breaker(limits);
  const [slow, failing, late] = [1, 2, 3].map((n) => breaker.admit(`/${n}`, 0));
  settle(breaker, 'failure', 5, { ms: 100 });
  failing?.settle('failure', 150);
  t.equal(breaker.state, 'open');
  slow?.settle('success', 200);
  t.equal(breaker.state, 'open', 'one answer does not close it');
  const probe = breaker.admit('/', 200);
  t.equal(probe?.probe, true, 'but it brings the probe forward');
  probe?.settle('success', 201);
  probe?.settle('failure', 202);
  t.equal(breaker.state, 'closed');
  late?.settle('failure', 300);
  t.equal(breaker.failures(300), 0, 'what failed before it closed says nothing of now');
  t.end();
});

t.test('Breaker does not stay open for long when the clock steps back', (t) => {
  t.ok(opened(1_000_000).admit('/', 10), 'an hour ago by the new clock');
  t.end();
});
