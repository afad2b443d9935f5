/**
 * What is told of each response that rests: its key, what it varies by, and a pack of the rest. All of
 * it lies in the arena, behind the body where its last piece has room left, else in a piece of its own.
 * On the heap it would be memory that no eviction bounds, and every scavenge would look at its pages.
 *
 * A text stays where it is, whether its response is awake or not, until it is written again or forgotten.
 *
 *   bytes  meaning
 *   4      length of the key
 *   4      length of the names it varies by
 *          key, names joined by commas, pack; UTF-8
 */
import type { ArenaView } from '../arena/arena.js';
import type { Extent } from '../arena/buddy.js';
import type { Body } from './object-store.js';

const HEAD_BYTES = 8;

export interface RestingText {
  readonly key: string;
  readonly vary: readonly string[];
  readonly pack: string;
}

/** Where pieces of the arena come from. */
export interface Pieces {
  /** Of at least `bytes`, without a byte of what lies in `butNot`; undefined: no room. */
  takePiece(bytes: number, butNot: number): Extent | undefined;
  givePiece(piece: Extent): void;
}

export class RestingTexts {
  readonly #arena: ArenaView;
  readonly #pieces: Pieces;
  readonly #offsets: Float64Array;
  readonly #lengths: Uint32Array; // 0: nothing is told of the slot
  readonly #ownPieces: Uint32Array; // length of the piece of its own, if it has one
  #bytes = 0;

  constructor(arena: ArenaView, pieces: Pieces) {
    this.#arena = arena;
    this.#pieces = pieces;
    const { textOffsets, textLengths, textPieces } = arena.pool.books;
    this.#offsets = textOffsets;
    this.#lengths = textLengths;
    this.#ownPieces = textPieces;
  }

  /** Bytes of all texts. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False: no room is to be had, and nothing is told of the body now. */
  put(body: Body, { key, vary, pack }: RestingText): boolean {
    const names = vary.join();
    const text = key + names + pack;
    const length = HEAD_BYTES + Buffer.byteLength(text);
    this.forget(body.slot);
    if (!this.#place(body, length)) return false;
    const bytes = this.#text(body.slot);
    bytes.writeUInt32LE(Buffer.byteLength(key), 0);
    bytes.writeUInt32LE(Buffer.byteLength(names), 4);
    bytes.write(text, HEAD_BYTES);
    this.#bytes += length;
    return true;
  }

  /** Whether the response in a slot is that key's. */
  isOf(slot: number, key: string): boolean {
    return this.key(slot) === key;
  }

  key(slot: number): string {
    const text = this.#text(slot);
    return text.toString('utf8', HEAD_BYTES, HEAD_BYTES + text.readUInt32LE(0));
  }

  vary(slot: number): readonly string[] {
    const text = this.#text(slot);
    const from = HEAD_BYTES + text.readUInt32LE(0);
    const names = text.toString('utf8', from, from + text.readUInt32LE(4));
    return names === '' ? [] : names.split(',');
  }

  pack(slot: number): string {
    const text = this.#text(slot);
    return text.toString('utf8', HEAD_BYTES + text.readUInt32LE(0) + text.readUInt32LE(4));
  }

  /** Its piece goes back at once: nobody else reads texts. */
  forget(slot: number): void {
    const length = this.#lengths[slot] ?? 0;
    if (length === 0) return;
    const [offset = 0, piece = 0] = [this.#offsets[slot], this.#ownPieces[slot]];
    this.#bytes -= length;
    this.#lengths[slot] = 0;
    if (piece > 0) this.#pieces.givePiece({ offset, length: piece });
  }

  /** At the very end of what the body has, as no reader looks at a byte past what is used. False: no room. */
  #place({ slot, extents, used }: Body, length: number): boolean {
    const last = extents.at(-1);
    const room = extents.reduce((sum, extent) => sum + extent.length, 0) - used;
    if (last !== undefined && Math.min(room, last.length) >= length) {
      this.#note(slot, last.offset + last.length - length, length, 0);
      return true;
    }
    const piece = this.#pieces.takePiece(length, slot);
    if (piece !== undefined) this.#note(slot, piece.offset, length, piece.length);
    return piece !== undefined;
  }

  #note(slot: number, offset: number, length: number, piece: number): void {
    this.#offsets[slot] = offset;
    this.#lengths[slot] = length;
    this.#ownPieces[slot] = piece;
  }

  #text(slot: number): Buffer {
    const length = this.#lengths[slot] ?? 0;
    if (length === 0) throw new RangeError(`nothing is told of slot ${slot}`);
    const { buffer, byteOffset } = this.#arena.bytes(this.#offsets[slot] ?? 0, length);
    return Buffer.from(buffer, byteOffset, length);
  }
}
