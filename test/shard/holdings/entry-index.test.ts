import t from 'tap';
import { ownedCopy } from '../../../src/runtime/bytes.js';
import { createBooks, MIN_BLOCK_BYTES } from '../../../src/arena/layout.js';
import { EntryIndex } from '../../../src/shard/holdings/entry-index.js';
import {
  NO_ENCODINGS,
  placeStored,
  type Stored,
  storedIn,
  unlink,
} from '../../../src/shard/holdings/entry.js';
import type { ObjectStore } from '../../../src/shard/holdings/object-store.js';
import type { MetadataStore } from '../../../src/shard/holdings/metadata-store.js';
import { storeOf, viewOf, wholeOf } from '../../support/arena.js';
import { describedAs } from '../../support/descriptor.js';

const SLOTS = 1_024;
const ARENA_BYTES = SLOTS * MIN_BLOCK_BYTES;

class IndexBench {
  readonly store: ObjectStore;
  readonly metadata: MetadataStore;
  readonly index: EntryIndex;
  readonly arena = viewOf(ARENA_BYTES);
  readonly givenUp: string[] = [];

  constructor() {
    const { arena } = this;
    const { store, metadata } = storeOf(arena, (slot) => {
      const stored = this.index.ownerOf(slot);
      if (stored !== undefined) this.#leave(stored);
      return stored?.body;
    });
    this.store = store;
    this.metadata = metadata;
    this.index = new EntryIndex({
      ...{ shard: 0, books: arena.pool.books, share: SLOTS, hits: arena.hits, residentBytes: 1e9 },
      metadata,
      giveUp: (stored) => {
        this.givenUp.push(stored.secondary);
        this.discard(stored);
      },
    });
  }

  keep(key: string, facts: { secondary?: string; vary?: string[]; bytes?: number } = {}): Stored {
    const { secondary = '', vary = [], bytes = 100 } = facts;
    const entry = this.index.ensure(key);
    entry.vary = vary;
    const body = this.store.reserve(bytes);
    if (body === undefined) throw new Error('no room');
    this.store.store(body, bytes, 1);
    const { slot, generation, extents } = body;
    const placed = { key, slot, generation, extents, secondary, vary };
    const stored: Stored = {
      ...{ entry, secondary, kind: 'segment', body, encodings: NO_ENCODINGS, retryAtMs: 0 },
      originFields: [['content-type', 'video/iso.segment']],
      descriptor: describedAs({ ...placed, storedBytes: bytes, totalBytes: bytes }),
    };
    this.index.own(slot, stored);
    for (const replaced of placeStored(stored)) this.discard(replaced);
    return stored;
  }

  readonly discard = (stored: Stored): void => {
    if (!this.index.isHeld(stored)) return;
    this.#leave(stored);
    this.store.discard(stored.body);
  };

  keys(): string[] {
    return [...this.index.walk(() => true)].flatMap((entry) => entry?.key ?? []).sort();
  }

  #leave(stored: Stored): void {
    unlink(stored);
    this.index.own(stored.body.slot, undefined);
    this.index.dropIfEmpty(stored.entry);
  }
}

t.test('EntryIndex unloads what nothing happens to, and loads it as it was', (t) => {
  const bench = new IndexBench();
  const { index } = bench;
  t.equal(index.get('/v/1.m4s'), undefined);
  const stored = bench.keep('/v/1.m4s');
  const { slot } = stored.body;
  t.equal(index.get('/v/1.m4s'), stored.entry, 'resident until the tick');
  t.ok(index.heapBytes > 0);
  index.sweep();
  t.equal(index.heapBytes, 0, 'nothing of it is on the heap');
  t.same([index.count, index.responses], [1, 1]);
  t.ok(index.has('/v/1.m4s'));
  t.notOk(index.isHeld(stored), 'what was unloaded is another object when it is loaded');
  const loaded = index.get('/v/1.m4s');
  t.not(loaded, stored.entry);
  const whole = loaded?.variants.get('')?.whole;
  t.same(whole?.descriptor, stored.descriptor);
  t.same(whole?.body, stored.body);
  t.equal(index.get('/v/1.m4s'), loaded, 'and stays so until the next');
  t.equal(index.ownerOf(slot), whole);
  t.ok(whole !== undefined && index.isHeld(whole));
  index.sweep();
  t.not(index.ownerOf(slot), whole, 'asleep again; found by its slot as well');
  t.same(index.get('/v/1.m4s')?.variants.get('')?.whole?.body, stored.body);
  t.end();
});

