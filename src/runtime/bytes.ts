/**
 * Who owns bytes, and until when, said by their type. `Uint8Array` is given away: keep it. What is
 * only lent is `BorrowedBytes`: read it before the lender goes on, as its buffer is then filled
 * anew. Owned bytes do where borrowed ones are wanted, never the other way about, so whatever keeps
 * bytes (a message, a queue) asks for `Uint8Array` and gets it of borrowed ones by `ownedCopy` only.
 */

/** Valid until its lender's next step: of a body the next pull, of the arena the end of a lease. */
export interface BorrowedBytes extends ArrayLike<number> {
  /** Borrowed as long as the whole. */
  subarray(start?: number, end?: number): BorrowedBytes;
}

/** Ours to keep. The copy has memory of its own and no more than it needs. */
export function ownedCopy(bytes: BorrowedBytes): Uint8Array {
  return new Uint8Array(bytes);
}

/** The same bytes, for a call that is done with them when it returns. */
export function forThisCall(bytes: BorrowedBytes): Uint8Array {
  return bytes as Uint8Array;
}

declare global {
  interface Uint8Array {
    /**
     * @deprecated It copies, except that on a Buffer, which is a Uint8Array too, it gives a view of bytes that may
     * change: say `subarray` for a view and `ownedCopy` for a copy.
     */
    slice(start?: number, end?: number): Uint8Array<ArrayBuffer>;
  }
}
