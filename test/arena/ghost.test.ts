/** That it knows a key once, within its window, and forgets the oldest of a set: eviction.test.ts. */
import t from 'tap';
import { Ghost } from '../../src/arena/ghost.js';

function knownOf(ghost: Ghost, keys: readonly number[]): number[] {
  return keys.filter((key) => ghost.take(key, Infinity));
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

t.test('Ghost has room for the keys that it was made for, in whole sets of four', (t) => {
  const rows: [entries: number, room: number, why: string][] = [
    [0, 4, 'a shard without a block'],
    [1, 4, 'less than a set'],
    [4, 4, 'one set'],
    [5, 8, 'one more than a set'],
    [8, 8, 'two sets'],
    [9, 16, 'up to the next power of two'],
  ];
  for (const [entries, room, why] of rows) {
    const ghost = new Ghost(entries);
    const keys = numbers(1_000);
    for (const key of keys) ghost.add(key, 1);
    t.equal(knownOf(ghost, keys).length, room, why);
  }
  t.end();
});

t.test('Ghost.take() counts the bytes of the key itself, and those that went after it', (t) => {
  const rows: [after: number, windowBytes: number, known: boolean, why: string][] = [
    [0, 100, true, 'its own fill the window'],
    [0, 99, false, 'its own are more'],
    [50, 150, true, 'both fill it'],
    [50, 149, false, 'both are more'],
  ];
  for (const [after, windowBytes, known, why] of rows) {
    const ghost = new Ghost(4);
    ghost.add(9, 10_000);
    ghost.add(1, 100);
    ghost.add(2, after);
    t.equal(ghost.take(1, windowBytes), known, why);
    t.notOk(ghost.take(1, Infinity), `${why}: asked once, it is gone`);
  }
  t.end();
});

t.test('Ghost knows no key that only an empty cell has', (t) => {
  const ghost = new Ghost(4);
  t.notOk(ghost.take(0, Infinity), 'cells are zero at first');
  ghost.add(0, 1);
  t.ok(ghost.take(0, Infinity), 'a key may be zero');
  t.end();
});

t.test('Ghost.add() takes a free cell before it forgets a key', (t) => {
  const ghost = new Ghost(4);
  for (const key of [1, 2, 3, 4]) ghost.add(key, 1);
  t.ok(ghost.take(3, Infinity));
  ghost.add(5, 1);
  t.same(knownOf(ghost, [1, 2, 3, 4, 5]), [1, 2, 4, 5]);
  t.end();
});

t.test('Ghost spreads keys that differ in some bits alone', (t) => {
  const rows: [why: string, keyOf: (i: number) => number][] = [
    ['in the low ones', (i) => i],
    ['in the high ones', (i) => i << 23],
    ['in those between', (i) => i << 12],
  ];
  for (const [why, keyOf] of rows) {
    const ghost = new Ghost(1_024);
    const keys = numbers(512).map(keyOf);
    for (const key of keys) ghost.add(key, 1);
    const known = knownOf(ghost, keys).length;
    t.ok(known > 400, `${why}: ${known} of 512`);
  }
  t.end();
});

t.test('Ghost.add() moves the note of a key that it knows: variants and parts share one', (t) => {
  const ghost = new Ghost(4);
  ghost.add(1, 100);
  ghost.add(2, 1_000);
  ghost.add(1, 100);
  t.ok(ghost.take(1, 200), 'the newer note counts');
  t.notOk(ghost.take(1, Infinity), 'and there is no other');
  t.end();
});
