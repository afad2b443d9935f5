import fc from 'fast-check';
import t from 'tap';
import { MAX_HITS, S3Fifo, Sieve, type Eviction } from '../../src/arena/eviction.js';
import { Ghost } from '../../src/arena/ghost.js';
import { SlotQueue, slotLinks } from '../../src/arena/slot-queue.js';

const SLOTS = 12;
const POLICIES = {
  Sieve: (hits: Uint8Array): Eviction => new Sieve({ slots: SLOTS, hits }),
  S3Fifo: (hits: Uint8Array): Eviction => new S3Fifo({ slots: SLOTS, hits }),
  'S3Fifo as published': (hits: Uint8Array): Eviction =>
    new S3Fifo({ slots: SLOTS, hits, smallShare: 0.1, promoteAt: 2, tinyBelow: 0 }),
};

function counts(slots = SLOTS): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(slots));
}

/** Victims until there are none. */
function drain(policy: Eviction): number[] {
  const victims: number[] = [];
  for (let slot = policy.victim(); slot >= 0; slot = policy.victim()) victims.push(slot);
  return victims;
}

type Step = readonly ['insert' | 'remove' | 'hit' | 'victim', number, number];

/** Does one step on policy and model, and throws where the policy contradicts the model. */
function apply(policy: Eviction, held: Set<number>, hits: Uint8Array, step: Step): void {
  const [op, slot, n] = step;
  if (op === 'insert' && !held.has(slot)) {
    policy.insert(slot, n, n % 7);
    held.add(slot);
    if (hits[slot] !== 0) throw new Error('a new object starts with hits');
  } else if (op === 'remove') {
    policy.remove(slot);
    held.delete(slot);
  } else if (op === 'hit') {
    hits[slot] = Math.min(MAX_HITS, (hits[slot] ?? 0) + 1); // unheld slots too: late readers do it
  } else if (op === 'victim') {
    const skipped = (s: number): boolean => ((n >> s) & 1) === 1;
    const victim = policy.victim(skipped);
    const takeable = [...held].some((s) => !skipped(s));
    if (takeable !== victim >= 0) throw new Error(`victim ${victim} of ${[...held].join()}`);
    if (victim >= 0 && (skipped(victim) || !held.delete(victim))) throw new Error(`took ${victim}`);
  }
}

for (const [name, make] of Object.entries(POLICIES)) {
  t.test(`${name}: random use never loses, repeats or invents a slot`, (t) => {
    const op = fc.constantFrom<Step[0]>('insert', 'insert', 'hit', 'hit', 'victim', 'remove');
    const slot = fc.integer({ min: 0, max: SLOTS - 1 });
    const n = fc.integer({ min: 0, max: 2 ** SLOTS });
    const steps = fc.array(fc.tuple(op, slot, n), { maxLength: 200, size: 'max' });
    const seed = Date.now() % 2 ** 31;
    t.comment(`seed ${seed}`);
    fc.assert(
      fc.property(steps, (steps) => {
        const hits = counts();
        const policy = make(hits);
        const held = new Set<number>();
        for (const step of steps) {
          apply(policy, held, hits, step);
          if (policy.count !== held.size) throw new Error(`${policy.count} != ${held.size}`);
        }
        return drain(policy).sort().join() === [...held].sort().join() && policy.count === 0;
      }),
      { seed, numRuns: 300 },
    );
    t.end();
  });

  t.test(`${name}: what nobody asked for leaves in order of arrival`, (t) => {
    const policy = make(counts());
    for (const slot of [4, 2, 9]) policy.insert(slot, 1_000, slot);
    t.strictSame(drain(policy), [4, 2, 9]);
    t.equal(policy.victim(), -1, 'nothing left');
    t.end();
  });

  t.test(`${name}: an object with hits outlives one without`, (t) => {
    const hits = counts();
    const policy = make(hits);
    for (const slot of [0, 1, 2]) policy.insert(slot, 1_000, slot);
    hits[0] = MAX_HITS;
    t.strictSame(drain(policy), [1, 2, 0]);
    t.equal(hits[0], 0, 'the hand used the hits up');
    t.end();
  });

  t.test(`${name}: a skipped slot stays, and only skipped slots mean no victim`, (t) => {
    const policy = make(counts());
    for (const slot of [0, 1]) policy.insert(slot, 1_000, slot);
    t.equal(
      policy.victim((slot) => slot === 0),
      1,
      'the oldest is still filling',
    );
    t.equal(
      policy.victim(() => true),
      -1,
    );
    t.equal(policy.count, 1);
    t.equal(policy.victim(), 0);
    t.end();
  });

  t.test(`${name}: readers that hit all the time cannot keep the hand walking`, (t) => {
    const hits = counts();
    const policy = make(hits);
    for (let slot = 0; slot < SLOTS; slot++) policy.insert(slot, 1_000, slot);
    const victim = policy.victim(() => {
      hits.fill(MAX_HITS);
      return false;
    });
    t.ok(victim >= 0);
    t.equal(policy.count, SLOTS - 1);
    t.end();
  });

  t.test(`${name}: a slot held already, or outside the table, is refused`, (t) => {
    const policy = make(counts());
    policy.insert(3, 1_000, 3);
    for (const slot of [3, -1, SLOTS, 0.5]) {
      t.throws(
        () => {
          policy.insert(slot, 1_000, 1);
        },
        { code: 'GW_INTERNAL' },
        `slot ${slot}`,
      );
      if (slot !== 3) policy.remove(slot);
    }
    t.equal(policy.count, 1);
    t.throws(() => make(counts(SLOTS - 1)), { code: 'GW_INTERNAL' }, 'too few hit counts');
    t.end();
  });
}

