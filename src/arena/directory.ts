/**
 * A shard's stored responses by key, in shared memory: any worker serves them without asking and without a
 * JavaScript object for each, however many there are. The shard alone writes.
 *
 * What a hit needs besides the body is the response's metadata (metadata.ts). The table leads from the key's hash
 * to the line where the metadata begins. Who finds an entry there guards the metadata and then looks whether the entry
 * is there still; the owner takes the entry away and then looks whether anybody guards the metadata, before it
 * writes over any of it. One of the two always sees the other.
 *
 * An entry is two cells (layout.ts): the low 32 bits of the metadata's line plus one; and a tag, of the line's
 * further 8 bits and 24 of the key's hash, by which who looks for another key goes by without a look at
 * the metadata. The first decides: an entry is made by writing it last, and taken away by writing it alone.
 */
import { newPrefetcher, type Prefetcher } from '../../native/addon.js';
import { ArenaView } from './arena.js';
import { ENTRY, CACHE_LINE_BYTES, CACHE_LINES_PER_BLOCK, MIN_BLOCK_BYTES } from './layout.js';
import { MetadataView } from './metadata.js';

const CELLS = CACHE_LINE_BYTES / 4;

/** What stands for a line. */
const EMPTY = 0;
const GONE = -1; // something was here: look on
const HASH_BITS = ~0xff;
const HIGH_LINES = 2 ** 32;
/** A longer walk than this is worth less than asking the owner. */
const MAX_PROBES = 64;

export class Directory {
  readonly view: ArenaView;
  /** What `protect` has found: what it says holds until `view.unprotect()`. */
  readonly metadata = new MetadataView();
  readonly #table: Int32Array;
  readonly #mask: number;
  readonly #prefetcher: Prefetcher | undefined;
  readonly #bankLines: number;
  #gone = 0; // owner only
  #seen = 0; // of no meaning: a load that nobody uses is not made

  constructor(view: ArenaView, shard: number) {
    const { tables, banks, hits } = view.pool;
    const table = tables[shard];
    if (table === undefined) throw new RangeError(`no table of shard ${shard}`);
    this.view = view;
    this.#table = table;
    this.#mask = table.length / ENTRY.cells - 1;
    this.#prefetcher = newPrefetcher(table, banks, hits);
    this.#bankLines = view.pool.bankBytes / CACHE_LINE_BYTES;
  }

  /**
   * Begins to load what a look-up reads first. Among a million objects each line comes from memory,
   * 150 ns and more away: call it early, and do something else before `prefetchObject`.
   */
  prefetchEntry(hash: number): void {
    this.#prefetcher?.entry(hash | 0);
  }

