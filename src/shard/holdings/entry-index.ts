/**
 * What a shard knows, by key and by slot. A response that nothing happens to has its metadata in the arena
 * and nothing on the heap. Whoever looks at it loads it, variant by variant, and the next tick unloads it
 * again; an entry that is held stays resident. So an `Entry` or `Stored` must not be kept across turns of
 * the loop, unless it is held: name it by slot and generation instead.
 */
import { type Books, NO_SLOT } from '../../arena/layout.js';
import { hash32 } from '../../runtime/hash.js';
import { type Known, Residents } from './residents.js';
import { type Entry, newEntry, type Stored, storedIn, type Variant } from './entry.js';
import type { Body } from './object-store.js';
import { SliceKeys } from './slice-keys.js';
import { type KeyDigest, SlotChains } from './slot-chains.js';
import { isPublishable, metadataOf, load } from './stored-metadata.js';
import type { MetadataStore } from './metadata-store.js';

/**
 * Responses of one key, variants and parts: whatever looks for one walks past the others. Traffic Server
 * keeps 5 variants of an object by default; devices and languages of a real audience need some dozens.
 */
const MAX_RESPONSES = 128;
/** Chains looked at between two looks at the clock. */
const WALK_BUCKETS = 64;

export interface EntryIndexOptions {
  readonly shard: number;
  readonly books: Books;
  /** Slots that the shard is expected to have. */
  readonly share: number;
  /** Visits by slot, as the eviction hand sees them. */
  readonly hits: Uint8Array;
  readonly metadata: MetadataStore;
  /** Heap that resident responses may take before they are unloaded ahead of the tick. */
  readonly residentBytes: number;
  /** One response too many, or one without room for its metadata. */
  readonly giveUp: (stored: Stored) => void;
}

export class EntryIndex {
  readonly #options: EntryIndexOptions;
  readonly #chains: SlotChains;
  readonly #slices = new SliceKeys();
  readonly #residents: Residents;
  /** By slot: whose body, or a coding of it, lies there: the slot of that body. */
  readonly #mains: Int32Array;
  /** By slot: hash of the secondary key, so that a walk loads no others. */
  readonly #secondaries: Int32Array;
  #responses = 0;

