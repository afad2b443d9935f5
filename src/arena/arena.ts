/**
 * The memory for objects as one thread sees it. Any worker reads and pins; only the shard that has a bank
 * allocates, writes and retires there.
 */
import { copyBytes } from '../../native/addon.js';
import { type BorrowedBytes, forThisCall } from '../runtime/bytes.js';
import type { Extent } from './buddy.js';
import { CACHE_LINES_PER_BLOCK, type Pool, RECORD } from './layout.js';
import { Pins } from './pins.js';

/** Below, the call costs more than it saves. */
const NATIVE_COPY_BYTES = 1_024;
const MAX_UINT32 = 2 ** 32 - 1;

/** One bank, as bytes and as cells of numbers. */
export interface BankView {
  readonly bytes: Uint8Array;
  readonly cells: Int32Array;
  readonly numbers: Float64Array;
  readonly latin1: Buffer; // the bytes, to be read and written as text
}

export class ArenaView {
  readonly pool: Pool;
  readonly banks: readonly BankView[];
  /** Visits per slot, saturating at 3; the eviction hand reads and clears it. */
  readonly hits: Uint8Array;
  readonly pins: Pins;
  readonly #bankBytes: number;
  readonly #records: Int32Array;

  /** `worker` is the index of the thread that holds this view. */
  constructor(pool: Pool, worker: number) {
    this.pool = pool;
    this.hits = pool.hits;
    this.pins = new Pins(pool, worker);
    this.banks = pool.banks.map((bytes) => ({
      bytes,
      cells: new Int32Array(bytes.buffer, 0, bytes.length / 4),
      numbers: new Float64Array(bytes.buffer, 0, bytes.length / 8),
      latin1: Buffer.from(bytes.buffer, 0, bytes.length),
    }));
    this.#bankBytes = pool.bankBytes;
    this.#records = pool.records;
  }

  /**
   * Guards the slot while it still holds that generation, until `unprotect`: for a read that is over
   * before another `protect`. False: gone, ask the owner.
   */
  protect(slot: number, generation: number): boolean {
    this.protectMetadata(slot * CACHE_LINES_PER_BLOCK);
    if (this.generation(slot) === generation) return true;
    this.unprotect();
    return false;
  }

  /**
   * Guards the published object whose metadata begins at that line. The caller makes sure afterwards that
   * it is published still. One `protect` at a time, of either kind.
   */
  protectMetadata(line: number): void {
    this.pins.guard(line);
  }

  /** Once for each protect that gave true, and each `protectMetadata`. */
  unprotect(): void {
    this.pins.unguard();
  }

  /** Pins the slot if it still holds that generation. False: gone, ask the owner. */
  acquire(slot: number, generation: number): boolean {
    this.pins.add(slot * CACHE_LINES_PER_BLOCK);
    if (this.generation(slot) === generation) return true;
    this.pins.remove(slot * CACHE_LINES_PER_BLOCK);
    return false;
  }

  /** As `acquire`, of a slot that another pin keeps as it is: that may have a new generation. */
  pin(slot: number): void {
    this.pins.add(slot * CACHE_LINES_PER_BLOCK);
  }

  /** Once for each acquire that gave true, and each `pin`. */
  release(slot: number): void {
    this.pins.remove(slot * CACHE_LINES_PER_BLOCK);
  }

  /** Owner only: a lease that goes to that worker with a message. */
  leaseTo(worker: number, slot: number): void {
    this.pins.lend(worker, slot * CACHE_LINES_PER_BLOCK);
  }

  /** Owner only: the worker could not be told. */
  takeBack(worker: number, slot: number): void {
    this.pins.takeBack(worker, slot * CACHE_LINES_PER_BLOCK);
  }

  /** Once for each lease that came from that worker with a message. */
  giveBack(from: number, slot: number): void {
    this.pins.giveBack(from, slot * CACHE_LINES_PER_BLOCK);
  }

  /** Marks a visit for the eviction hand. A lost race costs one visit, so no atomics. */
  touch(slot: number): void {
    const visits = this.hits[slot] ?? 0;
    if (visits < 3) this.hits[slot] = visits + 1;
  }

  generation(slot: number): number {
    return Atomics.load(this.#records, slot * RECORD.cells + RECORD.generation);
  }

  /** Bytes of the body that are in place; a reader may send up to here. */
  written(slot: number): number {
    return Atomics.load(this.#records, slot * RECORD.cells + RECORD.written) >>> 0;
  }

  /** Owner only: bytes up to `bytes` are in place and will not change under this generation. */
  publishWritten(slot: number, bytes: number): void {
    // Of more than the cell holds, as much: messages tell whoever follows of the rest.
    const said = Math.min(bytes, MAX_UINT32);
    Atomics.store(this.#records, slot * RECORD.cells + RECORD.written, said | 0);
  }

  /** Owner only: makes every descriptor of the slot invalid and gives the new generation. */
  bumpGeneration(slot: number): number {
    return (Atomics.add(this.#records, slot * RECORD.cells + RECORD.generation, 1) + 1) | 0;
  }

  /** Owner only: readers of the slot on all workers, at most. Meaningful after a bump. */
  leases(slot: number): number {
    return this.pins.count(slot * CACHE_LINES_PER_BLOCK);
  }

  bank(index: number): BankView {
    const bank = this.banks[index];
    if (bank === undefined) throw new RangeError(`no bank ${index}`);
    return bank;
  }

  /** `length` bytes of one bank, borrowed: a pin, or being the owner, guards them. */
  bytes(offset: number, length: number): Uint8Array {
    const index = Math.floor(offset / this.#bankBytes);
    const from = offset - index * this.#bankBytes;
    return this.bank(index).bytes.subarray(from, from + length);
  }

  /** Owner only: copies `bytes` into the extents, `at` bytes into the object. */
  write(extents: readonly Extent[], at: number, bytes: BorrowedBytes): void {
    if (bytes.length === 0) return;
    let skip = at;
    let from = 0;
    for (const { offset, length } of extents) {
      if (skip >= length) {
        skip -= length;
        continue;
      }
      const count = Math.min(length - skip, bytes.length - from);
      const part =
        from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count);
      this.#copy(part, offset + skip);
      from += count;
      skip = 0;
      if (from === bytes.length) return;
    }
    throw new RangeError('write past the extents');
  }

  /** Borrowed view of at most `limit` contiguous bytes of the object from `at`; the lease guards it. */
  view(extents: readonly Extent[], at: number, limit: number): BorrowedBytes {
    let skip = at;
    for (const { offset, length } of extents) {
      if (skip < length) return this.bytes(offset + skip, Math.min(length - skip, limit));
      skip -= length;
    }
    return this.bytes(0, 0);
  }

  #copy(bytes: BorrowedBytes, offset: number): void {
    const index = Math.floor(offset / this.#bankBytes);
    const bank = this.bank(index).bytes;
    const at = offset - index * this.#bankBytes;
    if (bytes.length < NATIVE_COPY_BYTES) bank.set(bytes, at);
    else copyBytes(bank, at, forThisCall(bytes));
  }
}
