import t from 'tap';
import { bankBytesOf, createPool, MIN_BLOCK_BYTES, slotsOf } from '../../src/arena/layout.js';

const MIB = 1_048_576;
const GIB = 1_024 * MIB;

t.test('createPool() cuts all of the memory into banks, the last one as short as need be', (t) => {
  const rows = [
    [MIB, 1, 1],
    [64 * MIB, 16, 64],
    [5 * MIB + 12_345, 3, 6],
    [4_096, 1, 1],
    [1, 1, 1],
  ] as const;
  for (const [bytes, shards, banks] of rows) {
    const pool = createPool({ bytes, shards, workers: 2 });
    const why = `${bytes} bytes, ${shards} shards`;
    const blocks = Math.max(1, Math.floor(bytes / MIN_BLOCK_BYTES));
    t.equal(pool.slots, blocks, why);
    t.equal(pool.banks.length, banks, why);
    const sum = pool.banks.reduce((all, { length }) => all + length, 0);
    t.equal(sum, blocks * MIN_BLOCK_BYTES, why);
    t.ok(pool.banks.length >= shards || bytes < MIB, 'one for each shard at least');
    const [from, to] = slotsOf(pool, banks - 1);
    t.equal((to - from) * MIN_BLOCK_BYTES, pool.banks.at(-1)?.length, why);
    t.ok(pool.tables.length === shards && pool.pins.length === 2, why);
  }
  t.end();
});

t.test('bankBytesOf() gives 1 to 64 MiB, and every shard some', (t) => {
  const rows = [
    [GIB, 16, 16 * MIB],
    [GIB, 1, 64 * MIB],
    [64 * GIB, 16, 64 * MIB],
    [4_096 * GIB, 64, 64 * MIB],
    [64 * MIB, 16, MIB],
    [8 * MIB, 16, MIB / 2],
    [100 * MIB, 16, MIB],
    [MIB, 64, 16_384],
    [1, 1, MIN_BLOCK_BYTES],
  ] as const;
  for (const [bytes, shards, want] of rows) {
    t.equal(bankBytesOf(bytes, shards), want, `${bytes} bytes, ${shards} shards`);
  }
  t.end();
});
