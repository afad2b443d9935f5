/**
 * A shard's published objects by key, in shared memory: any worker serves them without asking and
 * without a JavaScript object for each, however many there are. The owner alone writes.
 *
 * A record is valid while its `published` cell equals the slot's generation. The owner writes the
 * other cells and the text first and `published` last; it rewrites them only when the generation
 * has moved on and no reader is left. A reader protects the slot first and reads then.
 */
import { ArenaView } from './arena.js';
import { MIN_BLOCK_BYTES, RECORD, RECORD_BYTES } from './layout.js';

const CELLS = RECORD_BYTES / 4;
const TIMES = RECORD_BYTES / 8;

/** What the hint in a table's entry counts in: a cache line. */
const HINT_BYTES = 64;

const EMPTY = 0;
const GONE = -1; // something was here: look on
/** A longer walk than this is worth less than asking the owner. */
const MAX_PROBES = 32;

export interface Publication {
  readonly slot: number;
  readonly generation: number;
  readonly hash: number; // hash32 of the key
  readonly bodyOffset: number;
  readonly bodyBytes: number;
  readonly textOffset: number;
  readonly keyBytes: number;
  readonly fieldsBytes: number;
  readonly bornMs: number;
  readonly freshUntilMs: number;
}

export class Directory {
  readonly view: ArenaView;
  readonly #table: Int32Array;
  readonly #records: Int32Array;
  readonly #times: Float64Array;
  readonly #mask: number;
  #gone = 0; // owner only
  #seen = 0; // of no meaning: a load that nobody uses is not made

  constructor(view: ArenaView) {
    const { buffer, layout } = view;
    this.view = view;
    this.#table = new Int32Array(buffer, layout.tableOffset, layout.tableSize * 2);
    this.#records = new Int32Array(buffer, layout.recordOffset, layout.slots * CELLS);
    this.#times = new Float64Array(buffer, layout.recordOffset, layout.slots * TIMES);
    this.#mask = layout.tableSize - 1;
  }

