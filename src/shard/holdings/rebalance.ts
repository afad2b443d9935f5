/**
 * Moves banks to where they are needed: a shard that keeps for long what it evicts gives one to the shard
 * that keeps things the least long. Nobody is asked: each says how long it keeps things, and who keeps them
 * longest gives. memcached's slab mover does so among its classes of sizes.
 */
import type { Banks } from '../../arena/banks.js';
import type { BuddyAllocator } from '../../arena/buddy.js';
import type { ObjectStore } from './object-store.js';

const LOOK_MS = 1_000;
/** In one turn: evicting one takes some 10 us. */
const CLEAR_AT_ONCE = 256;
/** A fill or a reader in the way for longer: not this bank. */
const PATIENCE_MS = 10_000;

export interface RebalanceOptions {
  readonly allocator: BuddyAllocator;
  readonly banks: Banks;
  readonly store: Pick<ObjectStore, 'kept' | 'clear'>;
  readonly now: () => number;
  readonly onMoved: () => void;
}

interface Move {
  readonly bank: number;
  readonly to: number; // a shard
  readonly untilMs: number;
}

export class Rebalance {
  readonly #options: RebalanceOptions;
  #move: Move | undefined;
  #lookMs = 0;

  constructor(options: RebalanceOptions) {
    this.#options = options;
  }

  /** About ten times a second. */
  tick(): void {
    if (this.#move !== undefined) this.#goOn(this.#move);
    const { banks, store, now } = this.#options;
    const nowMs = now();
    if (nowMs - this.#lookMs < LOOK_MS) return;
    this.#lookMs = nowMs;
    banks.tick();
    banks.report(store.kept.keepsMs, store.kept.needsMs);
    const to = this.#move === undefined ? banks.needier : undefined;
    if (to !== undefined) this.#begin(to, nowMs);
  }

  /** Of the bank with the most free in it. */
  #begin(to: number, nowMs: number): void {
    const { allocator, banks } = this.#options;
    const free = banks.held.map((bank) => ({ bank, cells: allocator.freeIn(bank) }));
    free.sort((a, b) => b.cells - a.cells);
    const [most] = free;
    if (most === undefined) return;
    allocator.leave(most.bank);
    this.#move = { bank: most.bank, to, untilMs: nowMs + PATIENCE_MS };
  }

  #goOn({ bank, to, untilMs }: Move): void {
    const { allocator, banks, store, now, onMoved } = this.#options;
    let count = 0;
    for (const holder of allocator.leavingHolders()) {
      if (store.clear(holder)) count += 1;
      if (count >= CLEAR_AT_ONCE) return;
    }
    if (allocator.isLeft) {
      banks.give(bank, to);
      onMoved();
    } else if (now() >= untilMs) allocator.keep();
    else return;
    this.#move = undefined;
  }
}
