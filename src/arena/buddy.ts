/**
 * Buddy allocator over the banks that one shard has; never used by two threads at a time.
 * It touches no byte of them: its books are three typed arrays with a cell per minimum block of all banks.
 * Invariant, within those banks: a tag is non-zero exactly at the first cell of every free block and of every aligned
 * power-of-two piece of a handed-out extent, so a wrong or repeated free finds the wrong tag.
 */
import { GatewayError } from '../errors.js';
import { at, floorLog2, FREE, FreeBlocks, NONE, USED } from './free-blocks.js';
import type { Books } from './layout.js';
import { orderIn, PieceTags } from './piece-tags.js';

/** A run of bytes of one bank; both numbers are multiples of the minimum block. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** Banks and the smallest block are powers of two; the largest is rounded down to one. */
export interface BuddyOptions {
  /** A cell per smallest block of all banks, zeroed for those that come to be added. */
  readonly books: Pick<Books, 'tags' | 'nextFree' | 'previousFree' | 'holders'>;
  readonly bankBytes: number;
  readonly minBlockBytes: number;
  readonly maxBlockBytes: number;
  /** Pieces an object may have; MAX_EXTENTS unless told otherwise. */
  readonly maxExtents?: number;
}

/** More pieces than this and an object's body costs too many writes: `allocate` gives up instead. */
export const MAX_EXTENTS = 16;

/**
 * An object is charged in sixteenths of the block that would hold it (at least a minimum block).
 * Exact charging leaves crumbs that no later object can use: DESIGN.md has the figures.
 */
const SHARES_LOG2 = 4;

const MAX_CELLS = 2 ** 31;

export class BuddyAllocator {
  readonly minBlockBytes: number;
  readonly #bankCells: number;
  readonly #cells: number; // of all banks, whoever has them
  readonly #maxExtents: number;
  readonly #tags: PieceTags;
  readonly #holders: Int32Array;
  readonly #free: FreeBlocks;
  #freeCells = 0;
  #heldCells = 0; // of the banks that it has
  #leaving = NONE; // the bank from which nothing is handed out any more
  #leavingFree = 0; // cells of it

  /** Without a bank yet. @throws GatewayError GW_INTERNAL when the sizes make no arena. */
  constructor(o: BuddyOptions) {
    const cells = o.books.tags.length;
    const powersOfTwo = isPowerOfTwo(o.minBlockBytes) && isPowerOfTwo(o.bankBytes);
    const bankCells = o.bankBytes / o.minBlockBytes;
    if (
      !powersOfTwo ||
      !(cells >= 1 && cells <= MAX_CELLS && bankCells >= 1) ||
      !(o.maxBlockBytes >= o.minBlockBytes)
    ) {
      throw broken(`no banks of ${o.bankBytes} in blocks of ${o.minBlockBytes}`);
    }
    this.minBlockBytes = o.minBlockBytes;
    this.#bankCells = bankCells;
    this.#cells = cells;
    const maxOrder = floorLog2(Math.min(bankCells, Math.floor(o.maxBlockBytes / o.minBlockBytes)));
    this.#maxExtents = o.maxExtents ?? MAX_EXTENTS;
    this.#tags = new PieceTags(o.books.tags, maxOrder);
    this.#holders = o.books.holders;
    this.#free = new FreeBlocks(o.books, maxOrder);
  }

  /** A bank of which nothing is handed out; the last one may be shorter than others. */
  add(bank: number): void {
    const [start, end] = this.#cellsOf(bank);
    this.#heldCells += end - start;
    this.#release(start, end);
  }

  /** Hands out nothing of that bank any more, until `drop` or `keep`. One bank at a time. */
  leave(bank: number): void {
    this.#leavingFree = 0;
    for (const [cell, tag] of this.#pieces(bank)) {
      if ((tag & FREE) === 0) continue;
      this.#free.remove(cell, orderIn(tag));
      this.#leavingFree += 2 ** orderIn(tag);
    }
    this.#freeCells -= this.#leavingFree;
    this.#leaving = bank;
  }

