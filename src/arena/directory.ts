/**
 * A shard's published objects by key, in shared memory: any worker serves them without asking and
 * without a JavaScript object for each, however many there are. The shard alone writes.
 *
 * What a hit needs besides the body is the object's text, behind the body in the same piece: what is
 * known of it, its key, its field lines. The table leads from the key's hash to the line where the text
 * begins. Who finds an entry there guards the text and then looks whether the entry is there still; the
 * owner takes the entry away and then looks whether anybody guards the text, before it writes over any
 * of it. One of the two always sees the other.
 *
 * An entry is two cells (layout.ts): the low 32 bits of the text's line plus one; and a tag, of the line's
 * further 8 bits and 24 of the key's hash, by which who looks for another key goes by without a look at
 * the text. The first decides: an entry is made by writing it last, and taken away by writing it alone.
 */
import { newPrefetcher, type Prefetcher } from '../../native/addon.js';
import { ArenaView } from './arena.js';
import { ENTRY, LINE_BYTES, LINES_A_BLOCK, MIN_BLOCK_BYTES } from './layout.js';

/** Cells of a text's head, by number: Int32 but for `born` and `freshUntil`, which are Float64. */
const TEXT = {
  hash: 0,
  slot: 1,
  bodyBytes: 2,
  keyBytes: 3,
  fieldsBytes: 4,
  date: 5,
  born: 3, // Float64
  freshUntil: 4, // Float64
} as const;
const HEAD_BYTES = 40;
const CELLS = LINE_BYTES / 4;

/** What stands for a line. */
const EMPTY = 0;
const GONE = -1; // something was here: look on
const HASH_BITS = ~0xff;
const HIGH_LINES = 2 ** 32;
/** A longer walk than this is worth less than asking the owner. */
const MAX_PROBES = 64;

/** What the directory tells of a body besides where it lies. */
export interface PublishedText {
  readonly key: string; // Latin-1
  readonly hash: number; // hash32 of the key
  readonly fields: string; // Latin-1
  readonly bornMs: number;
  readonly freshUntilMs: number;
  readonly date: number; // seconds since the epoch that answers say; 0: when they are sent
}

export interface Publication {
  readonly slot: number; // the number of the body's first block
  readonly bodyBytes: number;
  readonly textOffset: number; // of whole lines
  readonly text: PublishedText;
}

/** Room for an object's text. */
export function textBytes({ key, fields }: PublishedText): number {
  return HEAD_BYTES + key.length + fields.length;
}

/** Where the text of a body that ends there may begin. */
export function textOffsetAfter(bodyEnd: number): number {
  return Math.ceil(bodyEnd / LINE_BYTES) * LINE_BYTES;
}

