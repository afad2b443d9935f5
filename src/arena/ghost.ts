/**
 * Remembers the keys of recently evicted objects by hash, without their bytes: a table of sets of
 * four, so its size is fixed, a wrong answer is a rare collision, and age is counted in evicted
 * bytes. Owned by one shard.
 */

const WAYS = 4;

export class Ghost {
  readonly #hashes: Int32Array;
  readonly #stamps: Float64Array; // bytes evicted before this one; -Infinity: no entry
  readonly #setMask: number;
  #evictedBytes = 0;

  /** Room for at least `entries` keys, up to the next power of two. */
  constructor(entries: number) {
    const sets = 2 ** Math.max(0, Math.ceil(Math.log2(entries / WAYS)));
    this.#setMask = sets - 1;
    this.#hashes = new Int32Array(sets * WAYS);
    this.#stamps = new Float64Array(sets * WAYS).fill(-Infinity);
  }

  /** Notes an eviction, in the place of the key's note before or of the oldest of its set. */
  add(keyHash: number, sizeBytes: number): void {
    const cell = this.#find(keyHash) ?? this.#oldest(this.#setOf(keyHash));
    this.#hashes[cell] = keyHash | 0;
    this.#stamps[cell] = this.#evictedBytes;
    this.#evictedBytes += sizeBytes;
  }

  /** True, once, when the key was noted and at most `windowBytes` were evicted from then on. */
  take(keyHash: number, windowBytes: number): boolean {
    const cell = this.#find(keyHash);
    if (cell === undefined) return false;
    const known = this.#evictedBytes - this.#stamp(cell) <= windowBytes;
    this.#stamps[cell] = -Infinity;
    return known;
  }

  /** Where the key is noted. */
  #find(keyHash: number): number | undefined {
    const first = this.#setOf(keyHash);
    for (let i = first; i < first + WAYS; i++) {
      if (this.#hashes[i] === (keyHash | 0) && this.#stamp(i) !== -Infinity) return i;
    }
    return undefined;
  }

  #oldest(first: number): number {
    let cell = first;
    for (let i = first; i < first + WAYS; i++) {
      if (this.#stamp(i) < this.#stamp(cell)) cell = i;
    }
    return cell;
  }

  #stamp(cell: number): number {
    return this.#stamps[cell] ?? -Infinity;
  }

  /** First cell of the key's set. The bits are mixed: hash tables have often used the low ones. */
  #setOf(keyHash: number): number {
    const mixed = Math.imul(keyHash ^ (keyHash >>> 16), 0x45d9f3b);
    return ((mixed ^ (mixed >>> 16)) & this.#setMask) * WAYS;
  }
}