  /** Whose the pieces are that are handed out of the bank that is left: none, and it can go. */
  *leavingHolders(): Generator<number> {
    if (this.#leaving === NONE) return;
    for (const [cell] of this.#pieces(this.#leaving)) yield at(this.#holders, cell);
  }

  get isLeft(): boolean {
    const [start, end] = this.#cellsOf(this.#leaving);
    return this.#leavingFree === end - start;
  }

  /** The bank that was left, of which nothing is handed out, is another's. */
  drop(): void {
    this.#heldCells -= this.#leavingFree;
    this.#leaving = NONE;
  }

  /** The bank stays after all. */
  keep(): void {
    const bank = this.#leaving;
    this.#leaving = NONE;
    const [start, end] = this.#cellsOf(bank);
    let from = start;
    for (const [cell, tag] of this.#pieces(bank)) {
      this.#release(from, cell);
      from = cell + 2 ** orderIn(tag);
    }
    this.#release(from, end);
  }

  /** Says whose extents those are: after each `allocate` and each `shrink`. */
  label(extents: readonly Extent[], holder: number): void {
    for (const { offset, length } of extents) {
      const start = offset / this.minBlockBytes;
      const end = start + length / this.minBlockBytes;
      for (let cell = start; cell < end; cell += 2 ** this.#tags.orderOf(cell, end)) {
        this.#holders[cell] = holder;
      }
    }
  }

  /** Cells of a bank that are free. */
  freeIn(bank: number): number {
    let free = 0;
    for (const [, tag] of this.#pieces(bank)) if ((tag & FREE) !== 0) free += 2 ** orderIn(tag);
    return free;
  }

  /** Bytes under management. */
  get sizeBytes(): number {
    return this.#heldCells * this.minBlockBytes;
  }

  get freeBytes(): number {
    return this.#freeCells * this.minBlockBytes;
  }

  /** More than an object can have, however much there is. */
  get maxObjectBytes(): number {
    return this.#maxExtents * 2 ** this.#free.maxOrder * this.minBlockBytes;
  }

  /** Bytes of the largest free block: what one contiguous extent can surely be; 0 when full. */
  get largestFreeBlock(): number {
    const order = this.#free.largestOrder;
    return order === NONE ? 0 : this.minBlockBytes * 2 ** order;
  }

  /** How many free blocks there are of each order; index k counts blocks of `minBlockBytes << k`. */
  freeBlockCounts(): number[] {
    return this.#free.counts;
  }

  /**
   * Room for `bytes`: one extent when a single block can hold it, else the largest blocks there are,
   * descending, at most `maxExtents` of them; the first byte of the object is in the first extent.
   * The unused tail of a block is not charged, save to the next sixteenth of the block. `undefined`: it does not fit, and nothing was taken.
   * 0 bytes need no room: `[]`.
   * @throws GatewayError GW_INTERNAL unless `bytes` is a whole number >= 0.
   */
  allocate(bytes: number): Extent[] | undefined {
    let left = this.#cellsFor(bytes);
    if (left > this.#freeCells) return undefined;
    const extents: Extent[] = [];
    while (left > 0 && extents.length < this.#maxExtents) {
      const order = this.#free.orderFor(left);
      const extent = this.#take(order, Math.min(left, 2 ** order));
      left -= extent.length / this.minBlockBytes;
      extents.push(extent);
    }
    if (left === 0) return extents;
    this.free(extents);
    return undefined;
  }

  /**
   * One contiguous extent of at least `bytes` (> 0), for an object that grows piece by piece;
   * `undefined` when no single block can hold it.
   * @throws GatewayError GW_INTERNAL unless `bytes` is a whole number > 0.
   */
  allocateBlock(bytes: number): Extent | undefined {
    const cells = this.#cellsFor(bytes);
    if (cells === 0) throw broken('a block of 0 bytes');
    const order = this.#free.orderFor(cells);
    return order === NONE || 2 ** order < cells ? undefined : this.#take(order, cells);
  }

  /**
   * The extents that keep the first `bytes` of the object; the rest is free again. The old array is
   * void afterwards.
   * @throws GatewayError GW_INTERNAL when the extents are not held or hold fewer than `bytes`.
   */
  shrink(extents: readonly Extent[], bytes: number): Extent[] {
    const held = extents.reduce((sum, e) => sum + e.length, 0);
    let left = Math.min(this.#cellsFor(bytes), held / this.minBlockBytes);
    if (bytes > held) throw broken(`cannot shrink ${held} to ${bytes} bytes`);
    const kept: Extent[] = [];
    for (const extent of extents) {
      const cells = extent.length / this.minBlockBytes;
      if (left >= cells) {
        kept.push(extent);
      } else {
        this.#cut(extent, left);
        const length = left * this.minBlockBytes;
        if (left > 0) kept.push({ offset: extent.offset, length });
      }
      left = Math.max(0, left - cells);
    }
    return kept;
  }

  /**
   * Makes the extents free again, merging with free neighbours. An extent is given back exactly as
   * it was handed out.
   * @throws GatewayError GW_INTERNAL on an extent that is not held (freed twice, never handed out,
   * cut differently); it and those after it in the array are left as they are.
   */
  free(extents: readonly Extent[]): void {
    for (const extent of extents) this.#cut(extent, 0);
  }

  #pieces(bank: number): Generator<[cell: number, tag: number]> {
    return this.#tags.in(...this.#cellsOf(bank));
  }

  #cellsOf(bank: number): [number, number] {
    const start = bank * this.#bankCells;
    return [start, Math.min(this.#cells, start + this.#bankCells)];
  }

  /** Cells charged for `bytes`. */
  #cellsFor(bytes: number): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw broken(`room for ${bytes} bytes`);
    const cells = Math.ceil(bytes / this.minBlockBytes);
    const share = 2 ** Math.max(0, Math.ceil(Math.log2(cells)) - SHARES_LOG2);
    return Math.ceil(cells / share) * share;
  }

  /** Hands out the first `cells` of a free block of `order`; what is beyond goes straight back. */
  #take(order: number, cells: number): Extent {
    const start = this.#free.take(order);
    this.#freeCells -= 2 ** order;
    this.#tags.mark(start, start + cells, USED);
    this.#release(start + cells, start + 2 ** order);
    return { offset: start * this.minBlockBytes, length: cells * this.minBlockBytes };
  }

  /** Keeps the first `keep` cells of a held extent and frees the others. Checks before it writes. */
  #cut(extent: Extent, keep: number): void {
    const start = extent.offset / this.minBlockBytes;
    const end = start + extent.length / this.minBlockBytes;
    const inside = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && end > start;
    if (!inside || end > this.#cells || !this.#tags.isHeld(start, end)) {
      throw broken(`extent ${extent.offset}+${extent.length} is not held`);
    }
    this.#tags.mark(start, end, 0);
    this.#tags.mark(start, start + keep, USED);
    this.#release(start + keep, end);
  }

  /** Puts [start, end) on the free lists, piece by piece, each merged as far up as it goes. */
  #release(start: number, end: number): void {
    if (Math.floor(start / this.#bankCells) === this.#leaving) {
      this.#leavingFree += end - start;
      return;
    }
    for (let cell = start; cell < end;) {
      const order = this.#tags.orderOf(cell, end);
      this.#free.put(cell, order);
      cell += 2 ** order;
    }
    this.#freeCells += end - start;
  }
}

function isPowerOfTwo(n: number): boolean {
  return n > 0 && Number.isInteger(Math.log2(n));
}

function broken(what: string): GatewayError {
  return new GatewayError('GW_INTERNAL', `arena: ${what}`);
}
