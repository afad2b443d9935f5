/**
 * One shard's shared memory as one thread sees it. Any worker reads and leases; only the owner
 * allocates, writes and retires.
 *
 * A lease and a retirement race like this, and one side always sees the other (sequentially
 * consistent atomics):
 *   reader: leases[slot] += 1, then reads generation[slot]
 *   owner:  generation[slot] += 1, then reads leases[slot]
 */
import type { Extent } from './buddy.js';
import { type ArenaLayout, layoutOf } from './layout.js';

export class ArenaView {
  readonly buffer: SharedArrayBuffer;
  readonly layout: ArenaLayout;
  /** Visits per slot, saturating at 3; the eviction hand reads and clears it. */
  readonly hits: Uint8Array;
  readonly data: Uint8Array;
  readonly #generations: Int32Array;
  readonly #written: Int32Array;
  readonly #leases: Int32Array;
  readonly #mine: number; // index of this worker's first lease cell

  /** `worker` is the index of the thread that holds this view. */
  constructor(buffer: SharedArrayBuffer, worker: number) {
    const layout = layoutOf(buffer);
    this.buffer = buffer;
    this.layout = layout;
    this.#generations = new Int32Array(buffer, layout.generationOffset, layout.slots);
    this.#written = new Int32Array(buffer, layout.writtenOffset, layout.slots);
    this.#leases = new Int32Array(buffer, layout.leaseOffset, layout.slots * layout.workers);
    this.hits = new Uint8Array(buffer, layout.hitsOffset, layout.slots);
    this.data = new Uint8Array(buffer, layout.dataOffset, layout.dataBytes);
    this.#mine = worker * layout.slots;
  }

  /** Pins the slot if it still holds that generation. False: gone, ask the owner. */
  acquire(slot: number, generation: number): boolean {
    const cell = this.#mine + slot;
    Atomics.add(this.#leases, cell, 1);
    if (Atomics.load(this.#generations, slot) === generation) return true;
    Atomics.sub(this.#leases, cell, 1);
    return false;
  }

  /** Once for each acquire that gave true. */
  release(slot: number): void {
    Atomics.sub(this.#leases, this.#mine + slot, 1);
  }

  /** Marks a visit for the eviction hand. A lost race costs one visit, so no atomics. */
  touch(slot: number): void {
    const visits = this.hits[slot] ?? 0;
    if (visits < 3) this.hits[slot] = visits + 1;
  }

  generation(slot: number): number {
    return Atomics.load(this.#generations, slot);
  }

  /** Bytes of the body that are in place; a reader may send up to here. */
  written(slot: number): number {
    return Atomics.load(this.#written, slot);
  }

  /** Owner only: bytes up to `bytes` are in place and will not change under this generation. */
  publishWritten(slot: number, bytes: number): void {
    Atomics.store(this.#written, slot, bytes);
  }

  /** Owner only: makes every descriptor of the slot invalid and gives the new generation. */
  bumpGeneration(slot: number): number {
    return (Atomics.add(this.#generations, slot, 1) + 1) | 0;
  }

  /** Owner only: readers of the slot on all workers. Meaningful after a bump. */
  leases(slot: number): number {
    let sum = 0;
    for (let worker = 0; worker < this.layout.workers; worker += 1) {
      sum += Atomics.load(this.#leases, worker * this.layout.slots + slot);
    }
    return sum;
  }

  /** Owner only: forgets the leases of a worker whose thread has ended. */
  clearLeases(worker: number): void {
    const { slots } = this.layout;
    for (let slot = 0; slot < slots; slot += 1) {
      Atomics.store(this.#leases, worker * slots + slot, 0);
    }
  }

  /** Owner only: copies `bytes` into the extents, `at` bytes into the object. */
  write(extents: readonly Extent[], at: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    let skip = at;
    let from = 0;
    for (const { offset, length } of extents) {
      if (skip >= length) {
        skip -= length;
        continue;
      }
      const count = Math.min(length - skip, bytes.length - from);
      this.data.set(
        from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count),
        offset + skip,
      );
      from += count;
      skip = 0;
      if (from === bytes.length) return;
    }
    throw new RangeError('write past the extents');
  }

  /** Borrowed view of at most `limit` contiguous bytes of the object from `at`; the lease guards it. */
  view(extents: readonly Extent[], at: number, limit: number): Uint8Array {
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
