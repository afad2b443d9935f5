/** What a shard knows of one resource: its stored variants. */
import type { EncodedBody } from '../../protocol/descriptor.js';
import type { ResponseState } from '../../protocol/metadata-codec.js';
import type { Body } from './object-store.js';

/** One stored response: whole, or a run of a representation (`descriptor.firstByte` and length). */
export interface Stored extends ResponseState {
  readonly entry: Entry;
  readonly secondary: string;
  readonly body: Body;
  encodings: Map<EncodedBody['coding'], Body>; // NO_ENCODINGS until there is one
}

export interface Variant {
  whole: Stored | undefined;
  readonly parts: Stored[];
}

/** Loads what is not resident of an entry: the variant with that secondary key, or all. */
export type LoadVariants = (entry: Entry, secondary: string | undefined) => void;

/** What an entry holds, by secondary key. What is not resident is loaded when it is asked for. */
export class Variants {
  readonly #residents = new Map<string, Variant>();
  readonly #load: (secondary: string | undefined) => void;

  constructor(load: (secondary: string | undefined) => void) {
    this.#load = load;
  }

  get(secondary: string): Variant | undefined {
    if (!this.#residents.has(secondary)) this.#load(secondary);
    return this.#residents.get(secondary);
  }

  /** The same, made where there is none. */
  ensure(secondary: string): Variant {
    const known = this.get(secondary);
    return known ?? this.ensureResident(secondary);
  }

  /** All, as a list of its own. */
  values(): Variant[] {
    this.#load(undefined);
    return [...this.#residents.values()];
  }

  /** Without loading others. */
  resident(): [secondary: string, Variant][] {
    return [...this.#residents];
  }

  ensureResident(secondary: string): Variant {
    const known = this.#residents.get(secondary);
    if (known !== undefined) return known;
    const variant: Variant = { whole: undefined, parts: [] };
    this.#residents.set(secondary, variant);
    return variant;
  }

  /** What of it is in the arena stays there. */
  forget(secondary: string): void {
    this.#residents.delete(secondary);
  }
}

export interface Entry {
  readonly key: string;
  vary: readonly string[];
  readonly variants: Variants;
  holds: number; // fills under way, which keep it resident
}

export const NO_ENCODINGS = new Map<EncodedBody['coding'], Body>();

/** An entry of which nothing is resident. */
export function newEntry(key: string, load?: LoadVariants): Entry {
  const variants = new Variants((secondary) => load?.(entry, secondary));
  const entry: Entry = { key, vary: [], variants, holds: 0 };
  return entry;
}

/** Takes `stored` out of its entry's variants; true when it was there. */
export function unlink(stored: Stored): boolean {
  const { variants } = stored.entry;
  const variant = variants.get(stored.secondary);
  if (variant === undefined) return false;
  let found = false;
  if (variant.whole === stored) {
    variant.whole = undefined;
    found = true;
  }
  const at = variant.parts.indexOf(stored);
  if (at >= 0) {
    variant.parts.splice(at, 1);
    found = true;
  }
  if (variant.whole === undefined && variant.parts.length === 0) variants.forget(stored.secondary);
  return found;
}

export function variantOf(entry: Entry, secondary: string): Variant {
  return entry.variants.ensure(secondary);
}

/** Puts a new response in its place, a whole one in that of all it replaces: which is given, to be discarded. */
export function placeStored(stored: Stored): Stored[] {
  const variant = variantOf(stored.entry, stored.secondary);
  if (stored.descriptor.status === 206) {
    variant.parts.push(stored);
    return [];
  }
  const replaced = storedIn(variant);
  variant.whole = stored;
  return replaced;
}

/** All that a variant holds, as a list of its own: discarding changes the variant. */
export function storedIn(variant: Variant): Stored[] {
  return variant.whole === undefined ? [...variant.parts] : [variant.whole, ...variant.parts];
}
