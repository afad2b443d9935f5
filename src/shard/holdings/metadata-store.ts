/**
 * The metadata of one shard's stored responses (src/arena/metadata.ts): puts each behind its body, where the last
 * piece has room left, else in a piece of its own, and lets workers find it. On the heap they would be memory
 * that no eviction bounds, and every scavenge would look at their pages. Owned by the shard's thread.
 *
 *   phase       workers   its bytes
 *   published   find it   stay as they are
 *   withdrawn   do not    may be written over or given back when none guards it any more
 */
import type { ArenaView } from '../../arena/arena.js';
import type { Extent } from '../../arena/buddy.js';
import { Directory } from '../../arena/directory.js';
import { CACHE_LINE_BYTES } from '../../arena/layout.js';
import {
  type Place,
  type Metadata,
  metadataBytes,
  MetadataView,
  METADATA_FLAGS,
} from '../../arena/metadata.js';

/** Where pieces of the memory come from. */
export interface Pieces {
  /** Of at least `bytes`, without a byte of what lies in `butNot`; undefined: no room. */
  takePiece(bytes: number, butNot: number): Extent | undefined;
  givePiece(piece: Extent): void;
}

export class MetadataStore {
  readonly #arena: ArenaView;
  readonly #pieces: Pieces;
  readonly #directory: Directory;
  readonly #view = new MetadataView();
  readonly #offsets: Float64Array;
  readonly #lengths: Uint32Array; // 0: the slot has none
  readonly #ownPieces: Uint32Array; // length of the piece of its own, if it has one
  #bytes = 0;
  #editions = 0;

  constructor(options: { arena: ArenaView; shard: number; pieces: Pieces }) {
    const { arena, shard, pieces } = options;
    this.#arena = arena;
    this.#pieces = pieces;
    this.#directory = new Directory(arena, shard);
    const { metadataOffsets, metadataLengths, metadataPieces } = arena.pool.books;
    this.#offsets = metadataOffsets;
    this.#lengths = metadataLengths;
    this.#ownPieces = metadataPieces;
  }

  /** Bytes of all metadata. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Publishes this of the body that is its first. What was published of it before has been withdrawn, and nobody
   * reads it. False: there is no room, and nothing is published of it now.
   */
  put(metadata: Metadata): boolean {
    const [body] = metadata.places;
    const { slot } = body;
    this.free(slot);
    const length = metadataBytes(metadata);
    if (length === undefined || !this.#place(body, length)) return false;
    this.#bytes += length;
    const apart = (this.#ownPieces[slot] ?? 0) > 0;
    // A guard of the metadata guards the body in the same piece.
    this.#editions = (this.#editions + 1) | 0;
    this.at(slot).write(
      apart ? { ...metadata, flags: metadata.flags & ~METADATA_FLAGS.plain } : metadata,
      this.#editions,
    );
    // Where the table is crowded it is served on asking.
    this.#directory.publish(this.#offsets[slot] ?? 0);
    return true;
  }

  /** Before anything that it says stops being so: nobody finds it from now on. */
  withdraw(slot: number): void {
    if (this.#has(slot)) this.#directory.withdraw(this.#offsets[slot] ?? 0);
  }

  /** Whether a worker reads what was withdrawn. */
  isRead(slot: number): boolean {
    return this.#has(slot) && this.#directory.isRead(this.#offsets[slot] ?? 0);
  }

  /** Gives up what was withdrawn and is not read. */
  free(slot: number): void {
    if (!this.#has(slot)) return;
    const [offset = 0, piece = 0] = [this.#offsets[slot], this.#ownPieces[slot]];
    this.#bytes -= this.#lengths[slot] ?? 0;
    this.#lengths[slot] = 0;
    if (piece > 0) this.#pieces.givePiece({ offset, length: piece });
  }

  /** What the slot's metadata says, until another one is looked at. */
  at(slot: number): MetadataView {
    if (!this.#has(slot)) throw new RangeError(`there is no metadata of slot ${slot}`);
    this.#view.goTo(this.#arena, (this.#offsets[slot] ?? 0) / CACHE_LINE_BYTES);
    return this.#view;
  }

  #has(slot: number): boolean {
    return (this.#lengths[slot] ?? 0) > 0;
  }

  /** At the end of what the body has, from a whole line on. False: no room. */
  #place({ slot, extents, bytes }: Place, length: number): boolean {
    const last = extents.at(-1);
    if (last !== undefined) {
      const room = extents.reduce((sum, extent) => sum + extent.length, 0) - bytes;
      const end = last.offset + last.length;
      const offset = Math.floor((end - length) / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
      if (offset >= end - Math.min(room, last.length)) {
        this.#note(slot, offset, length, 0);
        return true;
      }
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
}
