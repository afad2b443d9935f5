/**
 * The fills under way for one key. Those that who asks may join are found by slot key; one whose place
 * another has taken is found by nobody any more, but it is under way until it ends, and a purge must reach it.
 */
import type { Fill } from './fill.js';

export class KeyFills implements Iterable<Fill> {
  readonly #all = new Set<Fill>();
  readonly #listed = new Map<string, Fill>();

  /** All that have not ended. */
  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): Iterator<Fill> {
    return this.#all[Symbol.iterator]();
  }

  find(slotKey: string): Fill | undefined {
    return this.#listed.get(slotKey);
  }

  /** Found from now on, in the place of one before it. */
  begin(fill: Fill): void {
    this.#all.add(fill);
    this.#listed.set(fill.slotKey, fill);
  }

  /** Found from now on by those whom the answer suits: the fields that select it are known at last. */
  rekey(fill: Fill, secondary: string): void {
    const slotKey = fill.range === '' ? secondary : `${secondary}\n${fill.range}`;
    if (slotKey === fill.slotKey || this.#listed.get(fill.slotKey) !== fill) return;
    this.unlist(fill);
    fill.slotKey = slotKey;
    if (!this.#listed.has(slotKey)) this.#listed.set(slotKey, fill);
  }

  /** Nobody finds it any more: who asks from now on begins another. */
  unlist(fill: Fill): void {
    if (this.#listed.get(fill.slotKey) === fill) this.#listed.delete(fill.slotKey);
  }

  /** None of them keeps what it brings, nor is joined. */
  forbid(): void {
    for (const fill of this.#all) {
      fill.outdated = true;
      this.unlist(fill);
    }
  }

  /** It is stored: those for the same whose place it took bring what is older. */
  outdateBefore(newer: Fill): void {
    for (const fill of this.#all) {
      if (fill.id < newer.id && fill.slotKey === newer.slotKey) fill.outdated = true;
    }
  }

  end(fill: Fill): void {
    this.unlist(fill);
    this.#all.delete(fill);
  }
}
