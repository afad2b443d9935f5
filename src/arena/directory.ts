/**
 * A shard's published objects by key, in shared memory: any worker serves them without asking and
 * without a JavaScript object for each, however many there are. The owner alone writes.
 *
 * A record is valid while its `published` cell equals the slot's generation. The owner writes the
 * other cells and the text first and `published` last; it rewrites them only when the generation
 * has moved on and no lease is left. A reader leases first and reads then.
 */
import { ArenaView } from './arena.js';
import { RECORD_BYTES } from './layout.js';

/** Int32 cells of a record; the two times are Float64 cells. */
const CELLS = RECORD_BYTES / 4;
const PUBLISHED = 0; // generation
const HASH = 1;
const BODY_OFFSET = 2; // bytes into the data
const BODY_BYTES = 3;
const TEXT_OFFSET = 4; // the key's characters, then the field lines
const KEY_BYTES = 5;
const FIELDS_BYTES = 6;
const BORN = 4; // Float64 cells from here on
const FRESH_UNTIL = 5;
const TIMES = RECORD_BYTES / 8;

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

  constructor(view: ArenaView) {
    const { buffer, layout } = view;
    this.view = view;
    this.#table = new Int32Array(buffer, layout.tableOffset, layout.tableSize);
    this.#records = new Int32Array(buffer, layout.recordOffset, layout.slots * CELLS);
    this.#times = new Float64Array(buffer, layout.recordOffset, layout.slots * TIMES);
    this.#mask = layout.tableSize - 1;
  }

  /** The slot that holds the key, leased for the caller; -1 when there is none to be had. */
  lease(key: string, hash: number): number {
    let at = hash & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const cell = this.#table[at] ?? EMPTY;
      if (cell === EMPTY) return -1;
      if (cell !== GONE && this.#leaseIf(cell - 1, key, hash)) return cell - 1;
      at = (at + 1) & this.#mask;
    }
    return -1;
  }

  /** Of a leased slot. */
  freshUntilMs(slot: number): number {
    return this.#times[slot * TIMES + FRESH_UNTIL] ?? 0;
  }

  bornMs(slot: number): number {
    return this.#times[slot * TIMES + BORN] ?? 0;
  }

  /** Borrowed: the lease guards it. */
  body(slot: number): Uint8Array {
    const base = slot * CELLS;
    return this.#bytes(this.#unsigned(base + BODY_OFFSET), this.#records[base + BODY_BYTES] ?? 0);
  }

  /** Borrowed: the lease guards it. */
  fields(slot: number): Uint8Array {
    const base = slot * CELLS;
    const from = this.#unsigned(base + TEXT_OFFSET) + (this.#records[base + KEY_BYTES] ?? 0);
    return this.#bytes(from, this.#records[base + FIELDS_BYTES] ?? 0);
  }

  /** Owner only. False: the table is crowded around this key; the object is served on asking. */
  publish(publication: Publication): boolean {
    const { slot } = publication;
    const base = slot * CELLS;
    const records = this.#records;
    records[base + HASH] = publication.hash | 0;
    records[base + BODY_OFFSET] = publication.bodyOffset | 0;
    records[base + BODY_BYTES] = publication.bodyBytes;
    records[base + TEXT_OFFSET] = publication.textOffset | 0;
    records[base + KEY_BYTES] = publication.keyBytes;
    records[base + FIELDS_BYTES] = publication.fieldsBytes;
    this.#times[slot * TIMES + BORN] = publication.bornMs;
    this.#times[slot * TIMES + FRESH_UNTIL] = publication.freshUntilMs;
    Atomics.store(records, base + PUBLISHED, publication.generation);
    // A renewed one has its cell: another, in a gap nearer to its place, would outlive it.
    return this.#positionOf(slot) >= 0 || this.#insert(slot, publication.hash);
  }

  /** Owner only: when a slot that was published is given up. */
  withdraw(slot: number): void {
    const at = this.#positionOf(slot);
    if (at < 0) return;
    const next = (at + 1) & this.#mask;
    const last = this.#table[next] === EMPTY;
    Atomics.store(this.#table, at, last ? EMPTY : GONE);
    if (last) return;
    this.#gone += 1;
    if (this.#gone > this.#mask / 4) this.#rebuild();
  }

  #leaseIf(slot: number, key: string, hash: number): boolean {
    const base = slot * CELLS;
    if (this.#records[base + HASH] !== (hash | 0)) return false;
    const generation = Atomics.load(this.#records, base + PUBLISHED);
    if (!this.view.acquire(slot, generation)) return false;
    if (this.#holds(base, key)) return true;
    this.view.release(slot);
    return false;
  }

  #holds(base: number, key: string): boolean {
    if (this.#records[base + KEY_BYTES] !== key.length) return false;
    const { data } = this.view;
    const offset = this.#unsigned(base + TEXT_OFFSET);
    for (let i = 0; i < key.length; i += 1) {
      if (data[offset + i] !== key.charCodeAt(i)) return false;
    }
    return true;
  }

  #insert(slot: number, hash: number): boolean {
    let at = hash & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const cell = this.#table[at] ?? EMPTY;
      if (cell === slot + 1) return true;
      if (cell === EMPTY || cell === GONE) {
        if (cell === GONE) this.#gone -= 1;
        Atomics.store(this.#table, at, slot + 1);
        return true;
      }
      at = (at + 1) & this.#mask;
    }
    return false;
  }

  #positionOf(slot: number): number {
    let at = (this.#records[slot * CELLS + HASH] ?? 0) & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const cell = this.#table[at] ?? EMPTY;
      if (cell === slot + 1) return at;
      if (cell === EMPTY) return -1;
      at = (at + 1) & this.#mask;
    }
    return -1;
  }

  /** Readers that look meanwhile may miss an object; they ask then. */
  #rebuild(): void {
    const slots = this.#table.filter((cell) => cell > EMPTY).map((cell) => cell - 1);
    this.#table.fill(EMPTY);
    this.#gone = 0;
    for (const slot of slots) this.#insert(slot, this.#records[slot * CELLS + HASH] ?? 0);
  }

  #bytes(from: number, length: number): Uint8Array {
    return this.view.data.subarray(from, from + length);
  }

  #unsigned(cell: number): number {
    return (this.#records[cell] ?? 0) >>> 0;
  }
}
