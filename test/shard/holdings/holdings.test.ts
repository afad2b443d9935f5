import t from 'tap';
import { MIN_BLOCK_BYTES } from '../../../src/arena/layout.js';
import { NO_ENCODINGS, type Stored } from '../../../src/shard/holdings/entry.js';
import { Holdings } from '../../../src/shard/holdings/holdings.js';
import { viewOf } from '../../support/arena.js';
import { testConfig } from '../../support/shard.js';
import { describedAs } from '../../support/descriptor.js';

const BLOCKS = 64;
const BYTES = BLOCKS * MIN_BLOCK_BYTES;

class HoldingsBench {
  readonly counted = new Map<string, number>();
  readonly holdings: Holdings;

  constructor() {
    this.holdings = new Holdings({
      shard: 0,
      arena: viewOf(BYTES),
      config: testConfig({ compression: { enabled: true } }),
      clock: { now: () => 0 },
      metrics: {
        add: (name) => {
          this.counted.set(name, (this.counted.get(name) ?? 0) + 1);
        },
      },
    });
  }

  keep(key: string, facts: { bytes?: number; first?: number } = {}): Stored {
    const { bytes = 100, first } = facts;
    const { index, store } = this.holdings;
    const body = this.body(bytes);
    const { slot, generation, extents } = body;
    const status = first === undefined ? 200 : 206;
    const run = { firstByte: first ?? 0, storedBytes: bytes, totalBytes: first ? 1_000 : bytes };
    const stored: Stored = {
      entry: index.ensure(key),
      ...{ secondary: '', kind: 'other', body, encodings: NO_ENCODINGS, retryAtMs: 0 },
      originFields: [],
      descriptor: describedAs({ key, status, slot, generation, extents, codable: true, ...run }),
    };
    store.store(body, bytes, 1);
    this.holdings.add(stored);
    return stored;
  }

  code(stored: Stored, bytes: number): void {
    const body = this.body(bytes);
    this.holdings.store.store(body, bytes, 2);
    this.holdings.addCoding(stored, 'gzip', body);
  }

  body(bytes: number): Stored['body'] {
    const body = this.holdings.store.reserve(bytes);
    if (body === undefined) throw new Error('no room');
    return body;
  }
}

t.test('keep() puts a whole in the place of the whole and the parts before it', (t) => {
  const bench = new HoldingsBench();
  const part = bench.keep('/a', { first: 100 });
  const whole = bench.keep('/a');
  const next = bench.keep('/a', { bytes: 200 });
  const { index, store } = bench.holdings;
  t.same(
    [part, whole, next].map((stored) => index.isHeld(stored)),
    [false, false, true],
  );
  t.equal(store.count, 1);
  t.equal(index.get('/a')?.variants.get('')?.whole, next);
  t.end();
});

t.test('keep() lets parts lie beside each other', (t) => {
  const bench = new HoldingsBench();
  bench.keep('/a', { first: 100 });
  bench.keep('/a', { first: 300 });
  t.equal(bench.holdings.store.count, 2);
  t.end();
});

t.test('discard() gives back a response with its codings, once', (t) => {
  const bench = new HoldingsBench();
  const stored = bench.keep('/a', { bytes: 5_000 });
  bench.code(stored, 3_000);
  t.equal(bench.holdings.store.count, 2);
  bench.holdings.discard(stored);
  bench.holdings.discard(stored);
  t.equal(bench.holdings.store.takenBytes, 0);
  t.equal(bench.holdings.index.has('/a'), false);
  t.end();
});

t.test(
  'renew() voids what was handed out, and keeps codings unless they are forbidden now',
  (t) => {
    const bench = new HoldingsBench();
    const stored = bench.keep('/a.json', { bytes: 5_000 });
    const fields = [['content-type', 'application/json']] as const;
    stored.descriptor = { ...stored.descriptor, fields, contentType: 'application/json' };
    bench.code(stored, 3_000);
    const before = stored.descriptor;
    bench.holdings.renew(stored, { ...before, codable: true });
    t.not(stored.descriptor.generation, before.generation);
    t.not(stored.descriptor.encodings[0]?.generation, before.encodings[0]?.generation);
    t.equal(stored.descriptor.encodings.length, 1);
    bench.holdings.renew(stored, { ...stored.descriptor, codable: false });
    t.same(stored.descriptor.encodings, []);
    t.equal(bench.holdings.store.count, 1);
    t.end();
  },
);

t.test(
  'what is taken for room is forgotten: a coding alone, or a response with all its codings',
  (t) => {
    const bench = new HoldingsBench();
    const stored = bench.keep('/a', { bytes: 5_000 });
    bench.code(stored, 3_000);
    const coding = stored.descriptor.encodings[0]?.slot ?? -1;
    t.ok(bench.holdings.store.clear(coding));
    t.same(stored.descriptor.encodings, []);
    t.ok(bench.holdings.index.isHeld(stored));
    bench.code(stored, 3_000);
    t.ok(bench.holdings.store.clear(stored.body.slot));
    t.notOk(bench.holdings.index.isHeld(stored));
    t.equal(bench.holdings.store.takenBytes, 0);
    t.equal(bench.counted.get('evictions'), 2);
    t.end();
  },
);

t.test('what is not resident is taken for room without being loaded', (t) => {
  const bench = new HoldingsBench();
  const { body } = bench.keep('/a', { bytes: 5_000 });
  bench.holdings.index.sweep();
  t.equal(bench.holdings.index.heapBytes, 0);
  t.ok(bench.holdings.store.clear(body.slot));
  t.equal(bench.holdings.store.takenBytes, 0);
  t.equal(bench.holdings.index.has('/a'), false);
  t.end();
});

t.test('room for metadata does not cost the coding that it names its place', (t) => {
  const bench = new HoldingsBench();
  const { index, store } = bench.holdings;
  const { arena } = store;
  const stored = bench.keep('/a', { bytes: 4_096 }); // fills its blocks
  bench.code(stored, 2_048);
  while (store.freeBytes > 0) bench.body(2_048); // nothing else can be evicted
  index.sweep();
  const again = index.get('/a')?.variants.get('')?.whole;
  if (again === undefined) t.equal(store.count, 0, 'both have gone');
  else {
    for (const { slot, generation } of again.descriptor.encodings) {
      t.equal(arena.generation(slot), generation, 'it is there');
    }
    bench.holdings.discard(again);
  }
  t.equal(store.count, 0);
  t.end();
});