t.test('EntryIndex loads the variant that is asked for, and only that', (t) => {
  const bench = new IndexBench();
  const { index } = bench;
  const vary = ['accept-language'];
  const languages = ['=en', '=fr', '=de'].map((value) => `accept-language${value}`);
  for (const secondary of languages) bench.keep('/v/a.json', { secondary, vary });
  bench.keep('/v/b.json');
  index.sweep();
  t.same([index.count, index.responses, index.heapBytes], [2, 4, 0]);
  const entry = index.get('/v/a.json');
  t.same(entry?.vary, vary, 'its rule comes with the key');
  t.equal(entry?.variants.get('accept-language=it'), undefined);
  t.equal(entry?.variants.resident().length, 0);
  t.equal(entry?.variants.get(languages[1] ?? '')?.whole?.secondary, languages[1]);
  t.equal(entry?.variants.resident().length, 1);
  t.same(
    entry?.variants
      .values()
      .map(({ whole }) => whole?.secondary)
      .sort(),
    [...languages].sort(),
    'or all, where all are wanted',
  );
  t.end();
});

t.test('EntryIndex.ownerOf() loads a variant into the entry that is resident already', (t) => {
  const bench = new IndexBench();
  const { index } = bench;
  const vary = ['x'];
  const slots = ['a', 'b'].map((secondary) => {
    return bench.keep('/v/1', { secondary, vary }).body.slot;
  });
  index.sweep();
  const entry = index.get('/v/1');
  t.equal(entry?.variants.get('a')?.whole?.body.slot, slots[0]);
  const other = index.ownerOf(slots[1] ?? -1);
  t.equal(other?.entry, entry);
  t.equal(entry?.variants.get('b')?.whole, other);
  t.end();
});

t.test('EntryIndex keeps metadata that still holds, and writes anew what has changed', (t) => {
  const bench = new IndexBench();
  const { index } = bench;
  const { slot } = bench.keep('/v/1.m4s').body;
  index.sweep();
  const loaded = index.ownerOf(slot);
  if (loaded === undefined) throw new Error('gone');
  loaded.retryAtMs = 17;
  index.sweep();
  t.equal(index.ownerOf(slot)?.retryAtMs, 17);
  index.sweep();
  const before = ownedCopy(wholeOf(bench.arena));
  t.ok(index.ownerOf(slot));
  index.sweep();
  t.same(Buffer.compare(wholeOf(bench.arena), before), 0, 'looked at, and not written');
  t.end();
});

t.test('EntryIndex gives a long text a piece of its own, and gives that back', (t) => {
  const bench = new IndexBench();
  const { index, store } = bench;
  const key = `/v/1.m4s?${'x'.repeat(8_000)}`;
  bench.keep(key);
  index.sweep();
  t.ok(store.takenBytes >= MIN_BLOCK_BYTES + 8_000);
  t.ok(index.metadataBytes > 8_000);
  const stored = index.get(key)?.variants.get('')?.whole;
  if (stored === undefined) throw new Error('gone');
  bench.discard(stored);
  t.same([store.takenBytes, index.metadataBytes, index.count, index.heapBytes], [0, 0, 0, 0]);
  t.end();
});

t.test('EntryIndex tells keys apart by every byte, whatever their digests are', (t) => {
  const bench = new IndexBench();
  const keys = Array.from({ length: 200 }, (_, i) => `/v/${'é'.repeat(50)}${i}.m4s`);
  for (const key of keys) bench.keep(key);
  bench.index.sweep();
  for (const key of keys) t.equal(bench.index.get(key)?.key, key);
  t.equal(bench.index.get('/v/1.m4s'), undefined);
  t.end();
});

