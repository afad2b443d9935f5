/**
 * The map of every shared cell of one shard's arena: offset, meaning, who writes.
 *
 *   offset                cells                     meaning                      written by
 *   0                     Int32   header[16]        layout facts below           creator, once
 *   hazardOffset          64 bytes [workers]        slot + 1 that is being read  that worker (owner clears a dead one's)
 *   recordOffset          64 bytes [slots]          all that a hit needs         owner
 *   leaseOffset           Int32   [workers][slots]  readers' pins, per worker    that worker (owner clears a dead one's)
 *   hitsOffset            Uint8   [slots]           visits, saturating at 3      any worker, unsynchronised; owner's hand
 *   tableOffset           Int32   [tableSize][2]    key hash → slot, text's line owner
 *   dataOffset            Uint8   [dataBytes]       bodies                       owner
 *
 * Leases are worker-major so that two workers never write the same cache line. A record is one
 * cache line: among a million objects nearly every line that a hit looks at comes from memory.
 */

export const MIN_BLOCK_BYTES = 4_096;
const LINE_BYTES = 64;
const ENTRY_BYTES = 8;
export const RECORD_BYTES = LINE_BYTES;
export const HAZARD_BYTES = LINE_BYTES;
/** Cells of a record, by number: Int32 but for the two times, which are Float64. */
export const RECORD = {
  published: 0, // generation that the cells up to `fieldsBytes` and the times hold for
  hash: 1,
  bodyOffset: 2, // bytes into the data
  bodyBytes: 3,
  textOffset: 4, // the key's characters, then the field lines
  keyBytes: 5,
  fieldsBytes: 6,
  generation: 7, // how often the slot was given out or voided
  born: 4, // Float64
  freshUntil: 5, // Float64
  written: 12, // bytes of the body so far
} as const;
const HEADER_BYTES = 64;
const MAGIC = 0x48_47_41_31; // "HGA1"
const PAGE_BYTES = 4_096;

const FIELD = { magic: 0, slots: 1, workers: 2, dataPages: 3 } as const;

export interface ArenaLayout {
  readonly slots: number;
  readonly workers: number;
  readonly hazardOffset: number;
  readonly recordOffset: number;
  readonly leaseOffset: number;
  readonly hitsOffset: number;
  readonly tableOffset: number;
  readonly tableSize: number; // entries, a power of two, at most half of them used
  readonly dataOffset: number;
  readonly dataBytes: number;
  readonly totalBytes: number;
}

/** Where each cell of an arena lies; `dataBytes` is rounded down to whole blocks. */
export function arenaLayout(dataBytes: number, workers: number): ArenaLayout {
  const blocks = Math.max(1, Math.floor(dataBytes / MIN_BLOCK_BYTES));
  const slots = blocks;
  const hazardOffset = HEADER_BYTES;
  const recordOffset = hazardOffset + workers * HAZARD_BYTES;
  const leaseOffset = recordOffset + slots * RECORD_BYTES;
  const hitsOffset = leaseOffset + slots * 4 * workers;
  const tableOffset = align(hitsOffset + slots, LINE_BYTES);
  const tableSize = 2 ** Math.ceil(Math.log2(slots * 2));
  const dataOffset = align(tableOffset + tableSize * ENTRY_BYTES, PAGE_BYTES);
  const bytes = blocks * MIN_BLOCK_BYTES;
  return {
    slots,
    workers,
    hazardOffset,
    recordOffset,
    leaseOffset,
    hitsOffset,
    tableOffset,
    tableSize,
    dataOffset,
    dataBytes: bytes,
    totalBytes: dataOffset + bytes,
  };
}

/** A zeroed arena with its layout written into the header. */
export function createArena(dataBytes: number, workers: number): SharedArrayBuffer {
  const layout = arenaLayout(dataBytes, workers);
  const buffer = new SharedArrayBuffer(layout.totalBytes);
  const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
  header[FIELD.magic] = MAGIC;
  header[FIELD.slots] = layout.slots;
  header[FIELD.workers] = workers;
  header[FIELD.dataPages] = layout.dataBytes / PAGE_BYTES;
  return buffer;
}

/** The layout an arena was made with. @throws RangeError when the buffer is not an arena. */
export function layoutOf(buffer: SharedArrayBuffer): ArenaLayout {
  const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
  if (header[FIELD.magic] !== MAGIC) throw new RangeError('not an arena');
  return arenaLayout((header[FIELD.dataPages] ?? 0) * PAGE_BYTES, header[FIELD.workers] ?? 0);
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
