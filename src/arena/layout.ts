/**
 * The map of every cell that threads share of the node's memory for objects: meaning, size, who writes.
 *
 * Bodies lie in banks, equal parts of the memory. Bytes have no home: a bank is lent to a shard, which
 * alone writes what belongs to it, and goes back empty. Blocks are numbered through all banks; an object's
 * slot is the number of its first block, and its cells are found by that number whosever the bank is.
 *
 *   of the pool  cells                    meaning                              written by
 *   banks        Uint8  [bankBytes] each  bodies, and the metadata of responses   the shard that has the bank
 *                                         (metadata.ts)
 *   owners       Int32  [banks]           the shard that has it, or NOBODY     who takes or gives it (banks.ts)
 *   keeps, needs Float64 [shards]         how long it keeps what it evicts, ms that shard
 *   pins         Int32  [PIN_CELLS] a worker   what it reads (pins.ts)         that worker; who gives back to it
 *   guards       Int32  [workers]         the block that it looks at now      that worker
 *   taken        Int32  [workers][workers]     pins that came over from one    the second
 *                                              to the other
 *   records      Int32  [slots][2]        generation, bytes written            owner
 *   hits         Uint8  [slots]           visits, saturating at 3              any worker, unsynchronised; owner's hand
 *   tables       Int32  [tableSize][2] a shard   what is published (directory.ts)   that shard
 *   books        several [slots]          what only owners look at (below)     owner
 *
 * What is written by a shard is written by the main thread when the shard's thread has ended.
 */

export const MIN_BLOCK_BYTES = 2_048;
/** A cache line: what metadata is aligned to. */
export const CACHE_LINE_BYTES = 64;
export const CACHE_LINES_PER_BLOCK = MIN_BLOCK_BYTES / CACHE_LINE_BYTES;
/** Cells of a record, by number. */
export const RECORD = {
  generation: 0, // how often the slot was given out or voided
  written: 1, // bytes of the body so far
  cells: 2,
} as const;
/** Cells of an entry of a table, by number. */
export const ENTRY = { tag: 0, line: 1, cells: 2 } as const;
export const PIN_CELLS = 65_536;
export const NOBODY = -1;
export const NO_SLOT = -1;

const MIB = 1_048_576;
const MIN_BANK_BYTES = MIB;
const MAX_BANK_BYTES = 64 * MIB;
/** A shard that has its share has so many. */
const BANKS_A_SHARE = 4;
/** A table has places for so many objects of one block as a shard's share of the memory holds. */
const TABLE_SHARES = 2;

/** By slot, for the owner of its bank alone: shared, so that they go with the bank. */
export interface Books {
  /** buddy.ts */
  readonly tags: Uint8Array;
  readonly nextFree: Int32Array;
  readonly previousFree: Int32Array;
  readonly holders: Int32Array; // of handed-out pieces: whose they are
  /** entry-index.ts, slot-chains.ts */
  readonly mains: Int32Array; // NO_SLOT: nobody's
  readonly secondaries: Int32Array;
  readonly beside: Int32Array;
  readonly nextOfKey: Int32Array;
  readonly lowDigest: Int32Array;
  readonly highDigest: Int32Array;
  /** metadata-store.ts */
  readonly metadataOffsets: Float64Array;
  readonly metadataLengths: Uint32Array; // 0: there is none
  readonly metadataPieces: Uint32Array;
  /** eviction.ts */
  readonly homes: Uint8Array;
  readonly older: Int32Array;
  readonly newer: Int32Array;
  readonly sizes: Float64Array;
  readonly hashes: Int32Array;
  /** object-store.ts */
  readonly storedMs: Float64Array; // on the shards' clock
}

export interface Pool {
  readonly shards: number;
  readonly slots: number;
  readonly bankBytes: number; // a power of two; the last bank may be shorter
  readonly banks: readonly Uint8Array[];
  readonly owners: Int32Array;
  readonly keeps: Float64Array; // as a giver: since it evicted last, if that is longer
  readonly needs: Float64Array; // Infinity: it evicts nothing
  readonly pins: readonly Int32Array[];
  readonly guards: Int32Array; // NO_SLOT: none
  readonly taken: Int32Array;
  readonly records: Int32Array;
  readonly hits: Uint8Array;
  readonly tables: readonly Int32Array[];
  readonly books: Books;
}

