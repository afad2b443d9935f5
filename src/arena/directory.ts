/**
 * A shard's published objects by key, in shared memory: any worker serves them without asking and
 * without a JavaScript object for each, however many there are. The owner alone writes.
 *
 * What a hit needs besides the body is the object's text, behind the body in the same piece: what is
 * known of it, its key, its field lines. The table leads from the key's hash to the line where the text
 * begins. Who finds an entry there guards the text and then looks whether the entry is there still; the
 * owner takes the entry away and then looks whether anybody guards the text, before it writes over any
 * of it. One of the two always sees the other.
 */
import { newPrefetcher, type Prefetcher } from '../../native/addon.js';
import { ArenaView } from './arena.js';
import { LINE_BYTES, MIN_BLOCK_BYTES } from './layout.js';

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
const TIMES = LINE_BYTES / 8;

const EMPTY = 0;
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
  /**
   * EMPTY, or the line of a text plus one in the low bits and as many bits as are left of its key's
   * hash in the high ones: who looks for another key goes by without a look at the text. All low bits
   * set: something was here, look on.
   */
  readonly #table: Int32Array;
  readonly #mask: number;
  readonly #lineMask: number;
  readonly #cells: Int32Array;
  readonly #times: Float64Array;
  readonly #prefetcher: Prefetcher | undefined;
  #gone = 0; // owner only
  #seen = 0; // of no meaning: a load that nobody uses is not made

  constructor(view: ArenaView) {
    const { buffer, layout } = view;
    const { dataOffset, dataBytes, tableSize } = layout;
    this.view = view;
    this.#table = new Int32Array(buffer, layout.tableOffset, tableSize);
    this.#mask = tableSize - 1;
    this.#lineMask = 2 ** Math.ceil(Math.log2(dataBytes / LINE_BYTES + 2)) - 1;
    this.#cells = new Int32Array(buffer, dataOffset, dataBytes / 4);
    this.#times = new Float64Array(buffer, dataOffset, dataBytes / 8);
    this.#prefetcher = newPrefetcher(this.#table, this.#lineMask, view.data, view.hits);
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
    const line = this.#lineOf(this.#table[hash & this.#mask] ?? EMPTY);
    if (line < 0) return;
    const { data, hits } = this.view;
    const slot = Math.floor((line * LINE_BYTES) / MIN_BLOCK_BYTES); // as small as most are
    const visits = hits[slot] ?? 0;
    const body = data[slot * MIN_BLOCK_BYTES] ?? 0;
    this.#seen = (this.#seen & 1) ^ (this.#cells[line * CELLS] ?? 0) ^ body ^ visits;
  }

  /** The line of the key's text, protected until `view.unprotect()`; -1 when there is none to be had. */
  protect(key: string, hash: number): number {
    let at = hash & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const entry = this.#table[at] ?? EMPTY;
      if (entry === EMPTY) return -1;
      if (((entry ^ hash) & ~this.#lineMask) === 0) {
        const line = this.#lineOf(entry);
        if (line >= 0 && this.#protectIf(at, entry, line, key)) return line;
      }
      at = (at + 1) & this.#mask;
    }
    return -1;
  }

  /** Of a protected line, as all that follow. */
  slot(line: number): number {
    return this.#cells[line * CELLS + TEXT.slot] ?? 0;
  }

  freshUntilMs(line: number): number {
    return this.#times[line * TIMES + TEXT.freshUntil] ?? 0;
  }

  bornMs(line: number): number {
    return this.#times[line * TIMES + TEXT.born] ?? 0;
  }

  date(line: number): number {
    return (this.#cells[line * CELLS + TEXT.date] ?? 0) >>> 0;
  }

  /** Borrowed: gone with `unprotect`. */
  body(line: number): Uint8Array {
    const base = line * CELLS;
    return this.#bytes(this.slot(line) * MIN_BLOCK_BYTES, this.#cells[base + TEXT.bodyBytes] ?? 0);
  }

  /** Borrowed: gone with `unprotect`. */
  fields(line: number): Uint8Array {
    const base = line * CELLS;
    const keyBytes = this.#cells[base + TEXT.keyBytes] ?? 0;
    return this.#bytes(
      line * LINE_BYTES + HEAD_BYTES + keyBytes,
      this.#cells[base + TEXT.fieldsBytes] ?? 0,
    );
  }

  /**
   * Owner only; nothing else may lie at `textOffset`, published or read.
   * False: the table is crowded around this key; the object is served on asking.
   */
  publish({ slot, bodyBytes, textOffset, text }: Publication): boolean {
    const { key, fields } = text;
    const line = textOffset / LINE_BYTES;
    const base = line * CELLS;
    const cells = this.#cells;
    cells[base + TEXT.hash] = text.hash | 0;
    cells[base + TEXT.slot] = slot;
    cells[base + TEXT.bodyBytes] = bodyBytes;
    cells[base + TEXT.keyBytes] = key.length;
    cells[base + TEXT.fieldsBytes] = fields.length;
    cells[base + TEXT.date] = text.date | 0;
    this.#times[line * TIMES + TEXT.born] = text.bornMs;
    this.#times[line * TIMES + TEXT.freshUntil] = text.freshUntilMs;
    const { buffer, byteOffset } = this.view.data;
    Buffer.from(buffer, byteOffset + textOffset + HEAD_BYTES, key.length + fields.length).write(
      key + fields,
      'latin1',
    );
    return this.#insert(line, text.hash);
  }

  /** Owner only: before what was published at `textOffset` changes or is given up. */
  withdraw(textOffset: number): void {
    const at = this.#positionOf(textOffset / LINE_BYTES);
    if (at < 0) return;
    const last = this.#table[(at + 1) & this.#mask] === EMPTY;
    Atomics.store(this.#table, at, last ? EMPTY : this.#lineMask);
    if (last) return;
    this.#gone += 1;
    if (this.#gone > this.#mask / 8) this.#rebuild();
  }

  /** Owner only: whether a worker reads what was withdrawn from there. */
  isRead(textOffset: number): boolean {
    return this.view.isTextRead(textOffset / LINE_BYTES);
  }

  /** -1: not a text's. */
  #lineOf(entry: number): number {
    const low = entry & this.#lineMask;
    return low === this.#lineMask ? -1 : low - 1;
  }

  #protectIf(at: number, entry: number, line: number, key: string): boolean {
    this.view.protectText(line);
    if (Atomics.load(this.#table, at) === entry && this.#holds(line, key)) return true;
    this.view.unprotect();
    return false;
  }

  #holds(line: number, key: string): boolean {
    if (this.#cells[line * CELLS + TEXT.keyBytes] !== key.length) return false;
    const { data } = this.view;
    const offset = line * LINE_BYTES + HEAD_BYTES;
    for (let i = 0; i < key.length; i += 1) {
      if (data[offset + i] !== key.charCodeAt(i)) return false;
    }
    return true;
  }

  #insert(line: number, hash: number): boolean {
    let at = hash & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const entry = this.#table[at] ?? EMPTY;
      if (this.#lineOf(entry) < 0) {
        if (entry !== EMPTY) this.#gone -= 1;
        Atomics.store(this.#table, at, (hash & ~this.#lineMask) | (line + 1));
        return true;
      }
      at = (at + 1) & this.#mask;
    }
    return false;
  }

  #positionOf(line: number): number {
    let at = (this.#cells[line * CELLS + TEXT.hash] ?? 0) & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe += 1) {
      const entry = this.#table[at] ?? EMPTY;
      if (entry === EMPTY) return -1;
      if (this.#lineOf(entry) === line) return at;
      at = (at + 1) & this.#mask;
    }
    return -1;
  }

  /** Readers that look meanwhile may miss an object; they ask then. */
  #rebuild(): void {
    const lines: number[] = [];
    for (const entry of this.#table) {
      const line = this.#lineOf(entry);
      if (line >= 0) lines.push(line);
    }
    this.#table.fill(EMPTY);
    this.#gone = 0;
    for (const line of lines) this.#insert(line, this.#cells[line * CELLS + TEXT.hash] ?? 0);
  }

  #bytes(from: number, length: number): Uint8Array {
    return this.view.data.subarray(from, from + length);
  }
}
