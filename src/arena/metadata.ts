/**
 * The metadata of a stored response, as it lies in the node's memory: its shard writes it, every worker reads it.
 *
 *   bytes             meaning
 *   72                numbers (`CELL`)
 *   by the numbers    key, rendered field lines, names that it varies by, pack; Latin-1
 *   8 each            where its bodies lie, from the next whole eight on; Float64:
 *                     slot, generation, bytes, pieces, and offset and length of each piece
 *
 * The response's own body is the first; codings of it follow. The pack is its reader's matter.
 */
import { isLatin1 } from '../http/fields.js';
import type { ArenaView } from './arena.js';
import type { Extent } from './buddy.js';
import { CACHE_LINE_BYTES } from './layout.js';

/**
 * Cells by number: Int32, but for the last three, which are Float64. A plain hit reads the first line of
 * them, of some in native/answer_writer.cc.
 */
const CELL = {
  hash: 0,
  slot: 1,
  flags: 2,
  date: 3,
  keyBytes: 4,
  fieldsBytes: 5,
  namesBytes: 6,
  packBytes: 7,
  placeCells: 8,
  secondary: 9,
  generation: 10,
  edition: 11,
  freshUntil: 6, // Float64
  born: 7, // Float64
  bodyBytes: 8, // Float64
} as const;
const HEAD_BYTES = 72;
const PLACE_CELLS = 4;

/** Bits of `flags`. */
export const METADATA_FLAGS = {
  plain: 1, // a small body in one piece that answers any ordinary request as it lies
  part: 2, // not all of a representation
} as const;

/** Where a body lies, and under which generation. */
export interface Place {
  readonly slot: number; // the number of the body's first block
  generation: number;
  extents: readonly Extent[];
  bytes: number;
}

export interface Metadata {
  readonly key: string; // Latin-1, as the other strings
  readonly hash: number; // hash32 of the key
  readonly flags: number;
  readonly fields: string;
  readonly names: readonly string[]; // of fields that it varies by
  readonly secondary: number; // hash of what they say
  readonly pack: string;
  readonly bornMs: number;
  readonly freshUntilMs: number;
  readonly date: number; // seconds since the epoch that answers say; 0: when they are sent
  readonly places: readonly [Place, ...Place[]];
}

/** Room for metadata. Undefined: it has characters that cannot be written. */
export function metadataBytes(metadata: Metadata): number | undefined {
  const { key, fields, names, pack, places } = metadata;
  if (![key, fields, pack, ...names].every(isLatin1)) return undefined;
  const characters = key.length + fields.length + namesOf(names).length + pack.length;
  const cells = places.reduce((sum, { extents }) => sum + cellsFor(extents.length), 0);
  return placesAt(characters) + 8 * cells;
}

/** Of one body of so many pieces, with so many characters. */
export function roomForMetadata(characters: number, pieces: number): number {
  return placesAt(characters) + 8 * cellsFor(pieces);
}

/** The metadata of one response in one bank at a time: writes it, or reads it. */
export class MetadataView {
  #bytes: Uint8Array = new Uint8Array(0);
  #latin1: Buffer = Buffer.alloc(0);
  #cells: Int32Array = new Int32Array(0);
  #numbers: Float64Array = new Float64Array(0);
  #cell = 0; // in which it begins
  line = 0; // of the memory, where it begins

  /** To the metadata that begins at `line` of the memory. */
  goTo(arena: ArenaView, line: number): void {
    const bankLines = arena.pool.bankBytes / CACHE_LINE_BYTES;
    const index = Math.floor(line / bankLines);
    const { bytes, latin1, cells, numbers } = arena.bank(index);
    this.line = line;
    this.#bytes = bytes;
    this.#latin1 = latin1;
    this.#cells = cells;
    this.#numbers = numbers;
    this.#cell = (line - index * bankLines) * (CACHE_LINE_BYTES / 4);
  }

