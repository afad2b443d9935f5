/**
 * A FIFO of slot numbers, oldest to newest, linked through two cells per slot. Queues that share
 * one `SlotLinks` move a slot from one to the other for free; a slot is in one of them at a time.
 */
import { NO_SLOT } from './layout.js';

/** Cells per slot for every queue built on them. */
export interface SlotLinks {
  readonly older: Int32Array;
  readonly newer: Int32Array;
}

export function slotLinks(slots: number): SlotLinks {
  return { older: new Int32Array(slots).fill(NO_SLOT), newer: new Int32Array(slots).fill(NO_SLOT) };
}

export class SlotQueue {
  readonly #links: SlotLinks;
  #oldest = NO_SLOT;
  #newest = NO_SLOT;
  #count = 0;

  constructor(links: SlotLinks) {
    this.#links = links;
  }

  get count(): number {
    return this.#count;
  }

  /** NO_SLOT when empty. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The next younger slot, NO_SLOT after the newest. */
  after(slot: number): number {
    return this.#links.newer[slot] ?? NO_SLOT;
  }

  /** The slot must be in no queue of these links. */
  push(slot: number): void {
    const { older, newer } = this.#links;
    older[slot] = this.#newest;
    newer[slot] = NO_SLOT;
    if (this.#newest === NO_SLOT) this.#oldest = slot;
    else newer[this.#newest] = slot;
    this.#newest = slot;
    this.#count++;
  }

  /** The slot must be in this queue. */
  unlink(slot: number): void {
    const { older, newer } = this.#links;
    const before = older[slot] ?? NO_SLOT;
    const after = newer[slot] ?? NO_SLOT;
    if (before === NO_SLOT) this.#oldest = after;
    else newer[before] = after;
    if (after === NO_SLOT) this.#newest = before;
    else older[after] = before;
    older[slot] = NO_SLOT;
    newer[slot] = NO_SLOT;
    this.#count--;
  }
}
