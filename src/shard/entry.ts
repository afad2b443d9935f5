/** What a shard knows of one resource: its stored variants and the fills under way for it. */
import type { Descriptor } from '../cache/descriptor.js';
import type { EncodedBody } from '../cache/descriptor.js';
import type { FieldLines } from '../http/fields.js';
import type { MediaKind } from '../media/kind.js';
import type { Fill } from './fill.js';
import type { Body } from './object-store.js';

/** One stored response: whole, or a run of a representation (`descriptor.firstByte` and length). */
export interface Stored {
  readonly entry: Entry;
  readonly secondary: string;
  readonly kind: MediaKind;
  readonly requestHeaders: FieldLines; // those that `vary` names, of the request that fetched it
  readonly body: Body;
  encodings: Map<EncodedBody['coding'], Body>; // NO_ENCODINGS until there is one
  originFields: FieldLines; // as received, with Date and Age: what a 304 updates
  descriptor: Descriptor;
  retryAtMs: number; // after a failed revalidation: not before this
}

export interface Variant {
  whole: Stored | undefined;
  readonly parts: Stored[];
}

export interface Entry {
  readonly key: string;
  readonly stream: string;
  vary: readonly string[];
  readonly variants: Map<string, Variant>;
  fills: Map<string, Fill>; // NO_FILLS until there is one
}

/** Shared by the many that have none, a million empty maps being half a gigabyte. Never written. */
export const NO_FILLS = new Map<string, Fill>();
export const NO_ENCODINGS = new Map<EncodedBody['coding'], Body>();

/** An entry that holds nothing yet. */
export function newEntry(stream: string, key: string): Entry {
  return { key, stream, vary: [], variants: new Map(), fills: NO_FILLS };
}

/** Takes `stored` out of its entry's variants; true when it was there. */
export function unlink(stored: Stored): boolean {
  const variant = stored.entry.variants.get(stored.secondary);
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
  if (variant.whole === undefined && variant.parts.length === 0) {
    stored.entry.variants.delete(stored.secondary);
  }
  return found;
}

export function variantOf(entry: Entry, secondary: string): Variant {
  let variant = entry.variants.get(secondary);
  if (variant === undefined) {
    variant = { whole: undefined, parts: [] };
    entry.variants.set(secondary, variant);
  }
  return variant;
}

/** Puts a new response in its place: a whole one takes that of all it replaces. */
export function keepStored(stored: Stored, discard: (stored: Stored) => void): void {
  const variant = variantOf(stored.entry, stored.secondary);
  if (stored.descriptor.status === 206) {
    variant.parts.push(stored);
    return;
  }
  const before = variant.whole;
  const parts = [...variant.parts];
  variant.whole = stored;
  if (before !== undefined) discard(before);
  for (const part of parts) discard(part);
}

/** All that a variant holds, as a list of its own: discarding changes the variant. */
export function storedIn(variant: Variant): Stored[] {
  return variant.whole === undefined ? [...variant.parts] : [variant.whole, ...variant.parts];
}
