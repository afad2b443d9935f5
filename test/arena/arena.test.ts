import t, { type Test } from 'tap';
import { ArenaView } from '../../src/arena/arena.js';
import { RECORD } from '../../src/arena/layout.js';
import { clearPins } from '../../src/arena/pins.js';
import { smallPool, viewsOf, wholeOf } from '../support/arena.js';
import { startReaders } from '../support/racing-readers.js';

const BLOCK = 4_096;

function views(t: Test, workers = 2, blocks = 16): ArenaView[] {
  t.ok(workers > 0);
  return viewsOf(blocks * BLOCK, workers);
}

t.test('acquire() pins a slot of that generation alone', (t) => {
  const [owner, reader] = views(t) as [ArenaView, ArenaView];
  const generation = owner.bumpGeneration(3);
  t.ok(reader.acquire(3, generation));
  t.ok(reader.acquire(3, generation), 'any number of times');
  t.ok(owner.acquire(3, generation));
  t.equal(owner.leases(3), 3, 'of all workers');
  t.equal(owner.leases(4), 0);
  const next = owner.bumpGeneration(3);
  t.equal(next, generation + 1);
  t.notOk(reader.acquire(3, generation), 'the old one is gone');
  t.equal(owner.leases(3), 3, 'and the attempt leaves no lease');
  for (const view of [reader, reader, owner]) view.release(3);
  t.equal(owner.leases(3), 0);
  t.ok(reader.acquire(3, next));
  t.end();
});

t.test('generations go on past the largest 32-bit number', (t) => {
  const [owner, reader] = views(t) as [ArenaView, ArenaView];
  owner.pool.records[RECORD.generation] = 0x7f_ff_ff_ff;
  const wrapped = owner.bumpGeneration(0);
  t.equal(wrapped, -0x80_00_00_00);
  t.ok(reader.acquire(0, wrapped));
  t.notOk(reader.acquire(0, 0x7f_ff_ff_ff));
  t.end();
});

t.test('a protected slot counts as leased until it is no longer, and only one is', (t) => {
  const [owner, first, second] = views(t, 3) as [ArenaView, ArenaView, ArenaView];
  const [three, four] = [owner.bumpGeneration(3), owner.bumpGeneration(4)];
  t.ok(first.protect(3, three));
  t.ok(second.protect(3, three));
  t.same([owner.leases(3), owner.leases(4)], [2, 0]);
  second.unprotect();
  t.ok(second.protect(4, four));
  t.same([owner.leases(3), owner.leases(4)], [1, 1]);
  second.unprotect();
  t.notOk(second.protect(4, four - 1), 'a generation that has passed');
  t.equal(owner.leases(4), 0, 'and the attempt leaves nothing');
  first.unprotect();
  t.equal(owner.leases(3), 0);
  t.ok(first.protect(0, owner.bumpGeneration(0)), 'the first slot has a mark of its own');
  t.equal(owner.leases(0), 1);
  clearPins(owner.pool, 1);
  t.equal(owner.leases(0), 0, 'void with its worker');
  t.end();
});

t.test('clearPins() voids the pins of one worker alone', (t) => {
  const [owner, first, second] = views(t, 3) as [ArenaView, ArenaView, ArenaView];
  const { slots } = owner.pool;
  for (const slot of [0, slots - 1]) {
    const generation = owner.bumpGeneration(slot);
    for (const view of [first, first, second]) view.acquire(slot, generation);
  }
  clearPins(owner.pool, 1);
  t.same([owner.leases(0), owner.leases(slots - 1)], [1, 1]);
  t.end();
});

t.test('touch() counts visits to three', (t) => {
  const [owner, reader] = views(t) as [ArenaView, ArenaView];
  for (const want of [1, 2, 3, 3]) {
    reader.touch(5);
    t.equal(owner.hits[5], want);
  }
  t.equal(owner.hits[6], 0);
  t.end();
});

t.test('write() and view() carry a body over its extents, whatever the cuts', (t) => {
  const [owner, reader] = views(t) as [ArenaView, ArenaView];
  const extents = [
    { offset: 8 * BLOCK, length: 2 * BLOCK },
    { offset: 0, length: BLOCK },
    { offset: 4 * BLOCK, length: BLOCK },
  ];
  const body = Buffer.alloc(4 * BLOCK, 'abcdefghijk');
  for (const cut of [7, 100, BLOCK - 1, BLOCK, 3 * BLOCK + 7, 4 * BLOCK]) {
    wholeOf(owner).fill(0);
    for (let at = 0; at < body.length; at += cut) {
      owner.write(extents, at, body.subarray(at, at + cut));
    }
    const read = Buffer.alloc(body.length);
    for (let at = 0; at < read.length;) {
      const piece = reader.view(extents, at, cut);
      if (piece.length === 0 || piece.length > cut)
        throw new RangeError(`${piece.length} at ${at}`);
      read.set(piece, at);
      at += piece.length;
    }
    t.ok(read.equals(body), `in pieces of ${cut}`);
  }
  t.equal(reader.view(extents, 4 * BLOCK, 10).length, 0, 'nothing lies behind the end');
  t.throws(() => {
    owner.write(extents, 4 * BLOCK - 1, Buffer.from('ab'));
  }, RangeError);
  t.end();
});

t.test('write() takes an empty chunk anywhere, as origins may send one', (t) => {
  const [owner] = views(t) as [ArenaView];
  const nothing = new Uint8Array(0);
  owner.write([], 0, nothing);
  owner.write([{ offset: 0, length: BLOCK }], BLOCK, nothing);
  t.pass();
  t.end();
});

t.test('a lease is never held on a slot that is reused, under threads that race', async (t) => {
  const slots = 8;
  const pool = smallPool(slots * BLOCK, 3);
  const owner = new ArenaView(pool, 0);
  const current = new SharedArrayBuffer(slots * 4);
  const generations = new Int32Array(current);
  const file = new URL('./threads/lease-reader.js', import.meta.url);
  const readers = await startReaders(t, file, 2, { pool, current, slots });
  let reuses = 0;
  let held = 0;
  const untilMs = Date.now() + 100;
  while (Date.now() < untilMs || reuses < 1_000) {
    for (let slot = 0; slot < slots; slot += 1) {
      // As an owner does: void the descriptors, and reuse the bytes only when nobody reads.
      owner.bumpGeneration(slot);
      if (owner.leases(slot) > 0) {
        held += 1;
        while (owner.leases(slot) > 0);
      }
      const generation = owner.bumpGeneration(slot);
      owner.bytes(slot * BLOCK, BLOCK).fill(generation & 0xff);
      Atomics.store(generations, slot, generation);
      reuses += 1;
    }
  }
  await readers.stop(t);
  t.ok(held > 0, `${held} of ${reuses} reuses had to wait for readers`);
  for (let slot = 0; slot < slots; slot += 1) t.equal(owner.leases(slot), 0, 'all given back');
});

t.test('ArenaView.written() of more than a cell holds is as much as it holds', (t) => {
  const [arena] = views(t, 1) as [ArenaView];
  for (const bytes of [0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
    arena.publishWritten(0, bytes);
    t.equal(arena.written(0), bytes);
  }
  arena.publishWritten(0, 2 ** 33);
  t.equal(arena.written(0), 2 ** 32 - 1);
  t.end();
});
