/** An object's bytes as one array, for what must look into them. */
import type { ArenaView } from '../../arena/arena.js';
import type { StoredExtent } from '../../protocol/descriptor.js';
import type { BorrowedBytes } from '../../runtime/bytes.js';

/** Borrowed from the arena when they lie in one piece, else copied; the caller must hold the body. */
export function readBody(
  arena: ArenaView,
  extents: readonly StoredExtent[],
  length: number,
): BorrowedBytes {
  const first = extents[0];
  if (length === 0 || first === undefined) return new Uint8Array(0);
  if (first.length >= length) return arena.bytes(first.offset, length);
  const copy = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const view = arena.view(extents, at, length - at);
    if (view.length === 0) throw new RangeError(`${length} bytes do not lie in the extents`);
    copy.set(view, at);
    at += view.length;
  }
  return copy;
}
