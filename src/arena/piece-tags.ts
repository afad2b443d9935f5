/**
 * Which cells begin a piece of a bank, free or handed out, and how long it is. A run of cells has one cut into aligned
 * powers of two, each as large as it can be; the first cell of each has a tag, the others have none.
 */
import { at, floorLog2, FREE, USED } from './free-blocks.js';
import type { Books } from './layout.js';

export class PieceTags {
  readonly #tags: Uint8Array;
  readonly #maxOrder: number;

  constructor(tags: Uint8Array, maxOrder: number) {
    this.#tags = tags;
    this.#maxOrder = maxOrder;
  }

  /** The order of the piece that starts at `cell` of a run that ends at `end`. */
  orderOf(cell: number, end: number): number {
    const aligned = cell === 0 ? this.#maxOrder : floorLog2(cell & -cell);
    return Math.min(aligned, floorLog2(end - cell), this.#maxOrder);
  }

  /** Tags every piece of a run that is handed out; 0 clears. */
  mark(start: number, end: number, tag: typeof USED | 0): void {
    for (let cell = start; cell < end;) {
      const order = this.orderOf(cell, end);
      this.#tags[cell] = tag === 0 ? 0 : tag | order;
      cell += 2 ** order;
    }
  }

  /** Whether the run was handed out, cut as it is. */
  isHeld(start: number, end: number): boolean {
    for (let cell = start; cell < end;) {
      const order = this.orderOf(cell, end);
      if (this.#tags[cell] !== (USED | order)) return false;
      cell += 2 ** order;
    }
    return true;
  }

  /** As `piecesIn`. */
  in(start: number, end: number): Generator<[cell: number, tag: number]> {
    return piecesIn(this.#tags, start, end);
  }
}

/** Whose the pieces are that were handed out between two cells, by whoever had them. */
export function* holdersIn(
  { tags, holders }: Pick<Books, 'tags' | 'holders'>,
  start: number,
  end: number,
): Generator<number> {
  for (const [cell, tag] of piecesIn(tags, start, end)) {
    if ((tag & USED) !== 0) yield at(holders, cell);
  }
}

/** Of a tag. */
export function orderIn(tag: number): number {
  return tag & ~(FREE | USED);
}

/**
 * First cells of the free blocks from `start` up to `end` and of the pieces that are handed out, with their tags.
 * Of a bank that is left what is free has none. What comes may be freed or taken out before the next one does.
 */
function* piecesIn(
  tags: Uint8Array,
  start: number,
  end: number,
): Generator<[cell: number, tag: number]> {
  for (let cell = start; cell < end;) {
    const tag = at(tags, cell);
    if (tag !== 0) yield [cell, tag];
    cell += tag === 0 ? 1 : 2 ** orderIn(tag);
  }
}
