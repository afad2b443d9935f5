import t from 'tap';
import { type Lane, LaneQueue, LANES } from '../../src/runtime/lanes.js';

function drained(queue: LaneQueue<string>): string[] {
  const taken: string[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) taken.push(next);
  return taken;
}

t.test('LaneQueue takes the most urgent lane first, and in order within one', (t) => {
  const queue = new LaneQueue<string>(10);
  const offers: readonly (readonly [Lane, string])[] = [
    [2, 'c1'],
    [1, 'b1'],
    [0, 'a1'],
    [1, 'b2'],
    [0, 'a2'],
    [2, 'c2'],
  ];
  for (const [lane, message] of offers) t.ok(queue.offer(lane, message, 0));
  t.equal(queue.size, 6);
  t.same(drained(queue), ['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
  t.equal(queue.size, 0);
  t.end();
});

t.test('LaneQueue.offer() refuses the message that would exceed its lane', (t) => {
  const queue = new LaneQueue<string>(2);
  for (const lane of LANES) {
    t.same(
      ['x', 'y', 'z'].map((message) => queue.offer(lane, message, 0)),
      [true, true, false],
    );
    t.equal(queue.depth(lane), 2);
  }
  queue.take();
  t.ok(queue.offer(0, 'again', 0), 'room again');
  t.end();
});

t.test('LaneQueue.expire() takes out what waited for its lane’s patience', (t) => {
  const patience = [100, 50, 10] as const;
  const queue = new LaneQueue<string>(10);
  for (const lane of LANES) {
    queue.offer(lane, `old ${lane}`, 0);
    queue.offer(lane, `new ${lane}`, 45);
  }
  t.same(queue.expire(9, patience), []);
  t.same(queue.expire(10, patience), ['old 2'], 'its bound belongs to it');
  t.same(queue.expire(54, patience), ['old 1']);
  t.same(queue.expire(100, patience), ['old 0', 'new 1', 'new 2']);
  t.same(drained(queue), ['new 0']);
  t.end();
});

t.test('LaneQueue.withdraw() takes out what nobody wants, wherever it waits', (t) => {
  const queue = new LaneQueue<string>(10);
  for (const lane of LANES) {
    for (const message of ['keep', 'drop', 'keep too', 'drop']) queue.offer(lane, message, 0);
  }
  queue.take();
  queue.withdraw((message) => message === 'drop');
  t.same(drained(queue), ['keep too', 'keep', 'keep too', 'keep', 'keep too']);
  t.end();
});

t.test('LaneQueue keeps order and count over a long life', (t) => {
  const queue = new LaneQueue<number>(1_000);
  let offered = 0;
  let taken = 0;
  for (let round = 0; round < 500; round += 1) {
    for (let i = 0; i < (round % 7) + 1; i += 1) if (queue.offer(0, offered, 0)) offered += 1;
    for (let i = 0; i < 4; i += 1) {
      const next = queue.take();
      if (next === undefined) break;
      if (next !== taken) t.fail(`${next} instead of ${taken}`);
      taken += 1;
    }
    if (queue.size !== offered - taken) t.fail(`size ${queue.size} in round ${round}`);
  }
  t.ok(taken > 1_500);
  t.end();
});
