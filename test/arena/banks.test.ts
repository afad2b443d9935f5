import t from 'tap';
import { ArenaView } from '../../src/arena/arena.js';
import { voidShard } from '../../src/arena/banks.js';
import type { BuddyAllocator, Extent } from '../../src/arena/buddy.js';
import { Directory } from '../../src/arena/directory.js';
import { createPool, MIN_BLOCK_BYTES, NO_SLOT, NOBODY, type Pool } from '../../src/arena/layout.js';
import { hash32 } from '../../src/runtime/hash.js';
import { openBanks, metadataAs, writeMetadata } from '../support/arena.js';

const BLOCK = MIN_BLOCK_BYTES;
const BANK = 8 * BLOCK;

function poolOf(banks: number, shards: number): Pool {
  return createPool({ bytes: banks * BANK, shards, workers: 2, bankBytes: BANK });
}

const open = (pool: Pool, shard: number): ReturnType<typeof openBanks> =>
  openBanks(new ArenaView(pool, 0), shard);

/** Its slot. */
function objectIn(allocator: BuddyAllocator): number {
  const extents = allocator.allocate(BLOCK) ?? [];
  const slot = (extents[0]?.offset ?? NaN) / BLOCK;
  allocator.label(extents, slot);
  return slot;
}

t.test('shards begin with a bank each and take what nobody has', (t) => {
  const pool = poolOf(5, 2);
  const [one, other] = [open(pool, 0), open(pool, 1)];
  t.same([...pool.owners], [0, 1, NOBODY, NOBODY, NOBODY]);
  t.equal(one.banks.freeBytes, 3 * BANK);
  t.ok(one.banks.take());
  t.ok(other.banks.take());
  t.ok(one.banks.take());
  t.notOk(one.banks.take(), 'none is left');
  t.same([...pool.owners], [0, 1, 0, 1, 0]);
  t.same([one.allocator.sizeBytes, other.allocator.sizeBytes], [3 * BANK, 2 * BANK]);
  t.end();
});

t.test('extents of one shard lie in its banks alone, and never across two', (t) => {
  const pool = poolOf(6, 2);
  const [one, other] = [open(pool, 0), open(pool, 1)];
  for (let i = 0; i < 2; i += 1) for (const { banks } of [one, other]) banks.take();
  const banksOf = (extents: readonly Extent[]): number[] =>
    extents.map(({ offset, length }) => {
      const bank = Math.floor(offset / BANK);
      t.equal(Math.floor((offset + length - 1) / BANK), bank);
      return bank;
    });
  const ones = banksOf(one.allocator.allocate(3 * BANK) ?? []);
  const others = banksOf(other.allocator.allocate(3 * BANK) ?? []);
  t.same(
    ones.map((bank) => pool.owners[bank]),
    [0, 0, 0],
  );
  t.same(
    others.map((bank) => pool.owners[bank]),
    [1, 1, 1],
  );
  t.end();
});

t.test('a shard that comes back has its banks, empty, and nobody finds what lay there', (t) => {
  const pool = poolOf(3, 2);
  const lost = open(pool, 0);
  lost.banks.take();
  open(pool, 1);
  const reader = new ArenaView(pool, 1);
  const owner = new ArenaView(pool, 0);
  const generation = owner.bumpGeneration(0);
  lost.allocator.allocate(BANK + BLOCK);
  pool.books.mains[0] = 0;
  pool.books.homes[0] = 1;
  pool.books.metadataLengths[0] = 100;
  writeMetadata(owner, 64, metadataAs({ key: '/a' }));
  new Directory(owner, 0).publish(64);
  const directory = new Directory(reader, 0);
  t.ok(directory.protect('/a', hash32('/a')));
  reader.unprotect();

  voidShard(pool, 0);
  t.notOk(directory.protect('/a', hash32('/a')));
  t.notOk(reader.acquire(0, generation));
  const { allocator } = open(pool, 0);
  t.same([allocator.sizeBytes, allocator.freeBytes], [2 * BANK, 2 * BANK]);
  const { mains, homes, metadataLengths } = pool.books;
  t.same([mains[0], homes[0], metadataLengths[0]], [NO_SLOT, 0, 0]);
  t.same([...pool.owners], [0, 0, 1]);
  t.end();
});

t.test('a bank that is still read when its shard comes back waits for its readers', (t) => {
  const pool = poolOf(3, 1);
  const lost = open(pool, 0);
  const slot = objectIn(lost.allocator);
  lost.banks.take();
  const reader = new ArenaView(pool, 1);
  t.ok(slot < BANK / BLOCK, 'in the first bank');
  reader.pin(slot);
  voidShard(pool, 0);
  const { banks, allocator } = open(pool, 0);
  t.equal(allocator.sizeBytes, BANK);
  t.same(allocator.allocate(BANK)?.[0], { offset: BANK, length: BANK }, 'the second');
  banks.tick();
  t.equal(allocator.sizeBytes, BANK);
  reader.release(slot);
  banks.tick();
  t.equal(allocator.sizeBytes, 2 * BANK);
  t.same(allocator.allocate(BANK)?.[0], { offset: 0, length: BANK });
  t.end();
});

t.test(
  'what lies in several banks is read in all of them, however often its shard is lost',
  (t) => {
    const pool = poolOf(3, 1);
    const lost = open(pool, 0);
    lost.banks.take();
    lost.banks.take();
    const extents = lost.allocator.allocate(2 * BANK) ?? [];
    const slot = (extents[0]?.offset ?? 0) / BLOCK;
    lost.allocator.label(extents, slot);
    const banks = extents.map(({ offset }) => Math.floor(offset / BANK));
    t.equal(new Set(banks).size, 2);
    const reader = new ArenaView(pool, 1);
    reader.pin(slot);
    for (let i = 0; i < 2; i += 1) {
      voidShard(pool, 0);
      t.equal(open(pool, 0).allocator.sizeBytes, BANK, 'the third alone');
    }
    voidShard(pool, 0);
    const successor = open(pool, 0);
    reader.release(slot);
    successor.banks.tick();
    t.equal(successor.allocator.freeBytes, 3 * BANK);
    t.end();
  },
);

t.test('a shard all of whose banks are read takes one that nobody has', (t) => {
  const pool = poolOf(2, 1);
  new ArenaView(pool, 1).pin(objectIn(open(pool, 0).allocator));
  voidShard(pool, 0);
  const { allocator } = open(pool, 0);
  t.same(allocator.allocate(BANK)?.[0], { offset: BANK, length: BANK });
  t.equal(allocator.allocate(1), undefined);
  t.end();
});