t.test('EntryIndex gives up the oldest of too many variants that nobody looked at', (t) => {
  const bench = new IndexBench();
  const vary = ['user-agent'];
  const add = (i: number): Stored => bench.keep('/v/1', { secondary: `=${i}`, vary });
  const [first] = Array.from({ length: 128 }, (_, i) => add(i));
  t.same(bench.givenUp, []);
  bench.arena.touch(first?.body.slot ?? -1);
  bench.index.sweep();
  for (let i = 128; i < 228; i += 1) {
    add(i);
    if (i % 7 === 0) bench.index.sweep();
  }
  t.equal(bench.index.responses, 128);
  t.equal(bench.store.count, 128);
  t.equal(bench.givenUp[0], '=1', 'the oldest was looked at');
  t.ok(bench.index.get('/v/1')?.variants.get('=227'), 'the newest stays');
  t.end();
});

t.test('EntryIndex leaves resident what is held on to, and looks at it again', (t) => {
  const bench = new IndexBench();
  const stored = bench.keep('/v/1.m4s');
  stored.descriptor = { ...stored.descriptor, cached: false };
  bench.index.sweep();
  t.ok(bench.index.isHeld(stored));
  stored.descriptor = { ...stored.descriptor, cached: true };
  bench.index.sweep();
  t.notOk(bench.index.isHeld(stored));
  t.end();
});

t.test(
  'EntryIndex.takeUnloaded() forgets what is not resident without loading it, and nothing else',
  (t) => {
    const bench = new IndexBench();
    const { index, store, metadata } = bench;
    const alone = bench.keep('/alone');
    const varied = bench.keep('/varied', { secondary: 'a', vary: ['x'] });
    bench.keep('/varied', { secondary: 'b', vary: ['x'] });
    const { slot, extents } = alone.body;
    t.equal(index.takeUnloaded(slot), undefined, 'it is resident');
    index.sweep();
    const [body, ...codings] = index.takeUnloaded(slot) ?? [];
    t.match(body, { slot, extents: extents.map((extent) => ({ ...extent })) });
    t.same(codings, []);
    t.equal(index.ownerOf(slot), undefined);
    t.equal(index.get('/alone'), undefined);
    t.equal(index.responses, 2);
    t.equal(index.takeUnloaded(slot), undefined, 'only once');
    if (body !== undefined) store.discard(body);
    t.ok(index.takeUnloaded(varied.body.slot), 'the first of several');
    t.equal(index.get('/varied')?.variants.get('b')?.whole?.secondary, 'b');
    t.equal(index.get('/varied')?.variants.get('a'), undefined);
    t.ok(metadata.bytes > 0);
    t.end();
  },
);

t.test('EntryIndex forgets what is empty', (t) => {
  const { index } = new IndexBench();
  const entry = index.ensure('/v/1.m4s');
  t.same([index.count, index.has('/v/1.m4s')], [1, true]);
  index.dropIfEmpty(entry);
  t.same([index.count, index.has('/v/1.m4s'), index.heapBytes], [0, false, 0]);
  index.dropIfEmpty(entry);
  t.equal(index.heapBytes, 0, 'once');
  t.end();
});

t.test('EntryIndex unloads at once when too much is resident', async (t) => {
  const bench = new IndexBench();
  const index = new EntryIndex({
    ...{ shard: 0, books: createBooks(SLOTS), share: SLOTS, residentBytes: 10_000 },
    hits: bench.arena.hits,
    metadata: bench.metadata,
    giveUp: () => undefined,
  });
  for (let i = 0; i < 20; i += 1) index.ensure(`/v/${i}`);
  t.equal(index.count, 20, 'not within the turn that holds them');
  await new Promise(setImmediate);
  t.same([index.count, index.heapBytes], [0, 0]);
});

t.test(
  'EntryIndex.walk() comes to what is resident and what is not, and past what goes meanwhile',
  (t) => {
    const bench = new IndexBench();
    const keys = Array.from({ length: 50 }, (_, i) => `/v/${i}.m4s`);
    for (const key of keys) bench.keep(key);
    bench.index.sweep();
    bench.keep('/w/1.m4s');
    t.same(bench.keys(), [...keys, '/w/1.m4s'].sort());
    const seen: string[] = [];
    for (const entry of bench.index.walk((key) => key.startsWith('/v/'))) {
      if (entry === undefined) continue;
      seen.push(entry.key);
      for (const variant of entry.variants.values()) storedIn(variant).forEach(bench.discard);
    }
    t.same(seen.sort(), [...keys].sort());
    t.same(bench.keys(), ['/w/1.m4s']);
    t.equal(bench.index.count, 1);
    t.end();
  },
);
