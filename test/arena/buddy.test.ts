import fc from 'fast-check';
import t from 'tap';
import { BuddyAllocator, MAX_EXTENTS, type Extent } from '../../src/arena/buddy.js';
import { createBooks } from '../../src/arena/layout.js';
import { allocatorOf } from '../support/arena.js';
import { seededRandom } from '../support/random.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const CELL = 4 * KIB;

function arena(sizeBytes: number, maxBlockBytes = 4 * MIB): BuddyAllocator {
  return allocatorOf({ sizeBytes, minBlockBytes: CELL, maxBlockBytes });
}

/** What the free lists must hold when `used` cells are taken: the largest aligned free blocks. */
function expectedCounts(used: Uint8Array, orders: number): number[] {
  const left = Uint8Array.from(used);
  const counts = new Array<number>(orders).fill(0);
  for (let order = orders - 1; order >= 0; order--) {
    const size = 2 ** order;
    for (let cell = 0; cell + size <= left.length; cell += size) {
      if (left.subarray(cell, cell + size).some((c) => c !== 0)) continue;
      left.fill(1, cell, cell + size);
      counts[order] = (counts[order] ?? 0) + 1;
    }
  }
  return counts;
}

/** Replays an allocator's answers on a plain map of cells; throws where they cannot be true. */
class Model {
  readonly used: Uint8Array;
  readonly objects: Extent[][] = [];
  readonly allocator: BuddyAllocator;
  constructor(allocator: BuddyAllocator) {
    this.allocator = allocator;
    this.used = new Uint8Array(allocator.sizeBytes / CELL);
  }

  paint(extents: readonly Extent[], value: 0 | 1): void {
    for (const { offset, length } of extents) {
      const inside = offset % CELL === 0 && length % CELL === 0 && length > 0;
      if (!inside || offset < 0 || offset + length > this.allocator.sizeBytes) {
        throw new Error(`extent ${offset}+${length} is no run of cells of the arena`);
      }
      for (let cell = offset / CELL; cell < (offset + length) / CELL; cell++) {
        if (this.used[cell] === value) throw new Error(`cell ${cell} was ${value} already`);
        this.used[cell] = value;
      }
    }
  }

  check(): void {
    const free = this.used.reduce((sum, c) => sum + (c === 0 ? CELL : 0), 0);
    if (this.allocator.freeBytes !== free)
      throw new Error(`${this.allocator.freeBytes} != ${free}`);
    const counts = this.allocator.freeBlockCounts();
    const want = expectedCounts(this.used, counts.length);
    if (counts.join() !== want.join()) throw new Error(`${counts.join()} != ${want.join()}`);
    const top = want.findLastIndex((n) => n > 0);
    const largest = top < 0 ? 0 : CELL * 2 ** top;
    if (this.allocator.largestFreeBlock !== largest) throw new Error('largestFreeBlock');
  }
}

type Step = readonly ['allocate' | 'block' | 'free' | 'shrink', number, number];

function grow(model: Model, op: 'allocate' | 'block', bytes: number): void {
  const { allocator, objects } = model;
  const before = allocator.freeBytes;
  const block = op === 'block' ? allocator.allocateBlock(bytes) : undefined;
  const extents = op === 'block' ? block && [block] : allocator.allocate(bytes);
  if (extents === undefined) {
    if (allocator.freeBytes !== before) throw new Error('a refusal kept something');
    if (allocator.largestFreeBlock >= bytes) throw new Error('a block was free for it');
    return;
  }
  const length = extents.reduce((sum, e) => sum + e.length, 0);
  const most = Math.max(CELL, 2 ** Math.ceil(Math.log2(bytes)) / 16);
  if (length < bytes || length >= bytes + most) throw new Error(`${length} bytes for ${bytes}`);
  if (extents.length > (op === 'block' ? 1 : MAX_EXTENTS)) throw new Error('too many extents');
  model.paint(extents, 1);
  objects.push(extents);
}

function apply(model: Model, [op, bytes, pick]: Step): void {
  const { allocator, objects } = model;
  if (op === 'allocate' || op === 'block') {
    grow(model, op, bytes);
    return;
  }
  if (objects.length === 0) return;
  const at = pick % objects.length;
  const extents = objects[at] ?? [];
  model.paint(extents, 0);
  if (op === 'free') {
    allocator.free(extents);
    objects.splice(at, 1);
    return;
  }
  const held = extents.reduce((sum, e) => sum + e.length, 0);
  const kept = allocator.shrink(extents, bytes % (held + 1));
  model.paint(kept, 1);
  objects[at] = kept;
}

