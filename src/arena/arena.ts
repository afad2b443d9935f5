/**
 * One shard's shared memory as one thread sees it. Any worker reads and leases; only the owner
 * allocates, writes and retires.
 *
 * A lease and a retirement race like this, and one side always sees the other (sequentially
 * consistent atomics):
 *   reader: leases[slot] += 1, then reads the slot's generation
 *   owner:  generation += 1, then reads leases[slot]
 *
 * A read that is over before the thread does anything else needs no count of its own: one cell per
 * worker names what is read, a hazard pointer (Michael 2004, "Hazard Pointers: Safe Memory Reclamation
 * for Lock-Free Objects"). Always the same cell, it is in the cache where a lease among millions
 * is not. It names a slot, or the text of a published object by its line (`directory.ts`).
 */
import { copyBytes } from '../../native/addon.js';
import { type BorrowedBytes, forThisCall } from '../runtime/bytes.js';
import type { Extent } from './buddy.js';
import { type ArenaLayout, layoutOf, LINE_BYTES, RECORD, RECORD_BYTES } from './layout.js';

const CELLS = RECORD_BYTES / 4;
const HAZARD_CELLS = LINE_BYTES / 4;
const NOTHING = 0;
/** Below, the call costs more than it saves. */
const NATIVE_COPY_BYTES = 1_024;

export class ArenaView {
  readonly buffer: SharedArrayBuffer;
  readonly layout: ArenaLayout;
  /** Visits per slot, saturating at 3; the eviction hand reads and clears it. */
  readonly hits: Uint8Array;
  readonly data: Uint8Array;
  readonly #records: Int32Array;
  readonly #leases: Int32Array;
  readonly #hazards: Int32Array;
  readonly #mine: number; // index of this worker's first lease cell
  readonly #hazard: number; // index of this worker's hazard cell

  /** `worker` is the index of the thread that holds this view. */
  constructor(buffer: SharedArrayBuffer, worker: number) {
    const layout = layoutOf(buffer);
    this.buffer = buffer;
    this.layout = layout;
    const { slots, workers, recordOffset } = layout;
    this.#records = new Int32Array(buffer, recordOffset, slots * CELLS);
    this.#leases = new Int32Array(buffer, layout.leaseOffset, slots * workers);
    this.#hazards = new Int32Array(buffer, layout.hazardOffset, workers * HAZARD_CELLS);
    this.hits = new Uint8Array(buffer, layout.hitsOffset, slots);
    this.data = new Uint8Array(buffer, layout.dataOffset, layout.dataBytes);
    this.#mine = worker * slots;
    this.#hazard = worker * HAZARD_CELLS;
  }

  /**
   * Guards the slot while it still holds that generation, for a read without a turn of the loop and
   * without another `protect` in between. False: gone, ask the owner.
   */
  protect(slot: number, generation: number): boolean {
    Atomics.store(this.#hazards, this.#hazard, slot + 1);
    if (this.generation(slot) === generation) return true;
    Atomics.store(this.#hazards, this.#hazard, NOTHING);
    return false;
  }

  /**
   * Guards the published object whose text begins at that line. The caller makes sure afterwards that
   * it is published still. One `protect` at a time, of either kind.
   */
  protectText(line: number): void {
    Atomics.store(this.#hazards, this.#hazard, ~line);
  }

  /** Once for each protect that gave true, and each `protectText`. */
  unprotect(): void {
    Atomics.store(this.#hazards, this.#hazard, NOTHING);
  }

  /** Pins the slot if it still holds that generation. False: gone, ask the owner. */
  acquire(slot: number, generation: number): boolean {
    const cell = this.#mine + slot;
    Atomics.add(this.#leases, cell, 1);
    if (this.generation(slot) === generation) return true;
    Atomics.sub(this.#leases, cell, 1);
    return false;
  }

  /** As `acquire`, of a slot that another lease keeps as it is: that may have a new generation. */
  pin(slot: number): void {
    Atomics.add(this.#leases, this.#mine + slot, 1);
  }

  /** Once for each acquire that gave true, each `pin`, and each lease that the owner gave. */
  release(slot: number): void {
    Atomics.sub(this.#leases, this.#mine + slot, 1);
  }

  /** Owner only: a lease for that worker, which is told of it and releases it. */
  leaseTo(worker: number, slot: number): void {
    Atomics.add(this.#leases, worker * this.layout.slots + slot, 1);
  }

  /** Owner only: the worker could not be told. */
  takeBack(worker: number, slot: number): void {
    Atomics.sub(this.#leases, worker * this.layout.slots + slot, 1);
  }

  /** Marks a visit for the eviction hand. A lost race costs one visit, so no atomics. */
  touch(slot: number): void {
    const visits = this.hits[slot] ?? 0;
    if (visits < 3) this.hits[slot] = visits + 1;
  }

  generation(slot: number): number {
    return Atomics.load(this.#records, slot * CELLS + RECORD.generation);
  }

  /** Bytes of the body that are in place; a reader may send up to here. */
  written(slot: number): number {
    return Atomics.load(this.#records, slot * CELLS + RECORD.written);
  }

  /** Owner only: bytes up to `bytes` are in place and will not change under this generation. */
  publishWritten(slot: number, bytes: number): void {
    Atomics.store(this.#records, slot * CELLS + RECORD.written, bytes);
  }

  /** Owner only: makes every descriptor of the slot invalid and gives the new generation. */
  bumpGeneration(slot: number): number {
    return (Atomics.add(this.#records, slot * CELLS + RECORD.generation, 1) + 1) | 0;
  }

  /** Owner only: readers of the slot on all workers. Meaningful after a bump. */
  leases(slot: number): number {
    let sum = 0;
    for (let worker = 0; worker < this.layout.workers; worker += 1) {
      sum += Atomics.load(this.#leases, worker * this.layout.slots + slot);
      if (Atomics.load(this.#hazards, worker * HAZARD_CELLS) === slot + 1) sum += 1;
    }
    return sum;
  }

  /** Owner only: whether any worker guards the text. Meaningful once nobody can find it any more. */
  isTextRead(line: number): boolean {
    for (let worker = 0; worker < this.layout.workers; worker += 1) {
      if (Atomics.load(this.#hazards, worker * HAZARD_CELLS) === ~line) return true;
    }
    return false;
  }

  /** Owner only: forgets the leases of a worker whose thread has ended. */
  clearLeases(worker: number): void {
    const { slots } = this.layout;
    Atomics.store(this.#hazards, worker * HAZARD_CELLS, NOTHING);
    for (let slot = 0; slot < slots; slot += 1) {
      Atomics.store(this.#leases, worker * slots + slot, 0);
    }
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
      if (count < NATIVE_COPY_BYTES) this.data.set(part, offset + skip);
      else copyBytes(this.data, offset + skip, forThisCall(part));
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
      if (skip < length) {
        const count = Math.min(length - skip, limit);
        return this.data.subarray(offset + skip, offset + skip + count);
      }
      skip -= length;
    }
    return this.data.subarray(0, 0);
  }
}
