import t from 'tap';
import { OriginHealth } from '../../../src/origin/resilience/health.js';

const limits = {
  breaker: { failures: 5, share: 0.5, windowMs: 5_000, cooldownMs: 1_000 },
  hedgeAfterMs: 50,
};

function fast(): OriginHealth {
  const health = new OriginHealth(limits);
  for (let i = 0; i < 100; i += 1) health.answered(4, 0);
  return health;
}

t.test('OriginHealth waits for twice p99 before it is hedged, within bounds', (t) => {
  const rows = [
    [undefined, 250, 'nothing is known yet'],
    [4, 50, 'the least there is'],
    [100, 216, 'twice p99, which is a step of the histogram'],
    [9_000, 2_000, 'and no longer than anybody waits'],
  ] as const;
  for (const [latencyMs, want, why] of rows) {
    const health = new OriginHealth(limits);
    for (let i = 0; latencyMs !== undefined && i < 50; i += 1) health.answered(latencyMs, 0);
    t.equal(health.hedgeAfterMs, want, why);
  }
  t.end();
});

t.test('OriginHealth lets an origin rest when three paths in a row were lost', (t) => {
  const health = fast();
  for (const path of ['/a', '/b']) health.lost('head', path, 1_000);
  t.equal(health.standing, 'well');
  health.answered(4, 1_000);
  for (const path of ['/a', '/b', '/b', '/b']) health.lost('head', path, 1_000);
  t.equal(health.standing, 'well', 'an answer starts over, and one path counts once');
  health.lost('head', '/c', 1_000);
  t.equal(health.standing, 'resting');
  t.equal(health.hedgeAfterMs, 50, 'what was lost does not raise p99');
  t.end();
});

t.test('OriginHealth lets an origin rest when half of what it was asked was lost', (t) => {
  const health = new OriginHealth(limits);
  for (let i = 0; i < 4; i += 1) health.lost('head', '/live.m3u8', i * 100);
  t.equal(health.standing, 'well');
  health.lost('head', '/live.m3u8', 500);
  t.equal(health.standing, 'resting', 'with one path that is all there is');
  const busy = fast();
  for (let i = 0; i < 30; i += 1) busy.lost('head', '/slow', 1_000);
  t.equal(busy.standing, 'well', 'a slow path beside a hundred that are fast');
  t.end();
});

t.test('OriginHealth counts bodies apart from heads', (t) => {
  const health = fast();
  for (const path of ['/a', '/b', '/c']) {
    health.answered(4, 0); // its heads come
    health.lost('body', path, 0);
  }
  t.equal(health.standing, 'resting');
  health.answered(4, 0);
  t.equal(health.standing, 'resting', 'a head shows nothing of bodies');
  health.delivered();
  t.equal(health.standing, 'well');
  t.end();
});

t.test(
  'OriginHealth is probed once a second while it rests, and asked again when it answers',
  (t) => {
    const health = fast();
    t.notOk(health.takeProbe(0), 'one that is well needs none');
    for (const path of ['/a', '/b', '/c']) health.lost('head', path, 10_000);
    t.notOk(health.takeProbe(10_999));
    t.ok(health.takeProbe(11_000));
    t.notOk(health.takeProbe(11_001));
    t.ok(health.takeProbe(12_000));
    t.ok(health.takeProbe(500), 'a clock that stepped back keeps it from nothing');
    health.answered(9_000, 13_000);
    t.equal(health.standing, 'resting', 'an answer that took so long is none');
    health.answered(5, 13_000);
    t.equal(health.standing, 'well');
    t.end();
  },
);

t.test('OriginHealth is down while its breaker is not closed', (t) => {
  const health = fast();
  for (let i = 0; i < 200; i += 1) health.breaker.admit('/', 0)?.settle('failure', 0);
  t.equal(health.standing, 'down');
  t.notOk(health.takeProbe(999));
  t.ok(health.takeProbe(1_000));
  health.breaker.admit('/', 1_000)?.settle('success', 1_000);
  t.equal(health.standing, 'well');
  t.end();
});
