import t from 'tap';
import { BuddyAllocator } from '../../src/arena/buddy.js';
import { createPool, MIN_BLOCK_BYTES, type Pool } from '../../src/arena/layout.js';
import { PagesAhead } from '../../src/arena/pages-ahead.js';
import { settled } from '../support/shard.js';

const MIB = 1_048_576;
const PAGE_BYTES = 2 * MIB;

class Bench {
  readonly pool: Pool = createPool({ bytes: 16 * MIB, shards: 1, workers: 1, bankBytes: 8 * MIB });
  readonly allocator = new BuddyAllocator({
    books: this.pool.books,
    bankBytes: this.pool.bankBytes,
    minBlockBytes: MIN_BLOCK_BYTES,
    maxBlockBytes: 8 * MIB,
  });
  /** Pages of the pool, in the order they were populated. */
  readonly populated: number[] = [];
  isTaken = false; // by another shard
  #finish: ((done: boolean) => void) | undefined;
  readonly ahead: PagesAhead;

  constructor(populates = true) {
    this.allocator.add(0);
    this.allocator.add(1);
    this.ahead = new PagesAhead({
      ...{ pool: this.pool, allocator: this.allocator },
      populate: (view) => {
        if (this.isTaken) return false;
        const bank = this.pool.banks.findIndex(({ buffer }) => buffer === view.buffer);
        t.equal(view.length, PAGE_BYTES);
        this.populated.push((bank * 8 * MIB + view.byteOffset) / PAGE_BYTES);
        if (!populates) return undefined;
        return new Promise((resolve) => {
          this.#finish = resolve;
        });
      },
    });
  }

  async finish(done = true): Promise<void> {
    this.#finish?.(done);
    await settled();
  }
}

t.test(
  'what is handed out next is populated, a page at a time, and no more than a fill needs',
  async (t) => {
    const bench = new Bench();
    bench.ahead.prepare();
    bench.ahead.prepare();
    t.equal(bench.populated.length, 1, 'one at a time');
    await bench.finish();
    t.equal(bench.populated.length, 2);
    await bench.finish();
    t.equal(bench.populated.length, 2, '4 MiB ahead');
    const next = bench.allocator.allocate(4 * MIB) ?? [];
    t.strictSame(
      next.flatMap(({ offset }) => [offset / PAGE_BYTES, offset / PAGE_BYTES + 1]),
      bench.populated,
      'which are what is handed out',
    );
    bench.ahead.prepare();
    await bench.finish();
    await bench.finish();
    t.equal(new Set(bench.populated).size, 4, 'each page once');
    t.equal(bench.populated.length, 4);
  },
);

t.test('nothing is held by looking ahead, and nothing is done where all is used', (t) => {
  const bench = new Bench();
  bench.ahead.prepare();
  t.equal(bench.allocator.freeBytes, 16 * MIB);
  const full = new Bench();
  full.allocator.allocate(13 * MIB);
  full.ahead.prepare();
  t.strictSame(full.populated, []);
  t.end();
});

t.test('a page that another shard was before is tried again with the next fill', async (t) => {
  const bench = new Bench();
  bench.isTaken = true;
  bench.ahead.prepare();
  t.strictSame(bench.populated, []);
  bench.isTaken = false;
  bench.ahead.prepare();
  await bench.finish();
  await bench.finish();
  t.equal(new Set(bench.populated).size, 2);
});

t.test('where the kernel cannot, it is not asked again', async (t) => {
  const absent = new Bench(false);
  absent.ahead.prepare();
  absent.ahead.prepare();
  t.equal(absent.populated.length, 1, 'without the addon');
  const old = new Bench();
  old.ahead.prepare();
  await old.finish(false);
  old.ahead.prepare();
  t.equal(old.populated.length, 1, 'an old kernel');
});