  /** Begins to load what a hit reads then: metadata, body and visits together. */
  prefetchObject(hash: number): void {
    if (this.#prefetcher !== undefined) {
      this.#prefetcher.object(hash | 0);
      return;
    }
    const entry = hash & this.#mask;
    const line = this.#lineAt(entry);
    if (line < 0) return;
    const slot = Math.floor(line / CACHE_LINES_PER_BLOCK); // as small as most are
    const visits = this.view.hits[slot] ?? 0;
    const index = Math.floor(line / this.#bankLines); // of no bank, where a cell has changed meanwhile
    const metadata = this.view.banks[index]?.cells[(line - index * this.#bankLines) * CELLS] ?? 0;
    this.#seen = (this.#seen & 1) ^ metadata ^ visits;
  }

  /**
   * Finds the key's metadata, or of several the first that is `wanted`, and guards it until `view.unprotect()`.
   * False: there is none to be had.
   */
  protect(key: string, hash: number, wanted?: () => boolean): boolean {
    const table = this.#table;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const entry = (hash + probe) & this.#mask;
      const low = table[entry * ENTRY.cells + ENTRY.line] ?? EMPTY;
      if (low === EMPTY) return false;
      if (low === GONE) continue;
      const tag = table[entry * ENTRY.cells + ENTRY.tag] ?? 0;
      if (((tag ^ hash) & HASH_BITS) !== 0 || !this.#protectIf(entry, tag, low, key)) continue;
      if (wanted === undefined || wanted()) return true;
      this.view.unprotect();
    }
    return false;
  }

  /** Borrowed: gone with `unprotect`. Of metadata that is plain. */
  body(): Uint8Array {
    return this.view.bytes(this.metadata.slot * MIN_BLOCK_BYTES, this.metadata.bodyBytes);
  }

  /**
   * Owner only: leads to the metadata that lies at `metadataOffset`, a whole line. False: the table is crowded around
   * this key; the object is served on asking.
   */
  publish(metadataOffset: number): boolean {
    const line = metadataOffset / CACHE_LINE_BYTES;
    this.metadata.goTo(this.view, line);
    return this.#insert(line, this.metadata.hash);
  }

  /** Owner only: before what was published at `metadataOffset` changes or is given up. */
  withdraw(metadataOffset: number): void {
    const entry = this.#entryOf(metadataOffset / CACHE_LINE_BYTES);
    if (entry < 0) return;
    const next = (entry + 1) & this.#mask;
    const last = this.#table[next * ENTRY.cells + ENTRY.line] === EMPTY;
    Atomics.store(this.#table, entry * ENTRY.cells + ENTRY.line, last ? EMPTY : GONE);
    if (last) return;
    this.#gone += 1;
    if (this.#gone > this.#mask / 8) this.#rebuild();
  }

  /** Owner only: whether a worker reads what was withdrawn from there. */
  isRead(metadataOffset: number): boolean {
    const block = Math.floor(metadataOffset / MIN_BLOCK_BYTES);
    return this.view.pins.isGuarded(block, block + 1);
  }

  /** -1: of none. */
  #lineAt(entry: number): number {
    const low = this.#table[entry * ENTRY.cells + ENTRY.line] ?? EMPTY;
    if (low === EMPTY || low === GONE) return -1;
    return lineOf(this.#table[entry * ENTRY.cells + ENTRY.tag] ?? 0, low);
  }

  #protectIf(entry: number, tag: number, low: number, key: string): boolean {
    const line = lineOf(tag, low);
    this.view.protectMetadata(line);
    const table = this.#table;
    if (
      Atomics.load(table, entry * ENTRY.cells + ENTRY.line) === low &&
      Atomics.load(table, entry * ENTRY.cells + ENTRY.tag) === tag
    ) {
      this.metadata.goTo(this.view, line);
      if (this.metadata.isOf(key)) return true;
    }
    this.view.unprotect();
    return false;
  }

  #insert(line: number, hash: number): boolean {
    const low = (line % HIGH_LINES) + 1;
    if ((low | 0) === EMPTY || (low | 0) === GONE) return false; // a line in 2^31
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const at = ((hash + probe) & this.#mask) * ENTRY.cells;
      const known = this.#table[at + ENTRY.line] ?? EMPTY;
      if (known !== EMPTY && known !== GONE) continue;
      if (known === GONE) this.#gone -= 1;
      const tag = (hash & HASH_BITS) | Math.floor(line / HIGH_LINES);
      Atomics.store(this.#table, at + ENTRY.tag, tag);
      Atomics.store(this.#table, at + ENTRY.line, low | 0);
      return true;
    }
    return false;
  }

  #entryOf(line: number): number {
    this.metadata.goTo(this.view, line);
    const hash = this.metadata.hash;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const entry = (hash + probe) & this.#mask;
      if (this.#table[entry * ENTRY.cells + ENTRY.line] === EMPTY) return -1;
      if (this.#lineAt(entry) === line) return entry;
    }
    return -1;
  }

  /** Readers that look meanwhile may miss an object; they ask then. */
  #rebuild(): void {
    const lines: number[] = [];
    for (let entry = 0; entry <= this.#mask; entry += 1) {
      const line = this.#lineAt(entry);
      if (line >= 0) lines.push(line);
    }
    this.#table.fill(EMPTY);
    this.#gone = 0;
    for (const line of lines) {
      this.metadata.goTo(this.view, line);
      this.#insert(line, this.metadata.hash);
    }
  }
}

function lineOf(tag: number, low: number): number {
  return (tag & ~HASH_BITS) * HIGH_LINES + (low >>> 0) - 1;
}
