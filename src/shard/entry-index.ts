/**
 * What a shard knows, by key (stream, then object, so that a stream is dropped as one) and by slot.
 * What nothing happens to rests as one text; whoever looks at it wakes it, and the next tick puts
 * it to rest again. An entry that somebody holds across turns must not be packable meanwhile.
 */
import { streamOf } from './describe.js';
import { type Entry, newEntry, type Stored } from './entry.js';
import type { LineInterner } from './line-interner.js';
import { packable, packStored, unpackStored } from './packed.js';
import type { RestingTexts } from './resting-texts.js';

export interface EntryIndexOptions {
  readonly shard: number;
  readonly epoch: number;
  readonly slots: number;
  readonly interner: LineInterner;
  readonly texts: RestingTexts;
}

export class EntryIndex {
  readonly #options: EntryIndexOptions;
  /** A number: the slot of the object that rests there. */
  readonly #streams = new Map<string, Map<string, Entry | number>>();
  /** By slot: whose body lies there, awake or at rest. */
  readonly #owners: (Stored | 'resting' | undefined)[];
  /** Looked at since the last `rest`. */
  readonly #touched = new Set<Entry>();
  #count = 0;

  constructor(options: EntryIndexOptions) {
    this.#options = options;
    this.#owners = new Array<Stored | 'resting' | undefined>(options.slots).fill(undefined);
  }

  get count(): number {
    return this.#count;
  }

  has(stream: string, key: string): boolean {
    return this.#streams.get(stream)?.has(key) === true;
  }

  get(stream: string, key: string): Entry | undefined {
    const found = this.#streams.get(stream)?.get(key);
    if (typeof found === 'number') return this.#wake(found)?.entry;
    if (found !== undefined) this.#touched.add(found);
    return found;
  }

  ensure(stream: string, key: string): Entry {
    const known = this.get(stream, key);
    if (known !== undefined) return known;
    const entry = newEntry(stream, key);
    this.#put(entry, entry);
    this.#count += 1;
    this.#touched.add(entry);
    return entry;
  }

  /** Whose body, or a coding of it, lies in a slot. */
  ownerOf(slot: number): Stored | undefined {
    const owner = this.#owners[slot];
    return owner === 'resting' ? this.#wake(slot) : owner;
  }

  /** False: it was purged, replaced or evicted, and its slot may be another object's. */
  isHeld(stored: Stored): boolean {
    return this.#owners[stored.body.slot] === stored;
  }

  own(slot: number, stored: Stored | undefined): void {
    this.#owners[slot] = stored;
  }

  /** Forgets an entry that holds nothing any more. */
  dropIfEmpty(entry: Entry): void {
    const entries = this.#streams.get(entry.stream);
    if (entries?.get(entry.key) !== entry) return;
    if (entry.variants.size > 0 || entry.fills.size > 0) {
      this.#touched.add(entry);
      return;
    }
    this.#touched.delete(entry);
    entries.delete(entry.key);
    this.#count -= 1;
    if (entries.size === 0) this.#streams.delete(entry.stream);
  }

  /** Puts to rest what was looked at and may rest. */
  sweep(): void {
    for (const entry of this.#touched) this.rest(entry);
    this.#touched.clear();
  }

  /** Nothing when the entry has more to it than a pack can say. */
  rest(entry: Entry): void {
    this.#touched.delete(entry);
    const whole = packable(entry);
    if (whole === undefined || !this.isHeld(whole)) return;
    const { interner, texts } = this.#options;
    const { slot } = whole.body;
    texts.put(whole.body, packStored(whole, interner));
    this.#owners[slot] = 'resting';
    this.#put(entry, slot);
  }

  /** The keys there are now, as a list of its own: what is done with one may change the index. */
  keysMatching(accept: (key: string) => boolean): string[] {
    const keys: string[] = [];
    for (const entries of this.#streams.values()) {
      for (const key of entries.keys()) if (accept(key)) keys.push(key);
    }
    return keys;
  }

  /** By its key alone. */
  find(key: string): Entry | undefined {
    return this.get(streamOf(key), key);
  }

  #wake(slot: number): Stored | undefined {
    if (this.#owners[slot] !== 'resting') return undefined;
    const stored = unpackStored(this.#options.texts.take(slot), this.#options);
    this.#owners[slot] = stored;
    this.#put(stored.entry, stored.entry);
    this.#touched.add(stored.entry);
    return stored;
  }

  #put({ stream, key }: Entry, value: Entry | number): void {
    let entries = this.#streams.get(stream);
    if (entries === undefined) {
      entries = new Map();
      this.#streams.set(stream, entries);
    }
    entries.set(key, value);
  }
}
