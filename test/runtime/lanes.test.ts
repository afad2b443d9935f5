import t from 'tap';
import { type Lane, LaneMailbox, LANES } from '../../src/runtime/lanes.js';

function drained(mailbox: LaneMailbox<string>): string[] {
  const taken: string[] = [];
  for (let next = mailbox.take(); next !== undefined; next = mailbox.take()) taken.push(next);
  return taken;
}

t.test('LaneMailbox takes the most urgent lane first, and in order within one', (t) => {
  const mailbox = new LaneMailbox<string>(10);
  const offers: readonly (readonly [Lane, string])[] = [
    [2, 'c1'],
    [1, 'b1'],
    [0, 'a1'],
    [1, 'b2'],
    [0, 'a2'],
    [2, 'c2'],
  ];
  for (const [lane, message] of offers) t.ok(mailbox.offer(lane, message, 0));
  t.equal(mailbox.size, 6);
  t.same(drained(mailbox), ['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
  t.equal(mailbox.size, 0);
  t.end();
});

t.test('LaneMailbox.offer() refuses the message that would exceed its lane', (t) => {
  const mailbox = new LaneMailbox<string>(2);
  for (const lane of LANES) {
    t.same(
      ['x', 'y', 'z'].map((message) => mailbox.offer(lane, message, 0)),
      [true, true, false],
    );
    t.equal(mailbox.depth(lane), 2);
  }
  mailbox.take();
  t.ok(mailbox.offer(0, 'again', 0), 'room again');
  t.end();
});

t.test('LaneMailbox.expire() takes out what waited for its lane’s patience', (t) => {
  const patience = [100, 50, 10] as const;
  const mailbox = new LaneMailbox<string>(10);
  for (const lane of LANES) {
    mailbox.offer(lane, `old ${lane}`, 0);
    mailbox.offer(lane, `new ${lane}`, 45);
  }
  t.same(mailbox.expire(9, patience), []);
  t.same(mailbox.expire(10, patience), ['old 2'], 'its bound belongs to it');
  t.same(mailbox.expire(54, patience), ['old 1']);
  t.same(mailbox.expire(100, patience), ['old 0', 'new 1', 'new 2']);
  t.same(drained(mailbox), ['new 0']);
  t.end();
});

t.test('LaneMailbox.withdraw() takes out what nobody wants, wherever it waits', (t) => {
  const mailbox = new LaneMailbox<string>(10);
  for (const lane of LANES) {
    for (const message of ['keep', 'drop', 'keep too', 'drop']) mailbox.offer(lane, message, 0);
  }
  mailbox.take();
  mailbox.withdraw((message) => message === 'drop');
  t.same(drained(mailbox), ['keep too', 'keep', 'keep too', 'keep', 'keep too']);
  t.end();
});

t.test('LaneMailbox keeps order and count over a long life', (t) => {
  const mailbox = new LaneMailbox<number>(1_000);
  let offered = 0;
  let taken = 0;
  for (let round = 0; round < 500; round += 1) {
    for (let i = 0; i < (round % 7) + 1; i += 1) if (mailbox.offer(0, offered, 0)) offered += 1;
    for (let i = 0; i < 4; i += 1) {
      const next = mailbox.take();
      if (next === undefined) break;
      if (next !== taken) t.fail(`${next} instead of ${taken}`);
      taken += 1;
    }
    if (mailbox.size !== offered - taken) t.fail(`size ${mailbox.size} in round ${round}`);
  }
  t.ok(taken > 1_500);
  t.end();
});