export class Directory {
  readonly view: ArenaView;
  readonly #table: Int32Array;
  readonly #mask: number;
  readonly #prefetcher: Prefetcher | undefined;
  readonly #bankLines: number;
  /** The bank of the text that is looked at, and the cell in which it begins. */
  #bank: Uint8Array = new Uint8Array(0);
  #cells: Int32Array = new Int32Array(0);
  #times: Float64Array = new Float64Array(0);
  #cell = 0;
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
    this.#bankLines = view.pool.bankBytes / LINE_BYTES;
  }

  /**
   * Begins to load what a look-up reads first. Among a million objects each line comes from memory,
   * 150 ns and more away: call it early, and do something else before `prefetchObject`.
   */
  prefetchEntry(hash: number): void {
    this.#prefetcher?.entry(hash | 0);
  }

  /** Begins to load what a hit reads then: text, body and visits together. */
  prefetchObject(hash: number): void {
    if (this.#prefetcher !== undefined) {
      this.#prefetcher.object(hash | 0);
      return;
    }
    const entry = hash & this.#mask;
    const line = this.#lineAt(entry);
    if (line < 0) return;
    const slot = Math.floor(line / LINES_A_BLOCK); // as small as most are
    const visits = this.view.hits[slot] ?? 0;
    const index = Math.floor(line / this.#bankLines); // of no bank, where a cell has changed meanwhile
    const text = this.view.banks[index]?.cells[(line - index * this.#bankLines) * CELLS] ?? 0;
    this.#seen = (this.#seen & 1) ^ text ^ visits;
  }

  /** Finds the key's text and guards it until `view.unprotect()`. False: there is none to be had. */
  protect(key: string, hash: number): boolean {
    const table = this.#table;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const entry = (hash + probe) & this.#mask;
      const low = table[entry * ENTRY.cells + ENTRY.line] ?? EMPTY;
      if (low === EMPTY) return false;
      if (low === GONE) continue;
      const tag = table[entry * ENTRY.cells + ENTRY.tag] ?? 0;
      if (((tag ^ hash) & HASH_BITS) === 0 && this.#protectIf(entry, tag, low, key)) return true;
    }
    return false;
  }

  /** Of the guarded text's object, as all that follow. */
  get slot(): number {
    return this.#cells[this.#cell + TEXT.slot] ?? 0;
  }

  get freshUntilMs(): number {
    return this.#times[this.#cell / 2 + TEXT.freshUntil] ?? 0;
  }

  get bornMs(): number {
    return this.#times[this.#cell / 2 + TEXT.born] ?? 0;
  }

  get date(): number {
    return (this.#cells[this.#cell + TEXT.date] ?? 0) >>> 0;
  }

  /** Borrowed: gone with `unprotect`. */
  body(): Uint8Array {
    const bytes = this.#cells[this.#cell + TEXT.bodyBytes] ?? 0;
    return this.view.bytes(this.slot * MIN_BLOCK_BYTES, bytes);
  }

  /** Borrowed: gone with `unprotect`. */
  fields(): Uint8Array {
    const from = this.#cell * 4 + HEAD_BYTES + (this.#cells[this.#cell + TEXT.keyBytes] ?? 0);
    return this.#bank.subarray(from, from + (this.#cells[this.#cell + TEXT.fieldsBytes] ?? 0));
  }

  /**
   * Owner only; nothing else may lie at `textOffset`, published or read.
   * False: the table is crowded around this key; the object is served on asking.
   */
  publish({ slot, bodyBytes, textOffset, text }: Publication): boolean {
    const { key, fields } = text;
    this.#goTo(textOffset / LINE_BYTES);
    const [cells, times, cell] = [this.#cells, this.#times, this.#cell];
    cells[cell + TEXT.hash] = text.hash | 0;
    cells[cell + TEXT.slot] = slot;
    cells[cell + TEXT.bodyBytes] = bodyBytes;
    cells[cell + TEXT.keyBytes] = key.length;
    cells[cell + TEXT.fieldsBytes] = fields.length;
    cells[cell + TEXT.date] = text.date | 0;
    times[cell / 2 + TEXT.born] = text.bornMs;
    times[cell / 2 + TEXT.freshUntil] = text.freshUntilMs;
    const { buffer } = this.#bank;
    Buffer.from(buffer, cell * 4 + HEAD_BYTES, key.length + fields.length).write(
      key + fields,
      'latin1',
    );
    return this.#insert(textOffset / LINE_BYTES, text.hash);
  }

  /** Owner only: before what was published at `textOffset` changes or is given up. */
  withdraw(textOffset: number): void {
    const entry = this.#entryOf(textOffset / LINE_BYTES);
    if (entry < 0) return;
    const next = (entry + 1) & this.#mask;
    const last = this.#table[next * ENTRY.cells + ENTRY.line] === EMPTY;
    Atomics.store(this.#table, entry * ENTRY.cells + ENTRY.line, last ? EMPTY : GONE);
    if (last) return;
    this.#gone += 1;
    if (this.#gone > this.#mask / 8) this.#rebuild();
  }

  /** Owner only: whether a worker reads what was withdrawn from there. */
  isRead(textOffset: number): boolean {
    return this.view.pins.count(textOffset / LINE_BYTES) > 0;
  }

  /** What the accessors speak of from now on. */
  #goTo(line: number): void {
    const index = Math.floor(line / this.#bankLines);
    const bank = this.view.bank(index);
    this.#bank = bank.bytes;
    this.#cells = bank.cells;
    this.#times = bank.times;
    this.#cell = (line - index * this.#bankLines) * CELLS;
  }

  /** -1: no text's. */
  #lineAt(entry: number): number {
    const low = this.#table[entry * ENTRY.cells + ENTRY.line] ?? EMPTY;
    if (low === EMPTY || low === GONE) return -1;
    return lineOf(this.#table[entry * ENTRY.cells + ENTRY.tag] ?? 0, low);
  }

  #protectIf(entry: number, tag: number, low: number, key: string): boolean {
    const line = lineOf(tag, low);
    this.view.protectLine(line);
    const table = this.#table;
    if (
      Atomics.load(table, entry * ENTRY.cells + ENTRY.line) === low &&
      Atomics.load(table, entry * ENTRY.cells + ENTRY.tag) === tag
    ) {
      this.#goTo(line);
      if (this.#holds(key)) return true;
    }
    this.view.unprotect();
    return false;
  }

  #holds(key: string): boolean {
    if (this.#cells[this.#cell + TEXT.keyBytes] !== key.length) return false;
    const bytes = this.#bank;
    const offset = this.#cell * 4 + HEAD_BYTES;
    for (let i = 0; i < key.length; i += 1) {
      if (bytes[offset + i] !== key.charCodeAt(i)) return false;
    }
    return true;
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
    this.#goTo(line);
    const hash = this.#cells[this.#cell + TEXT.hash] ?? 0;
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
      this.#goTo(line);
      this.#insert(line, this.#cells[this.#cell + TEXT.hash] ?? 0);
    }
  }
}

function lineOf(tag: number, low: number): number {
  return (tag & ~HASH_BITS) * HIGH_LINES + (low >>> 0) - 1;
}
