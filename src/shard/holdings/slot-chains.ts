/**
 * Which slots hold responses of one key, oldest first, found by a digest of the key. All of it lies in
 * typed arrays, 16 bytes a slot and 8 for each that the shard may expect to have: a map of keys would have them on the heap, where a client that asks for
 * long URLs nobody has would fill it, and the collector would look at a million of them.
 *
 * A digest only leads to a slot: its owner compares whole keys where their bytes lie. It is keyed by a
 * seed of this process, so that nobody can make keys that all lie in one bucket.
 */
import { hash, randomBytes } from 'node:crypto';
import { type Books, NO_SLOT } from '../../arena/layout.js';

export interface KeyDigest {
  readonly low: number; // 32 bits of a SHA-256 each
  readonly high: number;
}

type ChainBooks = 'beside' | 'nextOfKey' | 'lowDigest' | 'highDigest';

export class SlotChains {
  readonly #seed = randomBytes(16).toString('base64');
  readonly #mask: number;
  /** The first slot of the first chain of each bucket. */
  readonly #buckets: Int32Array;
  /** By the first slot of a chain: that of the next chain in its bucket. */
  readonly #beside: Int32Array;
  readonly #next: Int32Array; // within a chain
  readonly #low: Int32Array; // by the first slot of a chain
  readonly #high: Int32Array;
  #count = 0;
  /** One ask looks for its key more than once, and a long one takes 12 us. */
  #lastKey = '';
  #lastDigest: KeyDigest | undefined;

  /** `share`: slots that are expected to be in chains. */
  constructor(books: Pick<Books, ChainBooks>, share: number) {
    const buckets = 2 ** Math.ceil(Math.log2(share + 1));
    this.#mask = buckets - 1;
    this.#buckets = new Int32Array(buckets).fill(NO_SLOT);
    this.#beside = books.beside;
    this.#next = books.nextOfKey;
    this.#low = books.lowDigest;
    this.#high = books.highDigest;
  }

  /** Chains, each of one key. */
  get count(): number {
    return this.#count;
  }

  get buckets(): number {
    return this.#mask + 1;
  }

  digestOf(key: string): KeyDigest {
    if (this.#lastDigest !== undefined && key === this.#lastKey) return this.#lastDigest;
    const hex = hash('sha256', this.#seed + key, 'hex');
    this.#lastKey = key;
    this.#lastDigest = {
      low: Number.parseInt(hex.slice(0, 8), 16) | 0,
      high: Number.parseInt(hex.slice(8, 16), 16) | 0,
    };
    return this.#lastDigest;
  }

  /** The first slot of the key's chain, NO_SLOT when there is none; `isKeys` looks at the key itself. */
  find({ low, high }: KeyDigest, isKeys: (slot: number) => boolean): number {
    let head = at(this.#buckets, low & this.#mask);
    while (head !== NO_SLOT) {
      if (this.#low[head] === low && this.#high[head] === high && isKeys(head)) return head;
      head = at(this.#beside, head);
    }
    return NO_SLOT;
  }

  /** Whether a slot is the first of a chain. */
  isHead(slot: number): boolean {
    let head = at(this.#buckets, at(this.#low, slot) & this.#mask);
    while (head !== slot && head !== NO_SLOT) head = at(this.#beside, head);
    return head === slot;
  }

  /** The next slot of the same key. */
  after(slot: number): number {
    return at(this.#next, slot);
  }

  /**
   * The oldest of a chain that was not visited since this looked last, or the first; never `newest`, at which
   * it ends. Takes a visit from each that it passes.
   */
  unvisited(head: number, newest: number, visits: Uint8Array): number {
    for (let slot = head; slot !== newest; slot = this.after(slot)) {
      const count = visits[slot] ?? 0;
      if (count === 0) return slot;
      visits[slot] = count - 1;
    }
    return head;
  }

  /** The first slots of all chains in one bucket. */
  headsOf(bucket: number): number[] {
    const heads: number[] = [];
    for (let head = at(this.#buckets, bucket); head !== NO_SLOT; head = at(this.#beside, head)) {
      heads.push(head);
    }
    return heads;
  }

  /** A new chain of one slot. */
  begin({ low, high }: KeyDigest, slot: number): void {
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#next[slot] = NO_SLOT;
    const bucket = low & this.#mask;
    this.#beside[slot] = at(this.#buckets, bucket);
    this.#buckets[bucket] = slot;
    this.#count += 1;
  }

  /** Appends to a chain and gives the number of slots in it then. */
  append(head: number, slot: number): number {
    let length = 2;
    let last = head;
    for (let next = this.after(last); next !== NO_SLOT; next = this.after(last)) {
      last = next;
      length += 1;
    }
    this.#next[last] = slot;
    this.#next[slot] = NO_SLOT;
    return length;
  }

  /** Takes a slot out of its chain and gives the chain's first slot then, NO_SLOT when it was the only one. */
  remove(head: number, slot: number): number {
    const next = this.after(slot);
    if (slot !== head) {
      let before = head;
      while (this.after(before) !== slot) before = this.after(before);
      this.#next[before] = next;
      return head;
    }
    if (next === NO_SLOT) this.#count -= 1;
    else {
      this.#low[next] = at(this.#low, head);
      this.#high[next] = at(this.#high, head);
      this.#beside[next] = at(this.#beside, head);
    }
    this.#replace(head, next === NO_SLOT ? at(this.#beside, head) : next);
    return next;
  }

  /** What leads to the head of a chain leads elsewhere. */
  #replace(head: number, by: number): void {
    const bucket = at(this.#low, head) & this.#mask;
    let before = at(this.#buckets, bucket);
    if (before === head) {
      this.#buckets[bucket] = by;
      return;
    }
    while (at(this.#beside, before) !== head) before = at(this.#beside, before);
    this.#beside[before] = by;
  }
}

/** `cells[i]` where `i` is known to be inside. */
function at(cells: Int32Array, i: number): number {
  return cells[i] ?? NO_SLOT;
}