  constructor(options: EntryIndexOptions) {
    this.#options = options;
    const { books, share } = options;
    this.#chains = new SlotChains(books, share);
    this.#mains = books.mains;
    this.#secondaries = books.secondaries;
    this.#residents = new Residents(options.residentBytes, () => {
      this.sweep();
    });
  }

  /** Keys that something is known of. */
  get count(): number {
    let count = this.#chains.count;
    for (const { head } of this.#residents.entries()) if (head === NO_SLOT) count += 1;
    return count;
  }

  /** Stored responses: variants and parts. */
  get responses(): number {
    return this.#responses;
  }

  /** Estimate of what resident responses take of the heap. */
  get heapBytes(): number {
    return this.#residents.bytes;
  }

  get metadataBytes(): number {
    return this.#options.metadata.bytes;
  }

  has(key: string): boolean {
    return (
      this.#residents.entry(key) !== undefined ||
      this.#headOf(key, this.#chains.digestOf(key)) !== NO_SLOT
    );
  }

  get(key: string): Entry | undefined {
    const known = this.#residents.entry(key);
    if (known !== undefined) {
      this.#residents.touch(known.entry);
      return known.entry;
    }
    const digest = this.#chains.digestOf(key);
    const head = this.#headOf(key, digest);
    return head === NO_SLOT ? undefined : this.#know(key, { digest, head });
  }

  /** Keys of what it holds of an object's slices. */
  slicesOf(key: string): string[] {
    return this.#slices.of(key);
  }

  ensure(key: string): Entry {
    const known = this.get(key);
    if (known !== undefined) return known;
    return this.#know(key, { digest: this.#chains.digestOf(key), head: NO_SLOT });
  }

  /** Whose body, or a coding of it, lies in a slot. */
  ownerOf(slot: number): Stored | undefined {
    const main = this.#mains[slot] ?? NO_SLOT;
    if (main === NO_SLOT) return undefined;
    const resident = this.#residents.get(main);
    if (resident !== undefined) {
      this.#residents.touch(resident.entry);
      return resident;
    }
    const entry = this.get(this.#options.metadata.at(main).key);
    if (entry === undefined) return undefined;
    this.#load(entry, this.#secondaries[main]);
    return this.#residents.get(main);
  }

  /** False: it was purged, replaced or evicted, and its slot may be another object's. */
  isHeld(stored: Stored): boolean {
    return this.#residents.get(stored.body.slot) === stored;
  }

  /**
   * Forgets a response that is not resident, without loading it: its body, and those of its codings, which the
   * caller gives back. Undefined: what lies in the slot is resident, or is not the first of its key.
   */
  takeUnloaded(slot: number): Body[] | undefined {
    if (this.#mains[slot] !== slot || this.#residents.has(slot)) return undefined;
    if (!this.#chains.isHead(slot)) return undefined;
    const view = this.#options.metadata.at(slot);
    const { key } = view;
    if (this.#residents.entry(key) !== undefined) return undefined;
    const bodies = view.places();
    for (const body of bodies) this.#mains[body.slot] = NO_SLOT;
    this.#responses -= 1;
    if (this.#chains.remove(slot, slot) === NO_SLOT) this.#slices.remove(key);
    return bodies;
  }

  own(slot: number, stored: Stored | undefined): void {
    if (stored === undefined) this.#disown(slot);
    else if (stored.body.slot !== slot) this.#mains[slot] = stored.body.slot;
    else this.#adopt(slot, stored);
  }

  /** Forgets an entry that holds nothing any more. */
  dropIfEmpty(entry: Entry): void {
    const known = this.#residents.of(entry);
    if (known === undefined || entry.holds > 0) return;
    if (known.residents > 0) this.#residents.touch(entry);
    else this.#residents.forget(entry);
  }

  /** Unloads what was looked at. */
  sweep(): void {
    for (const entry of this.#residents.touched()) this.unload(entry);
  }

  /** Nothing while it is held. */
  unload(entry: Entry): void {
    this.#residents.untouch(entry);
    const known = this.#residents.of(entry);
    if (known === undefined || entry.holds > 0) return;
    for (const [secondary, variant] of entry.variants.resident()) {
      if (this.#unloadVariant(known, variant)) entry.variants.forget(secondary);
    }
    this.dropIfEmpty(entry);
  }

  /** Something is under way for the entry: it stays resident until `letGo`. */
  hold(entry: Entry): void {
    entry.holds += 1;
  }

  letGo(entry: Entry): void {
    entry.holds -= 1;
    // Workers serve it without us from now on, and it goes before the collector takes it for old.
    this.unload(entry);
  }

  /**
   * All that is stored, key by key; undefined now and then, when it is time to look at the clock. What is
   * stored meanwhile may come, too; what there was before comes, unless it has gone.
   */
  *walk(accept: (key: string) => boolean): Generator<Entry | undefined> {
    for (let bucket = 0; bucket < this.#chains.buckets; bucket += 1) {
      if (bucket % WALK_BUCKETS === 0) yield undefined;
      const keys = this.#chains.headsOf(bucket).map((head) => this.#keyOf(head));
      for (const key of keys.filter(accept)) {
        const entry = this.get(key);
        if (entry !== undefined) yield entry;
      }
    }
  }

  #headOf(key: string, digest: KeyDigest): number {
    return this.#chains.find(digest, (slot) => this.#keyOf(slot) === key);
  }

  #keyOf(slot: number): string {
    return this.#residents.get(slot)?.entry.key ?? this.#options.metadata.at(slot).key;
  }

  #know(key: string, place: Pick<Known, 'digest' | 'head'>): Entry {
    const entry = newEntry(key, (of, secondary) => {
      this.#load(of, secondary === undefined ? undefined : hash32(secondary) | 0);
    });
    if (place.head !== NO_SLOT) entry.vary = this.#options.metadata.at(place.head).names;
    this.#residents.know(entry, place);
    return entry;
  }

  /** Loads the entry's responses whose secondary key has that hash; without one, all. */
  #load(entry: Entry, secondary: number | undefined): void {
    const known = this.#residents.of(entry);
    if (known === undefined) return;
    for (let slot = known.head; slot !== NO_SLOT; slot = this.#chains.after(slot)) {
      if (this.#residents.has(slot)) continue;
      if (secondary !== undefined && this.#secondaries[slot] !== secondary) continue;
      const { metadata, shard } = this.#options;
      const stored = load(metadata.at(slot), entry, shard);
      const variant = entry.variants.ensureResident(stored.secondary);
      if (stored.descriptor.status === 206) variant.parts.push(stored);
      else variant.whole = stored;
      this.#residents.add(known, stored, true);
    }
  }

  #adopt(slot: number, stored: Stored): void {
    const { entry } = stored;
    const known = this.#residents.of(entry);
    if (known === undefined) throw new RangeError(`${entry.key} is another entry's`);
    this.#mains[slot] = slot;
    this.#secondaries[slot] = hash32(stored.secondary);
    this.#responses += 1;
    this.#residents.add(known, stored, false);
    if (known.head === NO_SLOT) {
      this.#chains.begin(known.digest, slot);
      known.head = slot;
      this.#slices.add(entry.key);
    } else if (this.#chains.append(known.head, slot) > MAX_RESPONSES) {
      // The oldest that nobody has looked at since the last time; but not the newest.
      const { hits, giveUp } = this.#options;
      const least = this.ownerOf(this.#chains.unvisited(known.head, slot, hits));
      if (least !== undefined) giveUp(least);
    }
  }

  #disown(slot: number): void {
    const main = this.#mains[slot] ?? NO_SLOT;
    this.#mains[slot] = NO_SLOT;
    if (main !== slot) return; // a coding, or nobody's
    const resident = this.#residents.get(slot);
    const known = resident === undefined ? undefined : this.#residents.entry(resident.entry.key);
    if (known === undefined) throw new RangeError(`slot ${slot} is given up unloaded`);
    this.#residents.remove(known, slot);
    this.#responses -= 1;
    known.head = this.#chains.remove(known.head, slot);
    if (known.head === NO_SLOT) this.#slices.remove(known.entry.key);
  }

  /** True when nothing of the variant is resident any more. */
  #unloadVariant(known: Known, variant: Variant): boolean {
    const { metadata, giveUp } = this.#options;
    const held = storedIn(variant).filter((stored) => this.isHeld(stored));
    if (!held.every(isPublishable)) return false;
    const unrecorded = held.filter((stored) => !this.#residents.isRecorded(stored));
    for (const { body } of unrecorded) metadata.withdraw(body.slot);
    if (unrecorded.some(({ body }) => metadata.isRead(body.slot))) {
      this.#residents.leaveTouched(known.entry); // the next sweep tries again
      return false;
    }
    for (const stored of held) {
      // Making room for the metadata of one may cost another its place.
      if (!this.isHeld(stored)) continue;
      if (this.#residents.isRecorded(stored) || metadata.put(metadataOf(stored))) {
        this.#residents.remove(known, stored.body.slot);
      } else giveUp(stored);
    }
    return true;
  }
}
