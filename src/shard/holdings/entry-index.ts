/**
 * What a shard knows, by key and by slot. What nothing happens to rests: all that is told of it lies as
 * a text in the arena, and nothing of it on the heap. Whoever looks at it wakes it, variant by variant,
 * and the next tick puts it to rest again; an entry that is held stays awake. So an `Entry` or `Stored`
 * must not be kept across turns of the loop, unless it is held: name it by slot and generation instead.
 */
import { type Books, NO_SLOT } from '../../arena/layout.js';
import { hash32 } from '../../runtime/hash.js';
import { Awake } from './awake.js';
import { type Entry, newEntry, type Stored, storedIn, type Variant } from './entry.js';
import type { Body } from './object-store.js';
import { SliceKeys } from './slice-keys.js';
import { type KeyDigest, SlotChains } from './slot-chains.js';
import { isTellable, textOf, wake } from './stored-as-text.js';
import type { StoredTexts } from './stored-texts.js';

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
  readonly texts: StoredTexts;
  /** Heap that what is awake may take before it is put to rest ahead of the tick. */
  readonly awakeBytes: number;
  /** One response too many, or one without room for its text. */
  readonly giveUp: (stored: Stored) => void;
}

/** An entry of which something is awake, or that is held. */
interface Known {
  readonly entry: Entry;
  readonly digest: KeyDigest;
  head: number; // of its chain; NO_SLOT while nothing is stored
  awake: number; // of its responses
}

export class EntryIndex {
  readonly #options: EntryIndexOptions;
  readonly #chains: SlotChains;
  readonly #known = new Map<string, Known>();
  readonly #slices = new SliceKeys();
  readonly #awake = new Awake();
  /** By slot: whose body, or a coding of it, lies there: the slot of that body. */
  readonly #mains: Int32Array;
  /** By slot: hash of the secondary key, so that a walk wakes no others. */
  readonly #secondaries: Int32Array;
  /** Looked at since they were last put to rest. */
  readonly #touched = new Set<Entry>();
  #responses = 0;
  #sweepScheduled = false;

  constructor(options: EntryIndexOptions) {
    this.#options = options;
    const { books, share } = options;
    this.#chains = new SlotChains(books, share);
    this.#mains = books.mains;
    this.#secondaries = books.secondaries;
  }