  /** `edition`: differs from that of the metadata before it of the same body. */
  write(metadata: Metadata, edition = 0): void {
    const { key, fields, pack, places } = metadata;
    const names = namesOf(metadata.names);
    const own = places[0];
    const [cells, numbers, cell] = [this.#cells, this.#numbers, this.#cell];
    cells[cell + CELL.hash] = metadata.hash | 0;
    cells[cell + CELL.slot] = own.slot;
    cells[cell + CELL.flags] = metadata.flags;
    cells[cell + CELL.date] = metadata.date | 0;
    cells[cell + CELL.keyBytes] = key.length;
    cells[cell + CELL.fieldsBytes] = fields.length;
    cells[cell + CELL.namesBytes] = names.length;
    cells[cell + CELL.packBytes] = pack.length;
    cells[cell + CELL.secondary] = metadata.secondary | 0;
    cells[cell + CELL.generation] = own.generation;
    cells[cell + CELL.edition] = edition;
    numbers[cell / 2 + CELL.bodyBytes] = own.bytes;
    numbers[cell / 2 + CELL.born] = metadata.bornMs;
    numbers[cell / 2 + CELL.freshUntil] = metadata.freshUntilMs;
    this.#latin1.write(key + fields + names + pack, this.#characters, 'latin1');
    this.#writePlaces(places);
  }

  get hash(): number {
    return this.#number(CELL.hash);
  }

  get slot(): number {
    return this.#number(CELL.slot);
  }

  get flags(): number {
    return this.#number(CELL.flags);
  }

  get date(): number {
    return this.#number(CELL.date) >>> 0;
  }

  get secondary(): number {
    return this.#number(CELL.secondary);
  }

  /** Of the body. */
  get generation(): number {
    return this.#number(CELL.generation);
  }

  get edition(): number {
    return this.#number(CELL.edition);
  }

  /** There are others of the same key. */
  get varies(): boolean {
    return this.#number(CELL.namesBytes) > 0;
  }

  get bodyBytes(): number {
    return this.#numbers[this.#cell / 2 + CELL.bodyBytes] ?? 0;
  }

  get bornMs(): number {
    return this.#numbers[this.#cell / 2 + CELL.born] ?? 0;
  }

  get freshUntilMs(): number {
    return this.#numbers[this.#cell / 2 + CELL.freshUntil] ?? 0;
  }

  isOf(key: string): boolean {
    if (this.#cells[this.#cell + CELL.keyBytes] !== key.length) return false;
    const bytes = this.#bytes;
    const offset = this.#characters;
    for (let i = 0; i < key.length; i += 1) {
      if (bytes[offset + i] !== key.charCodeAt(i)) return false;
    }
    return true;
  }

  get key(): string {
    const from = this.#characters;
    return this.#latin1.toString('latin1', from, from + this.#number(CELL.keyBytes));
  }

  get fieldsBytes(): number {
    return this.#number(CELL.fieldsBytes);
  }

  /** Borrowed: gone with what guards the metadata. */
  fieldBytes(): Uint8Array {
    const from = this.#fieldsAt;
    return this.#bytes.subarray(from, from + this.#number(CELL.fieldsBytes));
  }

  get fields(): string {
    const from = this.#fieldsAt;
    return this.#latin1.toString('latin1', from, from + this.#number(CELL.fieldsBytes));
  }

  get names(): string[] {
    const from = this.#fieldsAt + this.#number(CELL.fieldsBytes);
    const length = this.#number(CELL.namesBytes);
    return length === 0 ? [] : this.#latin1.toString('latin1', from, from + length).split(',');
  }

  get pack(): string {
    const to = this.#end;
    return this.#latin1.toString('latin1', to - this.#number(CELL.packBytes), to);
  }

  /** The response's own body, then those of its codings. */
  places(): Place[] {
    const places: Place[] = [];
    const from = this.#placesFrom;
    const to = from + this.#number(CELL.placeCells);
    const at = (cell: number): number => this.#numbers[cell] ?? 0;
    for (let cell = from; cell < to; cell += cellsFor(at(cell + 3))) {
      const extents: Extent[] = [];
      for (let i = 0; i < at(cell + 3); i += 1) {
        const piece = cell + PLACE_CELLS + 2 * i;
        extents.push({ offset: at(piece), length: at(piece + 1) });
      }
      places.push({ slot: at(cell), generation: at(cell + 1), extents, bytes: at(cell + 2) });
    }
    return places;
  }

  #writePlaces(places: readonly Place[]): void {
    const numbers = this.#numbers;
    const from = this.#placesFrom;
    let cell = from;
    for (const { slot, generation, extents, bytes } of places) {
      numbers[cell] = slot;
      numbers[cell + 1] = generation;
      numbers[cell + 2] = bytes;
      numbers[cell + 3] = extents.length;
      cell += PLACE_CELLS;
      for (const { offset, length } of extents) {
        numbers[cell] = offset;
        numbers[cell + 1] = length;
        cell += 2;
      }
    }
    this.#cells[this.#cell + CELL.placeCells] = cell - from;
  }

  #number(cell: number): number {
    return this.#cells[this.#cell + cell] ?? 0;
  }

  /** Bytes into the bank. */
  get #characters(): number {
    return this.#cell * 4 + HEAD_BYTES;
  }

  get #fieldsAt(): number {
    return this.#characters + this.#number(CELL.keyBytes);
  }

  /** Where the characters end. */
  get #end(): number {
    const names = this.#number(CELL.fieldsBytes) + this.#number(CELL.namesBytes);
    return this.#fieldsAt + names + this.#number(CELL.packBytes);
  }

  /** In cells of eight bytes. */
  get #placesFrom(): number {
    return Math.ceil(this.#end / 8);
  }
}

function namesOf(names: readonly string[]): string {
  return names.join(',');
}

function placesAt(characters: number): number {
  return Math.ceil((HEAD_BYTES + characters) / 8) * 8;
}

function cellsFor(pieces: number): number {
  return PLACE_CELLS + 2 * pieces;
}
