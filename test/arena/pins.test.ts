import t from 'tap';
import { PIN_CELLS } from '../../src/arena/layout.js';
import { clearPins, Pins } from '../../src/arena/pins.js';
import { smallPool } from '../support/arena.js';
import { seededRandom } from '../support/random.js';

function pinsOf(workers: number): { all: Pins[]; pool: ReturnType<typeof smallPool> } {
  const pool = smallPool(65_536, workers);
  return { all: Array.from({ length: workers }, (_, worker) => new Pins(pool, worker)), pool };
}

t.test(
  'Pins.count() is what all workers have pinned, and more only where lines share a cell',
  (t) => {
    const { all } = pinsOf(3);
    const random = seededRandom(5);
    const held = new Map<number, number>();
    for (let i = 0; i < 5_000; i += 1) {
      const line = Math.floor(random() * 2 ** 38);
      all[i % 3]?.add(line);
      held.set(line, (held.get(line) ?? 0) + 1);
    }
    const [pins] = all as [Pins];
    for (const [line, count] of held) if (pins.count(line) < count) t.fail(`line ${line}`);
    let taken = 0;
    const others = Array.from({ length: 20_000 }, () => Math.floor(random() * 2 ** 38));
    for (const line of others) taken += pins.count(line) > 0 ? 1 : 0;
    const share = taken / others.length;
    t.ok(share > 0.05 && share < 0.1, `${share}: 5,000 of ${PIN_CELLS} cells, as said`);
    for (const [line, count] of held) for (let i = 0; i < count; i += 1) pins.remove(line);
    t.equal(others.filter((line) => pins.count(line) > 0).length, 0);
    t.end();
  },
);

t.test('slots one behind the other do not share a cell', (t) => {
  const { all } = pinsOf(1);
  const [pins] = all as [Pins];
  for (let slot = 0; slot < 10_000; slot += 1) pins.add(slot * 32);
  const counts = Array.from({ length: 10_000 }, (_, slot) => pins.count(slot * 32));
  t.ok(Math.max(...counts) <= 2);
  t.end();
});

t.test('what is lent is pinned until it comes back, whichever of the two ends', (t) => {
  const rows: readonly (readonly [string, (giver: Pins, taker: Pins) => void])[] = [
    [
      'given back',
      (_, taker) => {
        taker.giveBack(0, 7);
      },
    ],
    [
      'never sent',
      (giver) => {
        giver.takeBack(1, 7);
      },
    ],
    [
      'the receiver ended',
      (giver) => {
        giver.forget(1);
      },
    ],
  ];
  for (const [why, end] of rows) {
    const { all } = pinsOf(2);
    const [giver, taker] = all as [Pins, Pins];
    giver.lend(1, 7);
    t.equal(taker.count(7), 1, why);
    end(giver, taker);
    t.equal(taker.count(7), 0, why);
    giver.forget(1);
    t.equal(taker.count(7), 0, 'once');
  }
  const { all, pool } = pinsOf(2);
  const [giver, taker] = all as [Pins, Pins];
  giver.lend(1, 7);
  giver.lend(1, 8);
  taker.add(7); // and takes it over
  taker.giveBack(0, 7);
  clearPins(pool, 0);
  t.same([taker.count(7), taker.count(8)], [1, 0], 'the giver ended');
  t.end();
});

t.test(
  'what one worker gives back is not taken from its successor, nor from other receivers',
  (t) => {
    const { all, pool } = pinsOf(3);
    const [giver, first, second] = all as [Pins, Pins, Pins];
    giver.lend(1, 7);
    giver.lend(2, 8);
    giver.lend(1, 9);
    first.giveBack(0, 7);
    giver.forget(1); // 9 never came
    t.same(
      [7, 8, 9].map((line) => giver.count(line)),
      [0, 1, 0],
    );
    const successor = new Pins(pool, 1);
    giver.lend(1, 10);
    giver.lend(1, 11);
    successor.giveBack(0, 10);
    second.giveBack(0, 8);
    t.same(
      [8, 10, 11].map((line) => giver.count(line)),
      [0, 0, 1],
    );
    giver.forget(1);
    t.equal(giver.count(11), 0);
    const again = new Pins(pool, 0);
    again.lend(1, 12);
    again.forget(1);
    t.equal(again.count(12), 0, 'a giver that is back begins where the receiver is');
    t.end();
  },
);

t.test('Pins.look() tells of a pin anywhere, and of a guard', (t) => {
  const { all } = pinsOf(2);
  const [one, other] = all as [Pins, Pins];
  for (const line of [0, 4_000, 8_191]) {
    t.notOk(one.look()(line));
    other.add(line);
    t.ok(one.look()(line), String(line));
    t.notOk(one.look()(line + 1));
    other.remove(line);
    t.notOk(one.look()(line));
    other.guard(line);
    t.ok(one.look()(line), String(line));
    other.unguard();
  }
  t.end();
});

t.test('a guard is of one block, and goes with the next or with its worker', (t) => {
  const { all, pool } = pinsOf(2);
  const [one, other] = all as [Pins, Pins];
  other.guard(3 * 32 + 7);
  t.equal(one.count(3 * 32), 1);
  t.equal(one.count(3 * 32 + 31), 1, 'all of the block');
  t.equal(one.count(4 * 32), 0);
  t.same([one.isGuarded(0, 3), one.isGuarded(3, 4), one.isGuarded(0, 9)], [false, true, true]);
  other.guard(4 * 32);
  t.same([one.count(3 * 32), one.count(4 * 32)], [0, 1]);
  clearPins(pool, 1);
  t.equal(one.count(4 * 32), 0);
  t.end();
});
