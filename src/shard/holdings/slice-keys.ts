/** Which slices of an object a shard has: a purge names the object, and its slices lie under keys of their own. */
import { objectKey } from '../../protocol/slices.js';

export class SliceKeys {
  /** By the object's key: what the keys of its slices add to it. */
  readonly #ends = new Map<string, Set<string>>();

  /** Objects of which there are slices. */
  get objects(): number {
    return this.#ends.size;
  }

  /** A list of its own: purging changes this. */
  of(key: string): string[] {
    return [...(this.#ends.get(key) ?? [])].map((end) => key + end);
  }

  /** Nothing, for the key of what is no slice. */
  add(key: string): void {
    const object = objectKey(key);
    if (object === key) return;
    const ends = this.#ends.get(object) ?? new Set();
    this.#ends.set(object, ends);
    ends.add(key.slice(object.length));
  }

  remove(key: string): void {
    const object = objectKey(key);
    const ends = this.#ends.get(object);
    ends?.delete(key.slice(object.length));
    if (ends?.size === 0) this.#ends.delete(object);
  }
}
