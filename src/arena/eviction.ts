/**
 * Which slot leaves when room is needed: SIEVE and S3-FIFO, over slot numbers. Owned by one shard.
 *
 * A hit does not come here. The reading thread, any of them, writes `hits[slot] = min(3, hits + 1)`
 * in shared memory, and the hand reads and lowers it. Plain access is enough: a byte cannot tear,
 * no other cell is ordered by it, and a lost update makes an object look one hit less popular.
 * A late reader of a slot's previous object can at worst give the next one a hit too many.
 */
import { GatewayError } from '../errors.js';
import { Ghost } from './ghost.js';
import { type Books, NO_SLOT } from './layout.js';
import { SlotQueue, slotLinks } from './slot-queue.js';

/** Hits are counted to here: S3-FIFO's two bits. */
export const MAX_HITS = 3;

/**
 * A hand that finds only popular slots stops looking after so many and takes the next one: readers
 * raise counts while it walks, and a turn of the shard must end.
 */
const MAX_STEPS = 1_024;

export interface EvictionOptions {
  /** Slots are numbered 0 to `slots - 1`. */
  readonly slots: number;
  /** One cell per slot, shared with the readers. */
  readonly hits: Uint8Array;
}

export interface Eviction {
  readonly count: number;
  /**
   * A new object in `slot`; clears its hits.
   * @throws GatewayError GW_INTERNAL when the slot is held already or does not exist.
   */
  insert(slot: number, sizeBytes: number, keyHash: number): void;
  /** Forgets a slot that leaves for another reason (purged, replaced); unknown slots are ignored. */
  remove(slot: number): void;
  /**
   * The slot to evict, no longer held here; NO_SLOT (-1) when there is none. Slots for which `skip`
   * is true (filled, or read) are not taken; they may go behind the others, as used.
   */
  victim(skip?: (slot: number) => boolean): number;
}

/**
 * SIEVE (Zhang et al., NSDI 2024): one FIFO; the hand walks from old to new, clears what was hit and
 * takes the first that was not. Survivors keep their place.
 */
export class Sieve implements Eviction {
  readonly #hits: Uint8Array;
  readonly #held: Uint8Array;
  readonly #queue: SlotQueue;
  #hand = NO_SLOT; // NO_SLOT: start at the oldest

  constructor(o: EvictionOptions) {
    checkHits(o);
    this.#hits = o.hits;
    this.#held = new Uint8Array(o.slots);
    this.#queue = new SlotQueue(slotLinks(o.slots));
  }

  get count(): number {
    return this.#queue.count;
  }

