import t from 'tap';
import type { Freshness } from '../../../src/rules/reuse.js';
import {
  askerOf,
  type Fill,
  isJoinable,
  isTimely,
  mayJoin,
  nearlyDone,
  presentLeader,
  subscribe,
  unsubscribe,
  wakeFill,
} from '../../../src/shard/intake/fill.js';
import type { Stored } from '../../../src/shard/holdings/entry.js';
import { describedAs, FRESHNESS } from '../../support/descriptor.js';
import { IntakeBench, waiterOf } from '../../support/intake.js';

const MIB = 1_048_576;

function fillOf(facts: Partial<Fill> = {}, ids: readonly number[] = [1]): Fill {
  const [first = 1, ...others] = ids;
  const rest = others.map((id) => waiterOf(id));
  return new IntakeBench().fill([waiterOf(first), ...rest], facts);
}

t.test('askerOf() tells the asks of all workers apart', (t) => {
  const names = [
    [1, 11],
    [11, 1],
    [1, 1],
  ].map(([worker = 0, id = 0]) => askerOf({ worker, id }));
  t.equal(new Set(names).size, 3);
  t.end();
});

t.test('presentLeader() is the leader as long as he waits, and nobody else', (t) => {
  const fill = fillOf({}, [1, 2]);
  t.equal(presentLeader(fill), fill.leader);
  fill.waiters.delete(askerOf(fill.leader));
  t.equal(presentLeader(fill), undefined);
  t.end();
});

t.test('isJoinable() is true of what is asked for or arrives, unless it is given up', (t) => {
  const phases = { requesting: true, filling: true, ringing: false, relaying: false, done: false };
  for (const [phase, want] of Object.entries(phases)) {
    t.equal(isJoinable(fillOf({ phase: phase as Fill['phase'] })), want, phase);
  }
  t.notOk(isJoinable(fillOf({ outdated: true })), 'purged');
  const aborted = fillOf();
  aborted.abort.abort();
  t.notOk(isJoinable(aborted), 'aborted');
  t.end();
});

t.test('isTimely() is true of what came just now, or is fresh, or may be stale', (t) => {
  const came = (more: Partial<Freshness>): Partial<Fill> => ({
    descriptor: describedAs({ freshness: { ...FRESHNESS, ttlMs: 2_000, ...more } }),
    answeredMs: 0,
  });
  const rows: [facts: Partial<Fill>, nowMs: number, want: boolean, why: string][] = [
    [{}, 86_400_000, true, 'it is asked for still'],
    [came({}), 1_999, true, 'it is fresh'],
    [came({}), 2_000, false, 'its body takes longer than it lives'],
    [came({ swrMs: 1_000 }), 2_999, true, 'it may be stale'],
    [came({ swrMs: 1_000 }), 3_000, false, 'not for that long'],
    [came({ alwaysRevalidate: true }), 249, true, 'it answers those who ask as it comes'],
    [came({ alwaysRevalidate: true }), 250, false, 'and may not be used again'],
    [{ ...came({ bornMs: -10_000 }), answeredMs: 5_000 }, 5_249, true, 'old as it came'],
    [{ ...came({ bornMs: -10_000 }), answeredMs: 5_000 }, 5_250, false, 'and too old now'],
  ];
  for (const [facts, nowMs, want, why] of rows) t.equal(isTimely(fillOf(facts), nowMs), want, why);
  const slice = fillOf(came({}));
  const request = {
    ...slice.leader.request,
    slice: { validator: '"a"', number: 0, first: 0, last: 9, total: 99 },
  };
  const ofSlice = { ...slice, leader: { ...slice.leader, request } } as Fill;
  t.equal(isTimely(ofSlice, 86_400_000), true, 'bytes do not age');
  t.end();
});

t.test('mayJoin() keeps credentials from what may be for nobody in particular', (t) => {
  const as = (more: Partial<Freshness>): Fill['descriptor'] =>
    describedAs({ freshness: { ...FRESHNESS, ...more } });
  const forAll = as({});
  const anonymous = as({ anonymousOnly: true });
  const rows: [Fill['descriptor'], Fill['descriptor'], boolean, string][] = [
    [undefined, undefined, true, 'nothing is known'],
    [forAll, undefined, true, 'it brings what all may have'],
    [anonymous, undefined, false, 'it does not'],
    [undefined, anonymous, false, 'it may fall back on what is not'],
    [forAll, anonymous, false, 'it may still'],
    [anonymous, forAll, false, 'it brings what is not'],
  ];
  for (const [descriptor, before, want, why] of rows) {
    const stored = before && ({ descriptor: before } as Stored);
    const fill = fillOf({ descriptor, stored });
    t.equal(mayJoin(fill, true), want, why);
    t.ok(mayJoin(fill, false), `${why}; who is nobody may`);
  }
  t.end();
});

t.test('nearlyDone() is true from the half on, or when little is missing', (t) => {
  const rows: [written: number, total: number, want: boolean, why: string][] = [
    [0, MIB, true, 'a mebibyte is little'],
    [0, MIB + 1, false, 'a byte more is not'],
    [4 * MIB - 1, 8 * MIB, false, 'a byte less than the half'],
    [4 * MIB, 8 * MIB, true, 'the half'],
    [8 * MIB, -1, false, 'nobody knows how much is to come'],
  ];
  for (const [written, storedBytes, want, why] of rows) {
    t.equal(nearlyDone(fillOf({ written, descriptor: describedAs({ storedBytes }) })), want, why);
  }
  t.notOk(nearlyDone(fillOf({ written: 5 })), 'nothing has come');
  t.end();
});

t.test('a worker is subscribed until the last of its asks has left', (t) => {
  const fill = fillOf();
  const [first, second, other] = [waiterOf(1), waiterOf(2), waiterOf(1, '', { worker: 1 })];
  for (const waiter of [first, first, second, other]) subscribe(fill, waiter);
  t.same(
    [...fill.subscribers],
    [
      [0, 2],
      [1, 1],
    ],
    'each ask counts once',
  );
  fill.ring.places.set(0, { slowest: 1, fastest: 1 });
  unsubscribe(fill, first);
  unsubscribe(fill, first);
  t.same([...fill.subscribers.keys()], [0, 1], 'and leaves once');
  t.ok(fill.ring.places.has(0));
  unsubscribe(fill, second);
  t.same([...fill.subscribers.keys()], [1]);
  t.notOk(fill.ring.places.has(0), 'it holds up nobody any more');
  t.end();
});

t.test('the last ask of a worker wakes the body that waits for it, once', (t) => {
  const fill = fillOf();
  const [follower, stranger] = [waiterOf(1), waiterOf(2)];
  let woken = 0;
  fill.wake = () => {
    woken += 1;
  };
  subscribe(fill, follower);
  unsubscribe(fill, stranger);
  t.equal(woken, 0, 'who follows nothing leaves nothing');
  unsubscribe(fill, follower);
  t.equal(woken, 1);
  wakeFill(fill);
  t.equal(woken, 1, 'nothing waits any more');
  t.end();
});