t.test('random allocate, shrink and free keep every byte in exactly one place', (t) => {
  const op = fc.constantFrom<Step[0]>('allocate', 'allocate', 'block', 'free', 'shrink');
  const bytes = fc.oneof(fc.integer({ min: 1, max: 64 * KIB }), fc.integer({ min: 1, max: MIB }));
  const steps = fc.array(fc.tuple(op, bytes, fc.nat()), { maxLength: 60, size: 'max' });
  const cells = fc.integer({ min: 1, max: 700 });
  const maxCells = fc.integer({ min: 1, max: 1024 });
  const seed = Date.now() % 2 ** 31;
  t.comment(`seed ${seed}`);
  fc.assert(
    fc.property(cells, maxCells, steps, (cells, maxCells, steps) => {
      const model = new Model(arena(cells * CELL + 17, maxCells * CELL));
      const start = model.allocator.freeBlockCounts().join();
      model.check();
      for (const step of steps) {
        apply(model, step);
        model.check();
      }
      for (const extents of model.objects) model.allocator.free(extents);
      return model.allocator.freeBlockCounts().join() === start;
    }),
    { seed, numRuns: 300 },
  );
  t.end();
});

t.test('allocate() takes the cells the object needs and no more', (t) => {
  const rows = [
    [1, 1, 1, 'never less than a cell'],
    [CELL, 1, 1, 'exactly a cell'],
    [60 * KIB, 15, 1, 'the fourth quarter of a 64 KiB block goes back in part'],
    [700_000, 176, 1, 'contiguous, eleven sixteenths of a 1 MiB block'],
    [5 * MIB, 1280, 2, 'larger than the largest block'],
    [0, 0, 0, 'an empty body needs no room'],
  ] as const;
  for (const [bytes, cells, extents, why] of rows) {
    const allocator = arena(16 * MIB);
    t.equal(allocator.allocate(bytes)?.length, extents, why);
    t.equal(allocator.sizeBytes - allocator.freeBytes, cells * CELL, why);
  }
  t.end();
});

t.test('allocate() falls back to descending blocks when no block is large enough', (t) => {
  const allocator = arena(896 * KIB); // blocks of 512, 256 and 128 KiB: none holds 700 KB alone
  const extents = allocator.allocate(700_000) ?? [];
  t.strictSame(
    extents.map((e) => e.length / KIB),
    [512, 192],
  );
  t.end();
});

t.test('allocate() refuses when only crumbs are left, and takes nothing', (t) => {
  const allocator = arena(64 * CELL);
  const cells = Array.from({ length: 64 }, () => allocator.allocateBlock(1));
  allocator.free(cells.filter((e): e is Extent => e !== undefined && (e.offset / CELL) % 2 === 0));
  t.equal(allocator.freeBytes, 32 * CELL);
  t.equal(allocator.allocate(17 * CELL), undefined, 'that would be 17 extents');
  t.equal(allocator.freeBytes, 32 * CELL);
  t.equal(allocator.allocate(16 * CELL)?.length, MAX_EXTENTS);
  t.equal(allocator.allocateBlock(CELL + 1), undefined, 'no two free cells are neighbours');
  t.end();
});

t.test('maxExtents bounds the pieces of an object', (t) => {
  const sizes = { sizeBytes: 7 * CELL, minBlockBytes: CELL, maxBlockBytes: MIB };
  t.equal(allocatorOf({ ...sizes, maxExtents: 2 }).allocate(7 * CELL), undefined);
  t.equal(allocatorOf({ ...sizes, maxExtents: 3 }).allocate(7 * CELL)?.length, 3);
  t.end();
});

t.test('free() throws on extents that are not held, and changes nothing', (t) => {
  const held = { offset: 0, length: 16 * CELL };
  const rows = [
    [{ offset: 16 * CELL, length: CELL }, 'never handed out'],
    [{ offset: 0, length: 8 * CELL }, 'half of what was handed out'],
    [{ offset: 0, length: 32 * CELL }, 'more than was handed out'],
    [{ offset: 8 * CELL, length: CELL }, 'inside a held extent'],
    [{ offset: 1, length: CELL }, 'not on a cell'],
    [{ offset: 0, length: 0 }, 'nothing'],
    [{ offset: -CELL, length: CELL }, 'before the arena'],
    [{ offset: 60 * CELL, length: 16 * CELL }, 'past the end of the arena'],
    [{ offset: Number.NaN, length: CELL }, 'no number'],
  ] as const;
  for (const [extent, why] of rows) {
    const allocator = arena(64 * CELL);
    t.strictSame(allocator.allocate(16 * CELL), [held]);
    t.throws(
      () => {
        allocator.free([extent]);
      },
      { code: 'GW_INTERNAL' },
      why,
    );
    t.equal(allocator.freeBytes, 48 * CELL, why);
    allocator.free([held]);
    t.throws(
      () => {
        allocator.free([held]);
      },
      { code: 'GW_INTERNAL' },
      'freed twice',
    );
    t.equal(allocator.largestFreeBlock, 64 * CELL, why);
  }
  t.end();
});