t.test('Sieve: survivors keep their place and the hand goes on where it stopped', (t) => {
  const hits = counts();
  const policy = new Sieve({ slots: SLOTS, hits });
  for (const slot of [0, 1, 2, 3]) policy.insert(slot);
  hits[0] = 1;
  t.equal(policy.victim(), 1, '0 was hit');
  policy.insert(4);
  t.equal(policy.victim(), 2, 'not 0, which the hand has passed');
  policy.remove(3);
  t.equal(policy.victim(), 4, 'the hand left 3 with it');
  t.equal(policy.victim(), 0, 'the hand starts over');
  t.end();
});

t.test('S3Fifo: a scan passes through the small queue and leaves the hit objects alone', (t) => {
  const hits = counts(100);
  const policy = new S3Fifo({ slots: 100, hits });
  for (let slot = 0; slot < 10; slot++) {
    policy.insert(slot, 1_000, slot);
    hits[slot] = 1;
  }
  const victims: number[] = [];
  for (let slot = 20; slot < 90; slot++) {
    policy.insert(slot, 1_000, slot);
    if (policy.count > 13) victims.push(policy.victim());
  }
  t.equal(victims.length, 67);
  t.strictSame(
    victims.filter((slot) => slot < 10),
    [],
    'only what was scanned leaves',
  );
  t.end();
});

t.test('S3Fifo: a key that comes back soon after eviction goes to the main queue', (t) => {
  const hits = counts(100);
  const policy = new S3Fifo({ slots: 100, hits });
  for (let slot = 0; slot < 10; slot++) policy.insert(slot, 1_000, 1_000 + slot);
  t.equal(policy.victim(), 0);
  policy.insert(50, 1_000, 1_000); // the key of slot 0
  policy.insert(51, 1_000, 7);
  const victims = drain(policy);
  t.ok(victims.indexOf(51) < victims.indexOf(50), 'the newcomer leaves first');
  t.end();
});

t.test('S3Fifo: an object far below the mean size skips the small queue', (t) => {
  const rows = [
    [249, 100, true, 'below a quarter of the mean'],
    [251, 100, false, 'above it'],
    [249, 12, false, 'a slot table three quarters full has no room for small fry'],
  ] as const;
  for (const [size, slots, skips, why] of rows) {
    const policy = new S3Fifo({ slots, hits: counts(slots) });
    for (let slot = 1; slot < 10; slot++) policy.insert(slot, 1_000, slot);
    policy.insert(0, size, 0);
    policy.insert(10, 1_000, 10);
    const victims = drain(policy);
    t.equal(victims.indexOf(0) > victims.indexOf(10), skips, why);
  }
  t.end();
});

t.test('S3Fifo: the small queue is held to its share of bytes, not of objects', (t) => {
  const hits = counts();
  const policy = new S3Fifo({ slots: SLOTS, hits, tinyBelow: 0 });
  for (const slot of [0, 1, 2]) policy.insert(slot, 10_000, slot);
  hits.fill(1, 0, 2);
  t.equal(policy.victim(), 2, '0 and 1 are promoted');
  for (const slot of [3, 4, 5]) policy.insert(slot, 1_000, slot);
  t.equal(policy.victim(), 0, 'three small ones are below a fifth of the bytes: main gives');
  t.end();
});

t.test('Ghost.take() knows a key once, and only within its window of evicted bytes', (t) => {
  const ghost = new Ghost(64);
  t.notOk(ghost.take(1, Infinity), 'never noted');
  ghost.add(1, 100);
  ghost.add(2, 100);
  t.notOk(ghost.take(1, 199), '200 bytes went since 1 left');
  t.ok(ghost.take(2, 199));
  t.notOk(ghost.take(2, 199), 'taken before');
  ghost.add(-5, 1);
  t.ok(ghost.take(0xfffffffb, 10), 'a hash is 32 bits, signed or not');
  t.end();
});

t.test('Ghost forgets the oldest of a full set', (t) => {
  const ghost = new Ghost(4); // one set
  for (const key of [1, 2, 3, 4, 5]) ghost.add(key, 1);
  t.strictSame(
    [1, 2, 3, 4, 5].map((key) => ghost.take(key, Infinity)),
    [false, true, true, true, true],
  );
  t.end();
});

t.test('SlotQueue keeps order through pushes and unlinks at every place', (t) => {
  const queue = new SlotQueue(slotLinks(5));
  const order = (): number[] => {
    const slots: number[] = [];
    for (let s = queue.oldest; s >= 0; s = queue.after(s)) slots.push(s);
    return slots;
  };
  for (const slot of [0, 1, 2, 3]) queue.push(slot);
  queue.unlink(1);
  t.strictSame(order(), [0, 2, 3], 'middle');
  queue.unlink(0);
  queue.unlink(3);
  t.strictSame(order(), [2], 'both ends');
  queue.push(4);
  t.strictSame(order(), [2, 4]);
  t.equal(queue.count, 2);
  t.end();
});

t.test(
  'S3Fifo looks at what is read now once or twice, however long the others are walked',
  (t) => {
    const slots = 4_000;
    const hits = counts(slots);
    const policy = new S3Fifo({ slots, hits, tinyBelow: 0 });
    for (let slot = 0; slot < slots; slot += 1) policy.insert(slot, 100, slot);
    hits.fill(3, 1_000); // the rest is popular, the oldest are read for long
    let looks = 0;
    for (let i = 0; i < 50; i += 1) {
      const victim = policy.victim((slot) => {
        if (slot < 1_000) looks += 1;
        return slot < 1_000;
      });
      t.ok(victim >= 1_000);
    }
    t.ok(looks <= 20_000, `${looks} looks at 1,000`);
    t.end();
  },
);
