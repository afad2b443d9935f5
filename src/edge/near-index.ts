/**
 * This worker's private index of what it may serve without asking: stream → name → variants.
 * Two steps keep each map small (a look-up in a large map of fresh strings is all cache misses).
 * Bounded by objects and by what they take of the heap: past a limit the stream that was added to
 * least recently goes.
 */
import { secondaryKey } from '../cache/vary.js';
import type { FieldLines } from '../http/fields.js';
import type { LocalObject } from './local-object.js';

/** Few objects that are near take more: fields of 400 bytes, their rendering, and what V8 adds. */
const MEAN_OBJECT_BYTES = 3_072;

interface Variants {
  vary: readonly string[];
  only: LocalObject | undefined; // the one object when nothing varies
  readonly bySecondary: Map<string, LocalObject>;
}

export class NearIndex {
  readonly limit: number; // objects
  readonly limitBytes: number;
  readonly #streams = new Map<string, Map<string, Variants>>();
  #count = 0;
  #bytes = 0;

  constructor(limit: number, limitBytes = limit * MEAN_OBJECT_BYTES) {
    this.limit = limit;
    this.limitBytes = limitBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** Estimate of the heap that its objects take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The object of a key without Vary; undefined when there is none, or it varies. */
  only(key: string): LocalObject | undefined {
    const at = key.lastIndexOf('/') + 1;
    return this.#streams.get(key.slice(0, at))?.get(key.slice(at))?.only;
  }

  find(key: string, headers: FieldLines): LocalObject | undefined {
    const at = key.lastIndexOf('/') + 1;
    const variants = this.#streams.get(key.slice(0, at))?.get(key.slice(at));
    if (variants === undefined) return undefined;
    return variants.only ?? variants.bySecondary.get(secondaryKey(variants.vary, headers));
  }

  put(object: LocalObject): void {
    const { key, vary, secondary } = object.descriptor;
    const at = key.lastIndexOf('/') + 1;
    const stream = key.slice(0, at);
    const names = this.#streams.get(stream) ?? new Map<string, Variants>();
    this.#streams.delete(stream);
    // A slice would keep alive the key it was cut from, however long that is.
    this.#streams.set(names.size === 0 ? ownCopy(stream) : stream, names);
    const name = key.slice(at);
    let variants = names.get(name);
    if (variants === undefined || variants.vary.join() !== vary.join()) {
      if (variants !== undefined) this.#charge(variants, -1);
      variants = { vary, only: undefined, bySecondary: new Map() };
    }
    this.#charge(variants, -1);
    if (vary.length === 0) variants.only = object;
    else {
      variants.bySecondary.delete(secondary);
      variants.bySecondary.set(secondary, object);
    }
    this.#charge(variants, 1);
    names.delete(name);
    names.set(name, variants);
    this.#shrink();
  }

  /** Puts an object in the place of the same body of which less was known; nothing if it is not here. */
  renew(object: LocalObject): void {
    const { key, vary, secondary, slot, generation } = object.descriptor;
    const at = key.lastIndexOf('/') + 1;
    const variants = this.#streams.get(key.slice(0, at))?.get(key.slice(at));
    const known = vary.length === 0 ? variants?.only : variants?.bySecondary.get(secondary);
    const before = known?.descriptor;
    if (before?.slot !== slot || before.generation !== generation) return;
    this.put(object);
  }

  /** Takes an object out that proved to be gone. */
  drop(object: LocalObject): void {
    const { key, secondary } = object.descriptor;
    const at = key.lastIndexOf('/') + 1;
    const stream = key.slice(0, at);
    const names = this.#streams.get(stream);
    const variants = names?.get(key.slice(at));
    if (names === undefined || variants === undefined) return;
    this.#charge(variants, -1);
    if (variants.only === object) variants.only = undefined;
    if (variants.bySecondary.get(secondary) === object) variants.bySecondary.delete(secondary);
    this.#charge(variants, 1);
    if (sizeOf(variants) === 0) names.delete(key.slice(at));
    if (names.size === 0) this.#streams.delete(stream);
  }

  #shrink(): void {
    while (this.#count > this.limit || this.#bytes > this.limitBytes) {
      const [oldest] = this.#streams;
      if (oldest === undefined) return;
      const [stream, names] = oldest;
      // A stream may be larger than the index: then its own oldest names go.
      if (this.#streams.size === 1) this.#dropOldest(names);
      else this.#dropStream(stream, names);
    }
  }

  #dropStream(stream: string, names: Map<string, Variants>): void {
    this.#streams.delete(stream);
    for (const variants of names.values()) this.#charge(variants, -1);
  }

  #dropOldest(names: Map<string, Variants>): void {
    const [oldest] = names;
    if (oldest === undefined) return;
    const [name, variants] = oldest;
    const [secondary, variant] = [...variants.bySecondary][0] ?? [];
    // Nor need all variants go when there are more of one name than may be.
    if (names.size === 1 && secondary !== undefined && variant !== undefined) this.drop(variant);
    else {
      names.delete(name);
      this.#charge(variants, -1);
    }
  }

  #charge({ only, bySecondary }: Variants, sign: 1 | -1): void {
    this.#count += sign * ((only === undefined ? 0 : 1) + bySecondary.size);
    this.#bytes += sign * (only?.bytes ?? 0);
    for (const { bytes } of bySecondary.values()) this.#bytes += sign * bytes;
  }
}

function sizeOf({ only, bySecondary }: Variants): number {
  return (only === undefined ? 0 : 1) + bySecondary.size;
}

/** Of its own memory. */
function ownCopy(text: string): string {
  return Buffer.from(text).toString();
}
