import t from 'tap';
import { createBooks, NO_SLOT } from '../../../src/arena/layout.js';
import { SlotChains } from '../../../src/shard/holdings/slot-chains.js';
import { seededRandom } from '../../support/random.js';

function chainsOf(slots: number): SlotChains {
  return new SlotChains(createBooks(slots), slots);
}

t.test(
  'SlotChains.digestOf() is the same for the same key, and another in another process',
  (t) => {
    const [one, other] = [chainsOf(8), chainsOf(8)];
    t.same(one.digestOf('/v/1'), one.digestOf('/v/1'));
    t.notSame(one.digestOf('/v/1'), one.digestOf('/v/2'));
    t.notSame(one.digestOf('/v/1'), other.digestOf('/v/1'), 'no key can be made to collide');
    t.end();
  },
);

t.test('SlotChains tells keys of one digest apart by looking at them', (t) => {
  const chains = chainsOf(8);
  const digest = { low: 5, high: 7 };
  chains.begin(digest, 1);
  chains.begin(digest, 2);
  t.equal(
    chains.find(digest, (slot) => slot === 1),
    1,
  );
  t.equal(
    chains.find(digest, (slot) => slot === 2),
    2,
  );
  t.equal(
    chains.find(digest, () => false),
    NO_SLOT,
  );
  t.equal(
    chains.find({ low: 5, high: 8 }, () => true),
    NO_SLOT,
  );
  t.end();
});

t.test('SlotChains knows the first of a chain', (t) => {
  const chains = chainsOf(8);
  chains.begin({ low: 5, high: 7 }, 1);
  chains.begin({ low: 5 + 16, high: 7 }, 3); // perhaps in the same bucket
  chains.append(1, 2);
  t.same(
    [1, 2, 3, 4].map((slot) => chains.isHead(slot)),
    [true, false, true, false],
  );
  chains.remove(1, 1);
  t.same(
    [1, 2, 3].map((slot) => chains.isHead(slot)),
    [false, true, true],
  );
  t.end();
});

t.test(
  'SlotChains.unvisited() gives the oldest that nobody visited, and the first when all were',
  (t) => {
    const chains = new SlotChains(createBooks(16), 8);
    const digest = chains.digestOf('/v/1');
    chains.begin(digest, 3);
    for (const slot of [5, 1, 7]) chains.append(3, slot);
    const visits = new Uint8Array(16);
    visits.set([2, 0, 0, 1], 0);
    visits[1] = 1;
    visits[5] = 1;
    t.equal(chains.unvisited(3, 7, visits), 3, 'each had one, and loses it');
    t.same([visits[3], visits[5], visits[1], visits[0]], [0, 0, 0, 2]);
    visits[3] = 2;
    t.equal(chains.unvisited(3, 7, visits), 5);
    t.equal(visits[3], 1, 'that was passed');
    t.equal(chains.unvisited(3, 3, visits), 3, 'a chain of one');
    t.end();
  },
);

t.test('SlotChains keeps its chains whole, whatever begins, is appended and leaves', (t) => {
  const seed = Date.now() | 0;
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  const slots = 64;
  const chains = chainsOf(slots);
  // Few digests, so that many chains lie in one bucket.
  const digests = Array.from({ length: 12 }, (_, i) => ({ low: i % 3, high: i }));
  const model = digests.map((): number[] => []);
  const free = Array.from({ length: slots }, (_, i) => i);
  for (let step = 0; step < 5_000; step += 1) {
    const n = Math.floor(random() * digests.length);
    if (free.length > 0 && random() < 0.55) add(n);
    else takeOut(n);
    if (step % 50 === 0) compare(step);
  }
  t.end();

  function add(n: number): void {
    const { [n]: digest = { low: 0, high: 0 } } = digests;
    const { [n]: chain = [] } = model;
    const slot = free.splice(Math.floor(random() * free.length), 1)[0] ?? 0;
    const [head] = chain;
    if (head === undefined) chains.begin(digest, slot);
    else t.equal(chains.append(head, slot), chain.length + 1);
    chain.push(slot);
  }

  function takeOut(n: number): void {
    const { [n]: chain = [] } = model;
    const [head] = chain;
    if (head === undefined) return;
    const slot = chain.splice(Math.floor(random() * chain.length), 1)[0] ?? 0;
    t.equal(chains.remove(head, slot), chain[0] ?? NO_SLOT);
    free.push(slot);
  }

  function compare(step: number): void {
    const found = digests.map((digest) => {
      const list: number[] = [];
      for (let s = chains.find(digest, () => true); s !== NO_SLOT; s = chains.after(s))
        list.push(s);
      return list;
    });
    t.same(found, model, `after ${step} steps`);
    t.equal(chains.count, model.filter(({ length }) => length > 0).length);
    const heads = Array.from({ length: chains.buckets }, (_, i) => chains.headsOf(i)).flat();
    t.same(heads.sort(), model.flatMap(([first]) => first ?? []).sort());
  }
});
