/** Where a body's bytes are read from while it is sent. */
import type { ArenaView } from '../../arena/arena.js';
import type { StoredExtent } from '../../protocol/descriptor.js';
import type { BorrowedBytes } from '../../runtime/bytes.js';

export interface BodySource {
  /** Bytes that may be asked for; grows while a fill goes on. */
  readonly written: number;
  /** No more will come. */
  readonly ended: boolean;
  /** Bytes from there on that lie together, `count` at most; undefined: not there yet. Lent for this call. */
  view(from: number, count: number): BorrowedBytes | undefined;
}

export interface ArenaPlace {
  readonly arena: ArenaView;
  readonly slot: number;
  readonly extents: readonly StoredExtent[];
  readonly written: number;
  readonly ended: boolean;
}

/** A body in the arena. Its slot is leased by whoever made this, and released by it. */
export class ArenaBody implements BodySource {
  readonly arena: ArenaView;
  readonly slot: number;
  extents: readonly StoredExtent[];
  written: number;
  ended: boolean;
  /** Byte n lies at n modulo this, the last so many are there; 0: all are. */
  ringBytes = 0;

  constructor({ arena, slot, extents, written, ended }: ArenaPlace) {
    this.arena = arena;
    this.slot = slot;
    this.extents = extents;
    this.written = written;
    this.ended = ended;
  }

  /** Undefined, too, while `written`, read from shared memory, is ahead of the extents that a message brings. */
  view(from: number, count: number): BorrowedBytes | undefined {
    const { arena, extents, ringBytes } = this;
    if (ringBytes === 0) {
      const view = arena.view(extents, from, count);
      return view.length > 0 ? view : undefined;
    }
    const at = from % ringBytes;
    return arena.view(extents, at, Math.min(count, ringBytes - at));
  }
}
