import t from 'tap';
import { ArenaView } from '../../../src/arena/arena.js';
import type { Banks } from '../../../src/arena/banks.js';
import { createPool, MIN_BLOCK_BYTES, NOBODY, type Pool } from '../../../src/arena/layout.js';
import { type Body, ObjectStore } from '../../../src/shard/holdings/object-store.js';
import { Rebalance } from '../../../src/shard/holdings/rebalance.js';
import { openBanks, openStore } from '../../support/arena.js';

const BLOCK = MIN_BLOCK_BYTES;
const BANK_BLOCKS = 64;
const TICK_MS = 100;

/** One shard of a pool, which knows whose body lies where. */
class ShardBench {
  readonly bodies = new Map<number, Body>();
  readonly banks: Banks;
  readonly store: ObjectStore;
  readonly rebalance: Rebalance;
  readonly arena: ArenaView;
  moved = 0;

  constructor(pool: Pool, shard: number, now: () => number) {
    this.arena = new ArenaView(pool, 0);
    const { allocator, banks } = openBanks(this.arena, shard);
    this.banks = banks;
    const { store } = openStore(this.arena, {
      ...{ shard, allocator, banks, now },
      onEvicted: (slot) => {
        const body = this.bodies.get(slot);
        this.bodies.delete(slot);
        return body;
      },
    });
    this.store = store;
    this.rebalance = new Rebalance({
      ...{ allocator, banks: this.banks, store: this.store, now },
      onMoved: () => {
        this.moved += 1;
      },
    });
  }

  keep(blocks: number): Body | undefined {
    const body = this.store.reserve(blocks * BLOCK);
    if (body === undefined) return undefined;
    this.store.store(body, blocks * BLOCK, body.generation);
    this.bodies.set(body.slot, body);
    return body;
  }
}

class NodeBench {
  nowMs = 1_000;
  readonly pool: Pool;
  readonly shards: readonly ShardBench[];

  constructor(banks: number, shards: number) {
    const bankBytes = BANK_BLOCKS * BLOCK;
    this.pool = createPool({ bytes: banks * bankBytes, shards, workers: 2, bankBytes });
    this.shards = Array.from({ length: shards }, (_, shard) => {
      return new ShardBench(this.pool, shard, () => this.nowMs);
    });
  }

  at(shard: number): ShardBench {
    const { [shard]: bench } = this.shards;
    if (bench === undefined) throw new RangeError(`no shard ${shard}`);
    return bench;
  }

  /** Some time passes, in which `each` happens between ticks. */
  pass(ms: number, each: () => void): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += TICK_MS) {
      each();
      for (const { store, rebalance } of this.shards) {
        store.reclaim();
        rebalance.tick();
      }
    }
  }

  banksOf(): number[] {
    return this.shards.map((_, shard) => this.pool.owners.filter((one) => one === shard).length);
  }
}

/** Two shards, half of the memory each, all of it stored in; then one goes on. */
function unequal(): NodeBench {
  const bench = new NodeBench(16, 2);
  for (let i = 0; i < 8 * BANK_BLOCKS; i += 1) for (const shard of bench.shards) shard.keep(1);
  t.same(bench.banksOf(), [8, 8]);
  t.notOk(bench.pool.owners.includes(NOBODY));
  return bench;
}

t.test(
  'the shard that keeps things the longest gives banks to the one that keeps them least',
  (t) => {
    const bench = unequal();
    const hungry = bench.at(1);
    bench.pass(30_000, () => {
      for (let i = 0; i < 64; i += 1) hungry.keep(1);
    });
    t.same(bench.banksOf(), [1, 15], 'all but one');
    t.equal(hungry.store.freeBytes + hungry.store.takenBytes, 15 * BANK_BLOCKS * BLOCK);
    t.ok(hungry.store.count > 14 * BANK_BLOCKS, `${hungry.store.count} objects`);
    t.equal(bench.at(0).bodies.size, bench.at(0).store.count);
    t.ok(bench.at(0).keep(1), 'and it can store still');
    t.equal(bench.at(0).moved, 7);
    t.end();
  },
);

t.test('banks come back to a shard that needs them later', (t) => {
  const bench = unequal();
  bench.pass(30_000, () => {
    for (let i = 0; i < 64; i += 1) bench.at(1).keep(1);
  });
  bench.pass(60_000, () => {
    for (let i = 0; i < 64; i += 1) bench.at(0).keep(1);
  });
  const [first = 0, second = 0] = bench.banksOf();
  t.equal(first + second, 16);
  t.ok(first >= 10, `${first} of 16`);
  t.end();
});

t.test('shards that are equally hungry keep what they have', (t) => {
  const bench = unequal();
  bench.pass(60_000, () => {
    for (const shard of bench.shards) for (let i = 0; i < 32; i += 1) shard.keep(1);
  });
  t.same(bench.banksOf(), [8, 8]);
  t.end();
});

t.test('a bank goes only when nobody reads there, and none at all for a while of that', (t) => {
  const bench = unequal();
  const [idle, reader] = [bench.at(0), new ArenaView(bench.pool, 1)];
  const read = [...idle.bodies.values()];
  for (const { slot } of read) reader.pin(slot);
  const hunger = (): void => {
    for (let i = 0; i < 64; i += 1) bench.at(1).keep(1);
  };
  bench.pass(5_000, hunger);
  t.same(bench.banksOf(), [8, 8], 'its objects are gone, their bytes are read');
  t.equal(idle.store.retiredCount, BANK_BLOCKS);
  bench.pass(8_000, hunger);
  t.same(bench.banksOf(), [8, 8]);
  for (const { slot } of read) reader.release(slot);
  bench.pass(5_000, hunger);
  t.ok((bench.banksOf()[0] ?? 8) < 8, 'now they go');
  t.equal(idle.store.retiredCount, 0);
  t.end();
});

t.test('a bank in which a fill does not end stays, and serves again', (t) => {
  const bench = new NodeBench(4, 2);
  for (const shard of bench.shards) shard.banks.take();
  const idle = bench.at(0);
  const filling = [idle.store.reserve(BLOCK), idle.store.reserve(BANK_BLOCKS * BLOCK)];
  bench.pass(25_000, () => {
    for (let i = 0; i < 64; i += 1) bench.at(1).keep(1);
  });
  t.same(bench.banksOf(), [2, 2]);
  for (const body of filling) {
    if (body === undefined) throw new Error('no room');
    idle.store.store(body, body.bytes, 1);
    idle.bodies.set(body.slot, body);
  }
  bench.pass(5_000, () => {
    for (let i = 0; i < 64; i += 1) bench.at(1).keep(1);
  });
  t.same(bench.banksOf(), [1, 3]);
  t.end();
});

t.test('objects of many pieces leave whole, wherever their pieces lie', (t) => {
  const bench = new NodeBench(8, 2);
  const idle = bench.at(0);
  for (let i = 0; i < 3; i += 1) idle.banks.take();
  for (let i = 0; i < 8; i += 1) idle.keep(1);
  for (let i = 0; i < 6; i += 1) idle.keep(40 + i);
  const before = idle.store.count;
  while (bench.at(1).banks.take());
  bench.pass(60_000, () => {
    for (let i = 0; i < 64; i += 1) bench.at(1).keep(1);
  });
  t.same(bench.banksOf(), [1, 7]);
  t.ok(idle.store.count < before);
  for (const body of idle.bodies.values()) {
    for (const { offset } of body.extents) {
      t.equal(bench.pool.owners[Math.floor(offset / (BANK_BLOCKS * BLOCK))], 0);
    }
  }
  t.end();
});