  insert(slot: number): void {
    if (this.#held[slot] !== 0) throw misuse(slot);
    this.#hits[slot] = 0;
    this.#held[slot] = 1;
    this.#queue.push(slot);
  }

  remove(slot: number): void {
    if (this.#held[slot] !== 1) return;
    if (this.#hand === slot) this.#hand = this.#queue.after(slot);
    this.#held[slot] = 0;
    this.#queue.unlink(slot);
  }

  victim(skip?: (slot: number) => boolean): number {
    let skipped = 0; // in a row: a whole round of them means there is nothing to take
    for (let step = 0; skipped < this.#queue.count; step++) {
      const slot = this.#hand === NO_SLOT ? this.#queue.oldest : this.#hand;
      this.#hand = this.#queue.after(slot);
      if (skip?.(slot)) {
        skipped++;
        continue;
      }
      skipped = 0;
      if (this.#hits[slot] === 0 || step >= MAX_STEPS) {
        this.remove(slot);
        return slot;
      }
      this.#hits[slot] = 0;
    }
    return NO_SLOT;
  }
}

const NOWHERE = 0;
const IN_SMALL = 1;
const IN_MAIN = 2;

/** Tiny objects cost no bytes but a slot each: past this share of the table they queue like others. */
const ROOMY = 0.75;

/** Only cells of what is held mean anything, and `homes` is 0 for all else. */
type S3FifoBooks = Pick<Books, 'older' | 'newer' | 'homes' | 'sizes' | 'hashes'>;

export interface S3FifoOptions extends EvictionOptions {
  /** Of its own unless given. */
  readonly books?: S3FifoBooks;
  /** How many of the slots it is expected to hold; all unless told otherwise. */
  readonly share?: number;
  /** Share of the held bytes that the small queue may have before it gives; 0 to 1, 0.2. */
  readonly smallShare?: number;
  /** Hits that move an object from the small queue to the main one; 1 to MAX_HITS, 1. */
  readonly promoteAt?: number;
  /** Objects below this share of the mean size go to the main queue at once; 0.25, 0 turns it off. */
  readonly tinyBelow?: number;
}

/**
 * S3-FIFO (Yang et al., SOSP 2023): new objects pass through a small queue and only those hit there
 * reach the main one, so a scan passes by. A key evicted from the small queue is remembered, and
 * goes to the main queue if it comes back. Departures from the paper, with figures in DESIGN.md:
 * queues and ghost are measured in bytes, since objects differ a thousandfold in size; one hit
 * promotes; the small queue has a fifth; and what is tiny (playlists, init segments, audio) skips it.
 */
export class S3Fifo implements Eviction {
  readonly #hits: Uint8Array;
  readonly #smallShare: number;
  readonly #promoteAt: number;
  readonly #tinyBelow: number;
  readonly #roomy: number; // slots
  readonly #small: SlotQueue;
  readonly #main: SlotQueue;
  readonly #home: Uint8Array;
  readonly #sizes: Float64Array;
  readonly #hashes: Int32Array;
  readonly #ghost: Ghost;
  #smallBytes = 0;
  #mainBytes = 0;

  constructor(o: S3FifoOptions) {
    checkHits(o);
    const books = o.books ?? ownBooks(o.slots);
    const share = o.share ?? o.slots;
    this.#hits = o.hits;
    this.#smallShare = o.smallShare ?? 0.2;
    this.#promoteAt = o.promoteAt ?? 1;
    this.#tinyBelow = o.tinyBelow ?? 0.25;
    this.#roomy = ROOMY * share;
    this.#small = new SlotQueue(books);
    this.#main = new SlotQueue(books);
    this.#home = books.homes;
    this.#sizes = books.sizes;
    this.#hashes = books.hashes;
    this.#ghost = new Ghost(share);
  }

  get count(): number {
    return this.#small.count + this.#main.count;
  }

  insert(slot: number, sizeBytes: number, keyHash: number): void {
    if (this.#home[slot] !== NOWHERE) throw misuse(slot);
    this.#hits[slot] = 0;
    this.#sizes[slot] = sizeBytes;
    this.#hashes[slot] = keyHash;
    const heldBytes = this.#smallBytes + this.#mainBytes;
    const known = this.#ghost.take(keyHash, heldBytes);
    const tiny = sizeBytes * this.count < this.#tinyBelow * heldBytes && this.count < this.#roomy;
    this.#enter(slot, known || tiny ? IN_MAIN : IN_SMALL);
  }

  remove(slot: number): void {
    if (this.#home[slot] === IN_SMALL) {
      this.#small.unlink(slot);
      this.#smallBytes -= this.#size(slot);
    } else if (this.#home[slot] === IN_MAIN) {
      this.#main.unlink(slot);
      this.#mainBytes -= this.#size(slot);
    }
    if (slot < this.#home.length) this.#home[slot] = NOWHERE;
  }

  /** As `remove`; false: it is not held. */
  take(slot: number): boolean {
    const held = (this.#home[slot] ?? NOWHERE) !== NOWHERE;
    this.remove(slot);
    return held;
  }

  victim(skip?: (slot: number) => boolean): number {
    let passed = 0; // of the main queue, since there was another: when those are all, there is nothing to take
    for (let step = 0; ;) {
      const slot = this.#candidate(passed);
      if (slot === NO_SLOT) return NO_SLOT;
      if (skip?.(slot) === true) {
        // Being read, it counts as hit. At the front it would be walked past, time after time.
        this.remove(slot);
        this.#enter(slot, IN_MAIN);
        passed += 1;
        continue;
      }
      step += 1;
      if (step > MAX_STEPS || !this.#spare(slot)) {
        if (this.#home[slot] === IN_SMALL) {
          this.#ghost.add(this.#hashes[slot] ?? 0, this.#size(slot));
        }
        this.remove(slot);
        return slot;
      }
      passed = 0; // there is a new one behind them
    }
  }

  /** The oldest slot of the queue whose turn it is; of the other if that has none, or all were passed. */
  #candidate(passed: number): number {
    const small = this.#small.oldest;
    const main = this.#main.count > passed ? this.#main.oldest : NO_SLOT;
    const smallFirst = this.#smallBytes > this.#smallShare * (this.#smallBytes + this.#mainBytes);
    const [first, second] = smallFirst ? [small, main] : [main, small];
    return first === NO_SLOT ? second : first;
  }

  /** True when the slot's hits earned it another round in the main queue. */
  #spare(slot: number): boolean {
    const hits = this.#hits[slot] ?? 0;
    const wasMain = this.#home[slot] === IN_MAIN;
    if (hits < (wasMain ? 1 : this.#promoteAt)) return false;
    this.#hits[slot] = wasMain ? hits - 1 : 0;
    this.remove(slot);
    this.#enter(slot, IN_MAIN);
    return true;
  }

  #enter(slot: number, home: typeof IN_SMALL | typeof IN_MAIN): void {
    this.#home[slot] = home;
    if (home === IN_SMALL) {
      this.#small.push(slot);
      this.#smallBytes += this.#size(slot);
    } else {
      this.#main.push(slot);
      this.#mainBytes += this.#size(slot);
    }
  }

  #size(slot: number): number {
    return this.#sizes[slot] ?? 0;
  }
}

function ownBooks(slots: number): S3FifoBooks {
  const { older, newer } = slotLinks(slots);
  const [homes, sizes] = [new Uint8Array(slots), new Float64Array(slots)];
  return { older, newer, homes, sizes, hashes: new Int32Array(slots) };
}

function checkHits(o: EvictionOptions): void {
  if (o.hits.length >= o.slots) return;
  throw new GatewayError('GW_INTERNAL', `${o.slots} slots, ${o.hits.length} hit counts`);
}

function misuse(slot: number): GatewayError {
  return new GatewayError(
    'GW_INTERNAL',
    `eviction: slot ${slot} is held already or does not exist`,
  );
}
