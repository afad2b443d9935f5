import t from 'tap';
import { Breaker } from '../../src/origin/breaker.js';
import type { Outcome } from '../../src/origin/breaker.js';

const limits = { failures: 3, cooldownMs: 1_000 };

function settleAll(breaker: Breaker, outcomes: readonly Outcome[], nowMs: number): void {
  for (const outcome of outcomes) breaker.admit(nowMs)?.settle(outcome, nowMs);
}

t.test('Breaker opens after so many failures in a row, and only then', (t) => {
  const rows = [
    [['failure', 'failure'], 'closed', 'one short'],
    [['failure', 'failure', 'failure'], 'open', 'enough'],
    [['failure', 'failure', 'success', 'failure', 'failure'], 'closed', 'a success starts over'],
    [
      ['failure', 'void', 'failure', 'void', 'failure'],
      'open',
      'what says nothing changes nothing',
    ],
    [['void', 'void', 'void', 'void'], 'closed', 'clients that leave are no failure'],
  ] as const;
  for (const [outcomes, want, why] of rows) {
    const breaker = new Breaker(limits);
    settleAll(breaker, outcomes, 0);
    t.equal(breaker.state, want, why);
  }
  t.end();
});

t.test('Breaker refuses until the cool-down is over, then lets one probe through', (t) => {
  const rows = [
    ['success', 'closed', 'the origin is back'],
    ['failure', 'open', 'it is not'],
  ] as const;
  for (const [outcome, want, why] of rows) {
    const breaker = new Breaker(limits);
    settleAll(breaker, ['failure', 'failure', 'failure'], 5_000);
    t.equal(breaker.admit(5_999), undefined, 'last millisecond of the cool-down');
    const probe = breaker.admit(6_000);
    t.equal(probe?.probe, true);
    t.equal(breaker.state, 'half-open');
    t.equal(breaker.admit(6_000), undefined, 'a second probe');
    t.equal(breaker.admit(99_000), undefined, 'a second probe, however long the first takes');
    probe?.settle(outcome, 7_000);
    t.equal(breaker.state, want, why);
    t.equal(breaker.admit(7_999) !== undefined, want === 'closed', why);
    t.ok(breaker.admit(8_000), 'a new cool-down counts from the failed probe');
  }
  t.end();
});

t.test('Breaker gives the probe to the next request when the first one tells nothing', (t) => {
  const breaker = new Breaker(limits);
  settleAll(breaker, ['failure', 'failure', 'failure'], 0);
  breaker.admit(1_000)?.settle('void', 1_500);
  t.equal(breaker.state, 'open');
  t.equal(breaker.admit(1_500)?.probe, true);
  t.end();
});

t.test('Breaker ignores what was asked before it changed its state', (t) => {
  const breaker = new Breaker(limits);
  const slow = breaker.admit(0);
  const failing = breaker.admit(0);
  settleAll(breaker, ['failure', 'failure', 'failure'], 0);
  slow?.settle('success', 10);
  t.equal(breaker.state, 'open', 'a late success does not close it');
  const probe = breaker.admit(1_000);
  failing?.settle('failure', 1_001);
  t.equal(breaker.state, 'half-open', 'a late failure does not decide the probe');
  probe?.settle('success', 1_002);
  probe?.settle('failure', 1_003);
  t.equal(breaker.state, 'closed');
  t.equal(breaker.failures, 0, 'a permit counts once');
  t.end();
});

t.test('Breaker does not stay open for long when the clock steps back', (t) => {
  const breaker = new Breaker(limits);
  settleAll(breaker, ['failure', 'failure', 'failure'], 1_000_000);
  t.ok(breaker.admit(10), 'an hour ago by the new clock');
  t.end();
});
