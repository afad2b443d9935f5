/**
 * Files that stay open for a second behind their reader: whoever asks for the next part of a long one needs
 * no look-up of its name, which is four calls of the kernel on other threads. Within that second a name is
 * taken to lead where it did, unless its file has lost it.
 */
import type { FileHandle } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { openUnder, type Opened } from './safe-open.js';

const KEPT_MS = 1_000;
/** The oldest makes room: a descriptor each. */
const MOST_KEPT = 32;

/** An open file and how many have it; the last closes it, unless it is kept. */
export interface SharedFile {
  readonly name: string;
  readonly handle: FileHandle;
  users: number;
  keptAtMs: number | undefined;
}

export type Found =
  | { readonly kind: 'file'; readonly file: SharedFile; readonly stat: BigIntStats }
  | Exclude<Opened, { kind: 'file' }>;

export class KeptFiles {
  readonly #root: string;
  readonly #files = new Map<string, SharedFile>(); // by name, the oldest first
  #timer: NodeJS.Timeout | undefined;

  /** @param root a real path */
  constructor(root: string) {
    this.#root = root;
  }

  get size(): number {
    return this.#files.size;
  }

  /**
   * The file of that name, to be left once.
   * @throws as `openUnder`
   */
  async open(names: readonly string[]): Promise<Found> {
    const name = names.join('/');
    const kept = this.#files.get(name);
    if (kept !== undefined) {
      const stat = await this.#look(kept);
      if (stat !== undefined) return { kind: 'file', file: kept, stat };
    }
    const opened = await openUnder(this.#root, names);
    if (opened.kind !== 'file') return opened;
    const { handle, stat } = opened;
    return { kind: 'file', file: { name, handle, users: 1, keptAtMs: undefined }, stat };
  }

  /** It stays open for a second from now on; one that is kept already for what is left of its own. */
  keep(file: SharedFile): void {
    if (file.keptAtMs !== undefined || this.#files.has(file.name)) return;
    file.keptAtMs = performance.now();
    this.#files.set(file.name, file);
    if (this.#files.size > MOST_KEPT) this.#forgetOldest();
    this.#timer ??= setTimeout(this.#expire, KEPT_MS).unref();
  }

  async leave(file: SharedFile): Promise<void> {
    file.users -= 1;
    if (file.users === 0 && this.#files.get(file.name) !== file) await closed(file);
  }

  /** Readers close what they have. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#files.size > 0) this.#forgetOldest();
  }

  /** Undefined: it is no longer where it was. */
  async #look(file: SharedFile): Promise<BigIntStats | undefined> {
    file.users += 1;
    try {
      const stat = await file.handle.stat({ bigint: true });
      if (stat.nlink > 0n) return stat;
    } catch {
      // Whoever opens it anew hears why.
    }
    this.#forget(file);
    await this.leave(file);
    return undefined;
  }

  #forgetOldest(): void {
    for (const file of this.#files.values()) {
      this.#forget(file);
      return;
    }
  }

  #forget(file: SharedFile): void {
    if (this.#files.get(file.name) !== file) return;
    this.#files.delete(file.name);
    if (file.users === 0) void closed(file);
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const nowMs = performance.now();
    for (const file of this.#files.values()) {
      const leftMs = (file.keptAtMs ?? 0) + KEPT_MS - nowMs;
      if (leftMs > 0) {
        this.#timer = setTimeout(this.#expire, leftMs).unref();
        return;
      }
      this.#forget(file);
    }
  };
}

/** It was only read: there is nothing to lose. */
async function closed({ handle }: SharedFile): Promise<void> {
  await handle.close().catch(() => undefined);
}