  /**
   * Begins to load what a hit will look at. Among a million objects each line comes from memory, 150 ns
   * and more away: record, visits, text and body together, and while the caller does other things.
   */
  prefetch(hash: number): void {
    const at = (hash & this.#mask) * 2;
    const slot = (this.#table[at] ?? EMPTY) - 1;
    if (slot < 0) return;
    const text = (this.#table[at + 1] ?? 0) * HINT_BYTES;
    const body = text - (text % MIN_BLOCK_BYTES); // as small as most are
    const { data, hits } = this.view;
    const owned = (this.#records[slot * CELLS] ?? 0) ^ (hits[slot] ?? 0);
    this.#seen = (this.#seen & 1) ^ owned ^ (data[text] ?? 0) ^ (data[body] ?? 0);
  }

  /** The slot that holds the key, protected until `view.unprotect()`; -1 when there is none to be had. */
  protect(key: string, hash: number): number {
    let at = hash & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const cell = this.#table[at * 2] ?? EMPTY;
      if (cell === EMPTY) return -1;
      if (cell !== GONE && this.#protectIf(cell - 1, key, hash)) return cell - 1;
      at = (at + 1) & this.#mask;
    }
    return -1;
  }

  /** Of a protected slot, as all that follow. */
  freshUntilMs(slot: number): number {
    return this.#times[slot * TIMES + RECORD.freshUntil] ?? 0;
  }

  bornMs(slot: number): number {
    return this.#times[slot * TIMES + RECORD.born] ?? 0;
  }

  /** Borrowed: gone with `unprotect`. */
  body(slot: number): Uint8Array {
    const base = slot * CELLS;
    return this.#bytes(
      this.#unsigned(base + RECORD.bodyOffset),
      this.#records[base + RECORD.bodyBytes] ?? 0,
    );
  }

  /** Borrowed: gone with `unprotect`. */
  fields(slot: number): Uint8Array {
    const base = slot * CELLS;
    const from = this.#textOf(slot) + (this.#records[base + RECORD.keyBytes] ?? 0);
    return this.#bytes(from, this.#records[base + RECORD.fieldsBytes] ?? 0);
  }

  /** Owner only. False: the table is crowded around this key; the object is served on asking. */
  publish(publication: Publication): boolean {
    const { slot } = publication;
    const base = slot * CELLS;
    const records = this.#records;
    records[base + RECORD.hash] = publication.hash | 0;
    records[base + RECORD.bodyOffset] = publication.bodyOffset | 0;
    records[base + RECORD.bodyBytes] = publication.bodyBytes;
    records[base + RECORD.textOffset] = publication.textOffset | 0;
    records[base + RECORD.keyBytes] = publication.keyBytes;
    records[base + RECORD.fieldsBytes] = publication.fieldsBytes;
    this.#times[slot * TIMES + RECORD.born] = publication.bornMs;
    this.#times[slot * TIMES + RECORD.freshUntil] = publication.freshUntilMs;
    Atomics.store(records, base + RECORD.published, publication.generation);
    // A renewed one has its cell: another, in a gap nearer to its place, would outlive it.
    return this.#positionOf(slot) >= 0 || this.#insert(slot, publication.hash);
  }

  /** Owner only: when a slot that was published is given up. */
  withdraw(slot: number): void {
    const at = this.#positionOf(slot);
    if (at < 0) return;
    const next = (at + 1) & this.#mask;
    const last = this.#table[next * 2] === EMPTY;
    Atomics.store(this.#table, at * 2, last ? EMPTY : GONE);
    if (last) return;
    this.#gone += 1;
    if (this.#gone > this.#mask / 4) this.#rebuild();
  }

  #protectIf(slot: number, key: string, hash: number): boolean {
    const base = slot * CELLS;
    if (this.#records[base + RECORD.hash] !== (hash | 0)) return false;
    const generation = Atomics.load(this.#records, base + RECORD.published);
    if (!this.view.protect(slot, generation)) return false;
    if (this.#holds(slot, key)) return true;
    this.view.unprotect();
    return false;
  }

  #holds(slot: number, key: string): boolean {
    if (this.#records[slot * CELLS + RECORD.keyBytes] !== key.length) return false;
    const { data } = this.view;
    const offset = this.#textOf(slot);
    for (let i = 0; i < key.length; i += 1) {
      if (data[offset + i] !== key.charCodeAt(i)) return false;
    }
    return true;
  }

  #insert(slot: number, hash: number): boolean {
    let at = hash & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const cell = this.#table[at * 2] ?? EMPTY;
      if (cell === slot + 1) return true;
      if (cell === EMPTY || cell === GONE) {
        if (cell === GONE) this.#gone -= 1;
        this.#table[at * 2 + 1] = this.#textOf(slot) / HINT_BYTES;
        Atomics.store(this.#table, at * 2, slot + 1);
        return true;
      }
      at = (at + 1) & this.#mask;
    }
    return false;
  }

  #positionOf(slot: number): number {
    let at = (this.#records[slot * CELLS + RECORD.hash] ?? 0) & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const cell = this.#table[at * 2] ?? EMPTY;
      if (cell === slot + 1) return at;
      if (cell === EMPTY) return -1;
      at = (at + 1) & this.#mask;
    }
    return -1;
  }

  /** Readers that look meanwhile may miss an object; they ask then. */
  #rebuild(): void {
    const slots: number[] = [];
    for (let at = 0; at <= this.#mask; at += 1) {
      const cell = this.#table[at * 2] ?? EMPTY;
      if (cell > EMPTY) slots.push(cell - 1);
    }
    this.#table.fill(EMPTY);
    this.#gone = 0;
    for (const slot of slots) this.#insert(slot, this.#records[slot * CELLS + RECORD.hash] ?? 0);
  }

  #textOf(slot: number): number {
    return this.#unsigned(slot * CELLS + RECORD.textOffset);
  }

  #bytes(from: number, length: number): Uint8Array {
    return this.view.data.subarray(from, from + length);
  }

  #unsigned(cell: number): number {
    return (this.#records[cell] ?? 0) >>> 0;
  }
}
