/** The world's directory: files that are replaced, rewritten in place, written slowly, appended to. */
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { nowMs, type WorldObject } from './world-object.js';

const SLOW_PIECES = 6;
const SLOW_PAUSE_MS = 50;
const GROWTH_PIECES = 12;

export class WorldFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Every file, whole, in its first version. */
  async begin(objects: readonly WorldObject[]): Promise<void> {
    for (const object of objects) {
      const { number, size } = object.current;
      if (object.kind.write === 'grow') object.grow(number, firstPart(size));
      await mkdir(path.dirname(this.#name(object)), { recursive: true });
      await this.#replace(object, object.current.number);
    }
  }

  /** Resolves when the object is its next version on the disk. */
  async change(object: WorldObject): Promise<void> {
    switch (object.kind.write) {
      case 'rename':
        await this.#replaceByNext(object);
        return;
      case 'quick':
        await this.#rewrite(object, { pieces: 1, pauseMs: 0 });
        return;
      case 'slow':
        await this.#rewrite(object, { pieces: SLOW_PIECES, pauseMs: SLOW_PAUSE_MS });
        return;
      case 'grow':
        await this.#grow(object);
    }
  }

  async #replaceByNext(object: WorldObject): Promise<void> {
    const next = object.advance();
    await this.#replace(object, next.number);
    // Until the file had its name, the version before was as good.
    object.vouch(next.number - 1);
  }

  async #replace(object: WorldObject, version: number): Promise<void> {
    const name = this.#name(object);
    const size = object.kind.write === 'grow' ? object.grown(version) : object.sizeOf(version);
    await writeFile(`${name}.new`, object.body(version, 0, 0, size));
    await rename(`${name}.new`, name);
  }

  /** As cp does it: the file is emptied, then filled. */
  async #rewrite(
    object: WorldObject,
    { pieces, pauseMs }: { pieces: number; pauseMs: number },
  ): Promise<void> {
    const next = object.advance();
    const body = object.body(next.number, 0);
    const step = Math.ceil(body.length / pieces);
    const write = { step, untilMs: Infinity };
    object.writes.set(next.number, write);
    object.writes.delete(next.number - 1_000);
    const file = await open(this.#name(object), 'w');
    try {
      for (let at = 0; at < body.length; at += step) {
        await file.write(body.subarray(at, at + step));
        if (pauseMs > 0) await delay(pauseMs);
      }
    } finally {
      await file.close();
      write.untilMs = nowMs();
    }
  }

  /** Appends; when all of the version is there, a new one begins under the name. */
  async #grow(object: WorldObject): Promise<void> {
    const { number, size } = object.current;
    const have = object.grown(number);
    if (have >= size) {
      const next = object.advance();
      object.grow(next.number, firstPart(next.size));
      await this.#replace(object, next.number);
      return;
    }
    const end = Math.min(size, have + firstPart(size));
    const file = await open(this.#name(object), 'a');
    try {
      await file.write(object.body(number, 0, have, end));
    } finally {
      await file.close();
    }
    object.grow(number, end);
  }

  #name({ path: name }: WorldObject): string {
    return path.join(this.#root, name);
  }
}

function firstPart(size: number): number {
  return Math.ceil(size / GROWTH_PIECES);
}