export interface PoolPlan {
  readonly bytes: number; // rounded down to whole blocks, at least one
  readonly shards: number;
  readonly workers: number;
  readonly bankBytes?: number; // `bankBytesOf` unless told otherwise
}

/** Zeroed memory that nobody has, in plain typed arrays over shared memory: it crosses threads by message. */
export function createPool(plan: PoolPlan): Pool {
  const { shards, workers } = plan;
  const slots = Math.max(1, Math.floor(plan.bytes / MIN_BLOCK_BYTES));
  const bytes = slots * MIN_BLOCK_BYTES;
  const bankBytes = plan.bankBytes ?? bankBytesOf(bytes, shards);
  const banks: Uint8Array[] = [];
  for (let at = 0; at < bytes; at += bankBytes) {
    banks.push(new Uint8Array(new SharedArrayBuffer(Math.min(bankBytes, bytes - at))));
  }
  const tableSize = powerOfTwoUp((TABLE_SHARES * slots) / shards);
  return {
    shards,
    slots,
    bankBytes,
    banks,
    owners: int32(banks.length).fill(NOBODY),
    keeps: float64(shards),
    needs: float64(shards).fill(Infinity),
    pins: Array.from({ length: workers }, () => int32(PIN_CELLS)),
    guards: int32(workers).fill(NO_SLOT),
    taken: int32(workers * workers),
    records: int32(slots * RECORD.cells),
    hits: uint8(slots),
    tables: Array.from({ length: shards }, () => int32(tableSize * ENTRY.cells)),
    books: createBooks(slots),
  };
}

export function createBooks(slots: number): Books {
  return {
    tags: uint8(slots),
    nextFree: int32(slots),
    previousFree: int32(slots),
    holders: int32(slots),
    mains: int32(slots).fill(NO_SLOT),
    secondaries: int32(slots),
    beside: int32(slots),
    nextOfKey: int32(slots),
    lowDigest: int32(slots),
    highDigest: int32(slots),
    metadataOffsets: float64(slots),
    metadataLengths: new Uint32Array(new SharedArrayBuffer(slots * 4)),
    metadataPieces: new Uint32Array(new SharedArrayBuffer(slots * 4)),
    homes: uint8(slots),
    older: int32(slots),
    newer: int32(slots),
    sizes: float64(slots),
    hashes: int32(slots),
    storedMs: float64(slots),
  };
}

/** As after `createBooks`, for what lay in a bank whose owner is gone. What is not listed leads nowhere then. */
export function clearBooks(
  { tags, mains, metadataLengths, homes }: Books,
  from: number,
  to: number,
): void {
  tags.fill(0, from, to);
  mains.fill(NO_SLOT, from, to);
  metadataLengths.fill(0, from, to);
  homes.fill(0, from, to);
}

/** The slots of a bank: from, and up to. */
export function slotsOf({ bankBytes, slots }: Pool, bank: number): [number, number] {
  const blocks = bankBytes / MIN_BLOCK_BYTES;
  return [bank * blocks, Math.min(slots, (bank + 1) * blocks)];
}

/** 1 to 64 MiB, a quarter of a shard's share; in a small memory no more than a share. */
export function bankBytesOf(bytes: number, shards: number): number {
  const share = bytes / shards;
  const least = Math.min(MIN_BANK_BYTES, powerOfTwoDown(Math.max(MIN_BLOCK_BYTES, share)));
  return Math.min(MAX_BANK_BYTES, Math.max(least, powerOfTwoDown(share / BANKS_A_SHARE)));
}

function powerOfTwoDown(n: number): number {
  return 2 ** Math.floor(Math.log2(n));
}

function powerOfTwoUp(n: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, n)));
}

function int32(length: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(length * 4));
}

function uint8(length: number): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new SharedArrayBuffer(length));
}

function float64(length: number): Float64Array<SharedArrayBuffer> {
  return new Float64Array(new SharedArrayBuffer(length * 8));
}
