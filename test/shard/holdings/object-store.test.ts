import t from 'tap';
import type { ArenaView } from '../../../src/arena/arena.js';
import { Directory } from '../../../src/arena/directory.js';
import { MIN_BLOCK_BYTES } from '../../../src/arena/layout.js';
import { hash32 } from '../../../src/runtime/hash.js';
import type { Body, ObjectStore } from '../../../src/shard/holdings/object-store.js';
import type { MetadataStore } from '../../../src/shard/holdings/metadata-store.js';
import { storeOf as openStore, metadataAs, viewsOf } from '../../support/arena.js';

const BLOCK = MIN_BLOCK_BYTES;

/** What a shard knows: whose body lies where. */
const bodies = new WeakMap<ObjectStore, Map<number, Body>>();

function storeOf(blocks: number): {
  store: ObjectStore;
  metadata: MetadataStore;
  evicted: Body[];
  reader: ArenaView;
} {
  const [arena, reader] = viewsOf(blocks * BLOCK, 2) as [ArenaView, ArenaView];
  const evicted: Body[] = [];
  const { store, metadata } = openStore(arena, (slot) => {
    const body = held.get(slot);
    if (body !== undefined) evicted.push(body);
    return body;
  });
  const held = new Map<number, Body>();
  bodies.set(store, held);
  return { store, metadata, evicted, reader };
}

function stored(store: ObjectStore, bytes: number, hash = bytes): Body {
  const body = store.reserve(bytes);
  if (body === undefined) throw new Error('no room');
  store.store(body, bytes, hash);
  bodies.get(store)?.set(body.slot, body);
  return body;
}

t.test('ObjectStore hands out slots under generations that were never seen', (t) => {
  const { store, reader } = storeOf(4);
  const seen = new Set<string>();
  for (let i = 0; i < 50; i += 1) {
    const body = stored(store, BLOCK);
    const name = `${body.slot}:${body.generation}`;
    t.notOk(seen.has(name), name);
    seen.add(name);
    t.ok(reader.acquire(body.slot, body.generation));
    reader.release(body.slot);
    t.equal(reader.written(body.slot), 0);
    store.discard(body);
    t.notOk(reader.acquire(body.slot, body.generation));
  }
  t.equal(store.freeBytes, 4 * BLOCK);
  t.same([store.count, store.storedBytes, store.retiredCount], [0, 0, 0]);
  t.end();
});

t.test('ObjectStore evicts for room, and says whom', (t) => {
  const { store, evicted } = storeOf(4);
  const four = Array.from({ length: 4 }, (_, i) => stored(store, BLOCK, i));
  stored(store, 2 * BLOCK);
  t.ok(evicted.length >= 2);
  for (const body of evicted) t.ok(four.includes(body));
  t.equal(store.count, 4 - evicted.length + 1);
  t.equal(store.evictions, evicted.length);
  t.end();
});

t.test(
  'ObjectStore keeps the bytes of what is being read, and frees them when readers have left',
  (t) => {
    const { store, evicted, reader } = storeOf(4);
    const body = stored(store, 2 * BLOCK);
    t.ok(reader.acquire(body.slot, body.generation));
    store.discard(body);
    t.equal(store.retiredCount, 1);
    t.equal(store.freeBytes, 2 * BLOCK);
    store.reclaim();
    t.equal(store.retiredCount, 1, 'still read');
    t.equal(store.reserve(3 * BLOCK), undefined);
    reader.release(body.slot);
    const next = store.reserve(3 * BLOCK);
    t.ok(next, 'room is found without waiting for the next reclaim');
    t.equal(evicted.length, 0);
    t.end();
  },
);

t.test('ObjectStore does not evict what is being read or filled', (t) => {
  const { store, reader } = storeOf(4);
  const read = stored(store, 2 * BLOCK);
  reader.acquire(read.slot, read.generation);
  const filling = store.reserve(2 * BLOCK);
  t.ok(filling);
  t.equal(store.reserve(BLOCK), undefined);
  if (filling !== undefined) store.release(filling);
  t.ok(store.reserve(BLOCK));
  t.end();
});

t.test('ObjectStore gives back all it tried when there is no room', (t) => {
  const { store, reader } = storeOf(4);
  const read = stored(store, 3 * BLOCK);
  reader.acquire(read.slot, read.generation);
  for (let i = 0; i < 20; i += 1) t.equal(store.reserve(2 * BLOCK), undefined);
  t.equal(store.freeBytes, BLOCK);
  t.ok(store.reserve(BLOCK), 'slots are left, too');
  t.end();
});

t.test('ObjectStore grows a body and cuts it to what was written', (t) => {
  const { store } = storeOf(16);
  const body = store.reserve(BLOCK);
  if (body === undefined) throw new Error('no room');
  t.ok(store.grow(body, 4 * BLOCK));
  t.ok(body.bytes >= 5 * BLOCK);
  store.store(body, 2 * BLOCK + 1, 1);
  t.equal(body.bytes, 2 * BLOCK + 1);
  t.equal(store.freeBytes, 13 * BLOCK);
  t.equal(store.storedBytes, 2 * BLOCK + 1);
  t.notOk(store.grow(store.reserve(BLOCK) ?? body, 100 * BLOCK));
  t.end();
});

