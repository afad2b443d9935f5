/** Policies that bench/eviction.ts measures ours against; none of them is used by the gateway. */
import type { Eviction } from '../src/arena/eviction.js';
import { NO_SLOT } from '../src/arena/layout.js';
import { SlotQueue, slotLinks } from '../src/arena/slot-queue.js';

/** A policy that wants to hear of every hit, which readers on other threads could not tell it. */
export interface HeardEviction extends Eviction {
  touch(slot: number): void;
}

export class Fifo implements Eviction {
  readonly #queue: SlotQueue;
  constructor(slots: number) {
    this.#queue = new SlotQueue(slotLinks(slots));
  }
  get count(): number {
    return this.#queue.count;
  }
  insert(slot: number): void {
    this.#queue.push(slot);
  }
  remove(slot: number): void {
    this.#queue.unlink(slot);
  }
  victim(): number {
    const slot = this.#queue.oldest;
    if (slot !== NO_SLOT) this.#queue.unlink(slot);
    return slot;
  }
}

export class Lru extends Fifo implements HeardEviction {
  touch(slot: number): void {
    this.remove(slot);
    this.insert(slot);
  }
}

/** A binary heap of slots, least value first, with the place of each slot for updates. */
class SlotHeap {
  readonly #heap: Int32Array;
  readonly #place: Int32Array;
  readonly #value: Float64Array;
  count = 0;
  constructor(slots: number) {
    this.#heap = new Int32Array(slots);
    this.#place = new Int32Array(slots).fill(NO_SLOT);
    this.#value = new Float64Array(slots);
  }
  valueAt(slot: number): number {
    return this.#value[slot] ?? 0;
  }
  least(): number {
    return this.count === 0 ? NO_SLOT : (this.#heap[0] ?? NO_SLOT);
  }
  set(slot: number, value: number): void {
    this.#value[slot] = value;
    if (this.#place[slot] === NO_SLOT) this.#put(slot, this.count++);
    this.#settle(this.#place[slot] ?? 0);
  }
  delete(slot: number): void {
    const place = this.#place[slot] ?? NO_SLOT;
    if (place === NO_SLOT) return;
    this.#place[slot] = NO_SLOT;
    const last = this.#heap[--this.count] ?? NO_SLOT;
    if (last === slot) return;
    this.#put(last, place);
    this.#settle(place);
  }
  #put(slot: number, place: number): void {
    this.#heap[place] = slot;
    this.#place[slot] = place;
  }
  #at(place: number): number {
    return this.valueAt(this.#heap[place] ?? 0);
  }
  #swap(a: number, b: number): void {
    const slot = this.#heap[a] ?? 0;
    this.#put(this.#heap[b] ?? 0, a);
    this.#put(slot, b);
  }
  #settle(start: number): void {
    let place = start;
    for (; place > 0 && this.#at(place) < this.#at((place - 1) >> 1); place = (place - 1) >> 1) {
      this.#swap(place, (place - 1) >> 1);
    }
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.count) return;
      if (child + 1 < this.count && this.#at(child + 1) < this.#at(child)) child++;
      if (this.#at(child) >= this.#at(place)) return;
      this.#swap(place, child);
      place = child;
    }
  }
}

/** Greedy-Dual-Size-Frequency: value = clock + hits / size; favours small objects. */
export class Gdsf implements HeardEviction {
  readonly #heap: SlotHeap;
  readonly #hits: Float64Array;
  readonly #sizes: Float64Array;
  #clock = 0;
  constructor(slots: number) {
    this.#heap = new SlotHeap(slots);
    this.#hits = new Float64Array(slots);
    this.#sizes = new Float64Array(slots);
  }
  get count(): number {
    return this.#heap.count;
  }
  insert(slot: number, sizeBytes: number): void {
    this.#hits[slot] = 0;
    this.#sizes[slot] = sizeBytes;
    this.touch(slot);
  }
  touch(slot: number): void {
    const hits = (this.#hits[slot] ?? 0) + 1;
    this.#hits[slot] = hits;
    this.#heap.set(slot, this.#clock + hits / (this.#sizes[slot] ?? 1));
  }
  remove(slot: number): void {
    this.#heap.delete(slot);
  }
  victim(): number {
    const slot = this.#heap.least();
    if (slot === NO_SLOT) return NO_SLOT;
    this.#clock = this.#heap.valueAt(slot);
    this.#heap.delete(slot);
    return slot;
  }
}

/**
 * Knows the future: evicts what is asked for again last (Belady). With unequal sizes that is no
 * proven optimum, but no online policy comes near it. `nextUse` is set before each insert or touch.
 */
export class Belady implements HeardEviction {
  readonly #heap: SlotHeap;
  nextUse = Infinity;
  constructor(slots: number) {
    this.#heap = new SlotHeap(slots);
  }
  get count(): number {
    return this.#heap.count;
  }
  insert(slot: number): void {
    this.touch(slot);
  }
  touch(slot: number): void {
    this.#heap.set(slot, -this.nextUse);
  }
  remove(slot: number): void {
    this.#heap.delete(slot);
  }
  victim(): number {
    const slot = this.#heap.least();
    this.remove(slot);
    return slot;
  }
}