t.test('shrink() gives the tail back at once and the kept part is freed like any other', (t) => {
  const allocator = arena(MIB);
  const before = allocator.allocate(MIB) ?? [];
  const kept = allocator.shrink(before, 100 * KIB);
  t.strictSame(kept, [{ offset: 0, length: 104 * KIB }]);
  t.equal(allocator.freeBytes, MIB - 104 * KIB);
  t.throws(
    () => {
      allocator.free(before);
    },
    { code: 'GW_INTERNAL' },
    'the old array is void',
  );
  t.throws(() => allocator.shrink(kept, 105 * KIB), { code: 'GW_INTERNAL' }, 'it cannot grow');
  t.strictSame(allocator.shrink(kept, 0), []);
  t.equal(allocator.largestFreeBlock, MIB);
  t.end();
});

t.test('sizes that make no bank, and no size at all, are refused', (t) => {
  const books = createBooks(16);
  const rows = [
    [2048, CELL, MIB, 'smaller than a block'],
    [3 * CELL, CELL, MIB, 'the bank is no power of two'],
    [MIB, 3000, MIB, 'the block is no power of two'],
    [MIB, 0, MIB, 'no block'],
    [MIB, CELL, 2048, 'largest block below the smallest'],
    [MIB, CELL, Number.NaN, 'no number'],
    [Number.NaN, CELL, MIB, 'no number'],
  ] as const;
  for (const [bankBytes, minBlockBytes, maxBlockBytes, why] of rows) {
    const sizes = { bankBytes, minBlockBytes, maxBlockBytes };
    const make = (): unknown => new BuddyAllocator({ ...sizes, books });
    t.throws(make, { code: 'GW_INTERNAL' }, why);
  }
  for (const bytes of [-1, 0.5, Number.NaN, Infinity]) {
    t.throws(() => arena(MIB).allocate(bytes), { code: 'GW_INTERNAL' }, `${bytes} bytes`);
  }
  t.throws(() => arena(MIB).allocateBlock(0), { code: 'GW_INTERNAL' }, 'a block of nothing');
  t.end();
});

t.test(
  'a bank that is left hands out nothing, and is whole again when it is kept or dropped',
  (t) => {
    const bank = 64 * CELL;
    const random = seededRandom(3);
    for (let round = 0; round < 50; round += 1) {
      const sizes = { bankBytes: bank, minBlockBytes: CELL, maxBlockBytes: bank };
      const allocator = new BuddyAllocator({ ...sizes, books: createBooks(128) });
      allocator.add(0);
      allocator.add(1);
      const model = new Model(allocator);
      const hold = (bytes: number): Extent[] | undefined => {
        const extents = allocator.allocate(bytes);
        if (extents === undefined) return undefined;
        model.paint(extents, 1);
        allocator.label(extents, model.objects.push(extents) - 1);
        return extents;
      };
      for (let i = 0; i < 20; i += 1) hold(Math.ceil(random() * 10 * CELL));
      for (let i = 0; i < 5; i += 1) apply(model, ['shrink', CELL * i, i]);
      for (const [holder, extents] of model.objects.entries()) allocator.label(extents, holder);
      const inFirst = (extents: readonly Extent[]): boolean => extents.some((e) => e.offset < bank);
      allocator.leave(0);
      const want = [...model.objects.keys()].filter((i) => inFirst(model.objects[i] ?? []));
      const holders = [...new Set(allocator.leavingHolders())].sort((a, b) => a - b);
      t.same(holders, want);
      for (let more = hold(CELL); more !== undefined; more = hold(CELL)) t.notOk(inFirst(more));
      const leaves = round % 2 === 0;
      for (const [i, extents] of model.objects.entries()) {
        if (!inFirst(extents) || (!leaves && i % 2 === 0)) continue;
        model.paint(extents, 0);
        allocator.free(extents);
      }
      t.equal(allocator.isLeft, leaves || want.every((i) => i % 2 === 1));
      if (leaves) {
        allocator.drop();
        t.equal(allocator.sizeBytes, bank);
        t.same([...allocator.leavingHolders()], []);
        allocator.add(0);
      } else allocator.keep();
      model.check();
    }
    t.end();
  },
);
