/**
 * Where the packs of what rests are kept: in the arena behind their bodies, where a block has room
 * left, else on the heap. There they would be a million strings, and every scavenge looks at all
 * pages that the heap has, however few objects it moves.
 */
import type { ArenaView } from '../arena/arena.js';
import { isLatin1 } from '../http/fields.js';
import type { Body } from './object-store.js';

export class RestingTexts {
  readonly #arena: ArenaView;
  /** By slot: offset and length of what lies in the arena; a length of 0: on the heap. */
  readonly #places: Uint32Array;
  readonly #heap = new Map<number, string>();

  constructor(arena: ArenaView) {
    this.#arena = arena;
    this.#places = new Uint32Array(arena.layout.slots * 2);
  }

  /** Those that found no room behind their bodies. */
  get onHeap(): number {
    return this.#heap.size;
  }

  put(body: Body, text: string): void {
    const { slot, extents, used } = body;
    const last = extents.at(-1);
    const room = extents.reduce((sum, { length }) => sum + length, 0) - used;
    if (last === undefined || room < text.length || !isLatin1(text)) {
      this.#heap.set(slot, text);
      return;
    }
    // At the very end: no reader looks at a byte past what is used.
    const offset = last.offset + last.length - text.length;
    this.#bytes(offset, text.length).write(text, 'latin1');
    this.#places.set([offset, text.length], slot * 2);
  }

  /** '' when nothing rests there. */
  take(slot: number): string {
    const [offset = 0, length = 0] = this.#places.subarray(slot * 2, slot * 2 + 2);
    if (length > 0) {
      this.#places[slot * 2 + 1] = 0;
      return this.#bytes(offset, length).toString('latin1');
    }
    const text = this.#heap.get(slot) ?? '';
    this.#heap.delete(slot);
    return text;
  }

  #bytes(offset: number, length: number): Buffer {
    const { buffer, byteOffset } = this.#arena.data;
    return Buffer.from(buffer, byteOffset + offset, length);
  }
}
