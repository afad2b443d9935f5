/** Its order through unlinks in the middle and at both ends: eviction.test.ts. */
import t from 'tap';
import { NO_SLOT } from '../../src/arena/layout.js';
import { slotLinks, SlotQueue } from '../../src/arena/slot-queue.js';

function slotsOf(queue: SlotQueue): number[] {
  const slots: number[] = [];
  for (let slot = queue.oldest; slot !== NO_SLOT; slot = queue.after(slot)) {
    slots.push(slot);
    if (slots.length > queue.count) throw new Error(`more than it counts: ${slots.join()}`);
  }
  return slots;
}

function queueOf(slots: readonly number[], links = slotLinks(8)): SlotQueue {
  const queue = new SlotQueue(links);
  for (const slot of slots) queue.push(slot);
  return queue;
}

t.test('SlotQueue leaves nothing behind of what is unlinked', (t) => {
  const rows: [pushed: number[], unlinked: number[], left: number[], why: string][] = [
    [[], [], [], 'nothing came'],
    [[5], [5], [], 'the only one'],
    [[0, 1], [0], [1], 'the oldest'],
    [[0, 1], [1], [0], 'the newest'],
    [[2, 0, 1], [0], [2, 1], 'one between, by age and not by number'],
    [[2, 0, 1], [1, 2, 0], [], 'all of them'],
  ];
  for (const [pushed, unlinked, left, why] of rows) {
    const queue = queueOf(pushed);
    for (const slot of unlinked) {
      queue.unlink(slot);
      t.equal(queue.after(slot), NO_SLOT, `${why}: ${slot} leads nowhere`);
    }
    t.same(slotsOf(queue), left, why);
    t.equal(queue.oldest, left[0] ?? NO_SLOT, why);
    t.equal(queue.count, left.length, why);
    queue.push(7);
    t.same(slotsOf(queue), [...left, 7], `${why}: a later one is the newest`);
  }
  t.end();
});

t.test('a slot that comes again is the newest', (t) => {
  const queue = queueOf([0, 1, 2]);
  queue.unlink(0);
  queue.push(0);
  t.same(slotsOf(queue), [1, 2, 0]);
  t.end();
});

t.test('queues of the same links do not mix', (t) => {
  const links = slotLinks(8);
  const [small, main] = [queueOf([0, 1, 2], links), queueOf([5, 3], links)];
  small.unlink(1);
  main.push(1);
  t.same(
    [slotsOf(small), slotsOf(main)],
    [
      [0, 2],
      [5, 3, 1],
    ],
  );
  t.same([small.count, main.count], [2, 3]);
  small.unlink(2);
  small.unlink(0);
  t.same([slotsOf(small), slotsOf(main)], [[], [5, 3, 1]]);
  t.end();
});

t.test('links may say anything of slots that are in no queue', (t) => {
  // Those of a pool are zero at first, and as its last owner left them afterwards.
  for (const rest of [0, 3]) {
    const links = { older: new Int32Array(8).fill(rest), newer: new Int32Array(8).fill(rest) };
    const queue = queueOf([4, 6, 2], links);
    t.same(slotsOf(queue), [4, 6, 2], `all ${rest}`);
    queue.unlink(4);
    t.same(slotsOf(queue), [6, 2], `all ${rest}`);
  }
  t.equal(queueOf([1]).after(8), NO_SLOT, 'no such slot');
  t.end();
});
