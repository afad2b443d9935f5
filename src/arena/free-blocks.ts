/**
 * The free blocks of the banks that one shard has, by order (a block of order k is 2^k cells): lists through
 * the first cell of each. Two free buddies never lie side by side: they are one block of the next order.
 */
import type { Books } from './layout.js';

export const NONE = -1;
/** Tags of first cells: of a free block, with its order; of a piece that is handed out, with its own. */
export const FREE = 0x40;
export const USED = 0x80;

export class FreeBlocks {
  readonly maxOrder: number;
  readonly #tags: Uint8Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #heads: Int32Array; // per order
  readonly #counts: Int32Array; // per order
  #orders = 0; // bit k: there is a block of order k

  constructor(books: Pick<Books, 'tags' | 'nextFree' | 'previousFree'>, maxOrder: number) {
    this.maxOrder = maxOrder;
    this.#tags = books.tags;
    this.#next = books.nextFree;
    this.#previous = books.previousFree;
    this.#heads = new Int32Array(maxOrder + 1).fill(NONE);
    this.#counts = new Int32Array(maxOrder + 1);
  }

  /** Index k counts blocks of order k. */
  get counts(): number[] {
    return [...this.#counts];
  }

  /** NONE: there is no block. */
  get largestOrder(): number {
    return this.#orders === 0 ? NONE : floorLog2(this.#orders);
  }

  /** Order to take a block of: the smallest that holds `cells`, else the largest; NONE: there is no block. */
  orderFor(cells: number): number {
    const wanted = Math.min(ceilLog2(cells), this.maxOrder);
    const enough = (this.#orders >>> wanted) << wanted;
    return enough === 0 ? this.largestOrder : floorLog2(enough & -enough);
  }

  /** The first cell of some block of that order, which is taken out. */
  take(order: number): number {
    const cell = at(this.#heads, order);
    this.remove(cell, order);
    return cell;
  }

  /** A block that is free from now on, merged as far up as it goes. */
  put(freed: number, freedOrder: number): void {
    let cell = freed;
    let order = freedOrder;
    while (order < this.maxOrder) {
      const buddy = cell ^ (1 << order);
      // Past the end of a bank that is no power of two there is no tag, so nothing to merge with.
      if (this.#tags[buddy] !== (FREE | order)) break;
      this.remove(buddy, order);
      cell = Math.min(cell, buddy);
      order++;
    }
    this.#link(cell, order);
  }

  remove(cell: number, order: number): void {
    const next = at(this.#next, cell);
    const previous = at(this.#previous, cell);
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else this.#heads[order] = next;
    this.#tags[cell] = 0;
    this.#counts[order] = at(this.#counts, order) - 1;
    if (this.#heads[order] === NONE) this.#orders &= ~(1 << order);
  }

  #link(cell: number, order: number): void {
    const head = at(this.#heads, order);
    this.#next[cell] = head;
    this.#previous[cell] = NONE;
    if (head !== NONE) this.#previous[head] = cell;
    this.#heads[order] = cell;
    this.#tags[cell] = FREE | order;
    this.#counts[order] = at(this.#counts, order) + 1;
    this.#orders |= 1 << order;
  }
}

/** `cells[i]` where `i` is known to be inside. */
export function at(cells: Int32Array | Uint8Array, i: number): number {
  return cells[i] ?? NONE;
}

export function floorLog2(n: number): number {
  return 31 - Math.clz32(n);
}

export function ceilLog2(n: number): number {
  return n <= 1 ? 0 : 32 - Math.clz32(n - 1);
}