  /** Keys that something is known of. */
  get count(): number {
    let count = this.#chains.count;
    for (const { head } of this.#known.values()) if (head === NO_SLOT) count += 1;
    return count;
  }

  /** Stored responses: variants and parts. */
  get responses(): number {
    return this.#responses;
  }

  /** Estimate of what is awake, on the heap. */
  get heapBytes(): number {
    return this.#awake.bytes;
  }

  get textBytes(): number {
    return this.#options.texts.bytes;
  }

  has(key: string): boolean {
    return this.#known.has(key) || this.#headOf(key, this.#chains.digestOf(key)) !== NO_SLOT;
  }

  get(key: string): Entry | undefined {
    const known = this.#known.get(key);
    if (known !== undefined) {
      this.#touch(known.entry);
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
    const awake = this.#awake.get(main);
    if (awake !== undefined) {
      this.#touch(awake.entry);
      return awake;
    }
    const entry = this.get(this.#options.texts.at(main).key);
    if (entry === undefined) return undefined;
    this.#wake(entry, this.#secondaries[main]);
    return this.#awake.get(main);
  }

  /** False: it was purged, replaced or evicted, and its slot may be another object's. */
  isHeld(stored: Stored): boolean {
    return this.#awake.get(stored.body.slot) === stored;
  }

  /**
   * Forgets a response that rests, without waking it: its body, and those of its codings, which the caller
   * gives back. Undefined: what lies in the slot does not rest, or is not the first of its key.
   */
  takeResting(slot: number): Body[] | undefined {
    if (this.#mains[slot] !== slot || this.#awake.has(slot)) return undefined;
    const { texts } = this.#options;
    if (!this.#chains.isHead(slot)) return undefined;
    const text = texts.at(slot);
    const { key } = text;
    if (this.#known.has(key)) return undefined;
    const bodies = text.places();
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
    const known = this.#known.get(entry.key);
    if (known?.entry !== entry || entry.holds > 0) return;
    if (known.awake > 0) this.#touch(entry);
    else this.#forget(entry);
  }

  /** Puts to rest what was looked at. */
  sweep(): void {
    for (const entry of [...this.#touched]) this.rest(entry);
  }

  /** Nothing while it is held. */
  rest(entry: Entry): void {
    this.#touched.delete(entry);
    const known = this.#known.get(entry.key);
    if (known?.entry !== entry || entry.holds > 0) return;
    for (const [secondary, variant] of entry.variants.awake()) {
      if (this.#restVariant(known, variant)) entry.variants.forget(secondary);
    }
    this.dropIfEmpty(entry);
  }

  /** Something is under way for the entry: it stays awake until `letGo`. */
  hold(entry: Entry): void {
    entry.holds += 1;
  }

  letGo(entry: Entry): void {
    entry.holds -= 1;
    // Workers serve it without us from now on, and it goes before the collector takes it for old.
    this.rest(entry);
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
    return this.#awake.get(slot)?.entry.key ?? this.#options.texts.at(slot).key;
  }

  #know(key: string, place: Pick<Known, 'digest' | 'head'>): Entry {
    const entry = newEntry(key, (of, secondary) => {
      this.#wake(of, secondary === undefined ? undefined : hash32(secondary) | 0);
    });
    if (place.head !== NO_SLOT) entry.vary = this.#options.texts.at(place.head).names;
    this.#known.set(key, { entry, ...place, awake: 0 });
    this.#awake.addEntry(entry);
    this.#touch(entry);
    return entry;
  }

  #forget(entry: Entry): void {
    this.#touched.delete(entry);
    if (this.#known.delete(entry.key)) this.#awake.removeEntry(entry);
  }

  #touch(entry: Entry): void {
    this.#touched.add(entry);
    if (this.#awake.bytes < this.#options.awakeBytes || this.#sweepScheduled) return;
    this.#sweepScheduled = true;
    setImmediate(() => {
      this.#sweepScheduled = false;
      this.sweep();
    });
  }

  /** Wakes the entry's responses whose secondary key has that hash; without one, all. */
  #wake(entry: Entry, secondary: number | undefined): void {
    const known = this.#known.get(entry.key);
    if (known?.entry !== entry) return;
    for (let slot = known.head; slot !== NO_SLOT; slot = this.#chains.after(slot)) {
      if (this.#awake.has(slot)) continue;
      if (secondary !== undefined && this.#secondaries[slot] !== secondary) continue;
      const { texts, shard } = this.#options;
      const stored = wake(texts.at(slot), entry, shard);
      const variant = entry.variants.ensureAwake(stored.secondary);
      if (stored.descriptor.status === 206) variant.parts.push(stored);
      else variant.whole = stored;
      this.#setAwake(known, stored, true);
    }
  }

  #setAwake(known: Known, stored: Stored, isTold: boolean): void {
    this.#awake.add(stored, isTold);
    known.awake += 1;
  }

  #setAsleep(known: Known, slot: number): void {
    if (this.#awake.remove(slot)) known.awake -= 1;
  }

  #adopt(slot: number, stored: Stored): void {
    const { entry } = stored;
    const known = this.#known.get(entry.key);
    if (known?.entry !== entry) throw new RangeError(`${entry.key} is another entry's`);
    this.#mains[slot] = slot;
    this.#secondaries[slot] = hash32(stored.secondary);
    this.#responses += 1;
    this.#setAwake(known, stored, false);
    if (known.head === NO_SLOT) {
      this.#chains.begin(known.digest, slot);
      known.head = slot;
      this.#slices.add(entry.key);
    } else if (this.#chains.append(known.head, slot) > MAX_RESPONSES) {
      this.#giveUpOne(known, slot);
    }
  }

  #disown(slot: number): void {
    const main = this.#mains[slot] ?? NO_SLOT;
    this.#mains[slot] = NO_SLOT;
    if (main !== slot) return; // a coding, or nobody's
    const awake = this.#awake.get(slot);
    const known = awake === undefined ? undefined : this.#known.get(awake.entry.key);
    if (known === undefined) throw new RangeError(`slot ${slot} is given up asleep`);
    this.#setAsleep(known, slot);
    this.#responses -= 1;
    known.head = this.#chains.remove(known.head, slot);
    if (known.head === NO_SLOT) this.#slices.remove(known.entry.key);
  }

  /** The oldest of a chain that nobody has looked at since the last time; but not the newest. */
  #giveUpOne(known: Known, newest: number): void {
    const { hits, giveUp } = this.#options;
    let victim = known.head;
    for (let slot = victim; slot !== newest; slot = this.#chains.after(slot)) {
      const visits = hits[slot] ?? 0;
      if (visits === 0) {
        victim = slot;
        break;
      }
      hits[slot] = visits - 1;
    }
    const stored = this.ownerOf(victim);
    if (stored !== undefined) giveUp(stored);
  }

  /** True when nothing of the variant is awake any more. */
  #restVariant(known: Known, variant: Variant): boolean {
    const { texts, giveUp } = this.#options;
    const held = storedIn(variant).filter((stored) => this.isHeld(stored));
    if (!held.every(isTellable)) return false;
    const untold = held.filter((stored) => !this.#awake.isTold(stored));
    for (const { body } of untold) texts.withdraw(body.slot);
    if (untold.some(({ body }) => texts.isRead(body.slot))) {
      this.#touched.add(known.entry); // the next sweep tries again
      return false;
    }
    for (const stored of held) {
      // Making room for the text of one may cost another its place.
      if (!this.isHeld(stored)) continue;
      if (this.#awake.isTold(stored) || texts.put(textOf(stored))) {
        this.#setAsleep(known, stored.body.slot);
      } else giveUp(stored);
    }
    return true;
  }
}