t.test('ObjectStore holds empty bodies, which take a block', (t) => {
  const { store, reader } = storeOf(4);
  const four = Array.from({ length: 4 }, (_, i) => stored(store, 0, i));
  t.equal(store.freeBytes, 0);
  for (const { slot, generation } of four) t.ok(reader.acquire(slot, generation));
  t.equal(store.reserve(0), undefined, 'all are read');
  for (const { slot } of four) reader.release(slot);
  t.ok(store.reserve(0), 'one was evicted');
  t.end();
});

t.test('ObjectStore.renew() voids what was handed out and keeps the bytes', (t) => {
  const { store, reader } = storeOf(4);
  const body = stored(store, BLOCK);
  const before = body.generation;
  store.renew(body);
  t.notOk(reader.acquire(body.slot, before));
  t.ok(reader.acquire(body.slot, body.generation));
  reader.release(body.slot);
  t.equal(store.count, 1);
  store.discard(body);
  t.equal(store.freeBytes, 4 * BLOCK);
  t.end();
});

t.test('ObjectStore leaves alone the bytes and the text of what a hit is reading', (t) => {
  const { store, metadata, reader } = storeOf(4);
  const directory = new Directory(reader, 0);
  const hash = hash32('/v/1.m4s');
  const fieldsRead = (): string => directory.metadata.fields;
  const body = store.reserve(100, 200);
  if (body === undefined) throw new Error('no room');
  store.store(body, 100, 1, 200);
  t.ok(metadata.put(metadataAs({ key: '/v/1.m4s', fields: 'x: old', places: [body] })));
  t.ok(directory.protect('/v/1.m4s', hash));
  t.equal(fieldsRead(), 'x: old');
  store.renew(body);
  t.equal(fieldsRead(), 'x: old', 'as long as it is read');
  t.ok(metadata.isRead(body.slot));
  t.notOk(new Directory(store.arena, 0).protect('/v/1.m4s', hash), 'and nobody else finds it');
  store.discard(body);
  t.equal(store.retiredCount, 1, 'also once it was renewed and has gone');
  t.equal(store.freeBytes, 3 * BLOCK);
  reader.unprotect();
  store.reclaim();
  t.equal(store.freeBytes, 4 * BLOCK);
  t.equal(metadata.bytes, 0);
  t.end();
});

t.test('ObjectStore.untilReclaim() resolves at the next reclaim', async (t) => {
  const { store } = storeOf(4);
  const waiting = Promise.all([store.untilReclaim(), store.untilReclaim()]);
  store.reclaim();
  await waiting;
  t.pass();
});

t.test('a fill that finds no room does not wake those who wait for it', async (t) => {
  const { store, reader } = storeOf(4);
  const read = stored(store, 2 * BLOCK);
  reader.acquire(read.slot, read.generation);
  store.discard(read); // retired, and still read
  let woken = false;
  void store.untilReclaim().then(() => {
    woken = true;
  });
  t.equal(store.reserve(4 * BLOCK), undefined);
  await new Promise(setImmediate);
  t.equal(woken, false, 'or two of them would wake each other for ever');
  store.reclaim();
  await new Promise(setImmediate);
  t.equal(woken, true);
});

t.test('ObjectStore evicts nobody for what cannot fit', (t) => {
  const { store, evicted } = storeOf(64);
  for (let i = 0; i < 32; i += 1) stored(store, 2 * BLOCK, i);
  t.equal(store.reserve(65 * BLOCK), undefined, 'larger than the arena');
  t.equal(evicted.length, 0);
  const filling = store.reserve(0);
  t.ok(filling, 'a fill takes the place of one');
  const before = evicted.length;
  t.equal(store.reserve(64 * BLOCK), undefined, 'larger than what may be evicted');
  t.equal(evicted.length, before);
  t.end();
});

t.test('ObjectStore evicts for one answer about twice its bytes at most', (t) => {
  const blocks = 512;
  const { store, evicted, reader } = storeOf(blocks);
  const bodies = Array.from({ length: blocks }, (_, i) => stored(store, BLOCK, i));
  // Every fourth is being read, so that no piece of more than three blocks comes free.
  for (const { slot, generation } of bodies.filter((_, i) => i % 4 === 0)) {
    reader.acquire(slot, generation);
  }
  t.equal(store.reserve(100 * BLOCK), undefined, 'pieces of it would be too many');
  t.ok(evicted.length <= 2 * 100 + blocks / 64, `${evicted.length} evicted in vain`);
  t.ok(store.count >= blocks - 210);
  const freed = evicted.length;
  t.ok(store.reserve(20 * BLOCK), 'what was freed is of use for the next');
  t.equal(evicted.length, freed);
  t.end();
});
