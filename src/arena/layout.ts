/**
 * The map of every shared cell of one shard's arena: offset, meaning, who writes.
 *
 *   offset                cells                     meaning                      written by
 *   0                     Int32   header[16]        layout facts below           creator, once
 *   hazardOffset          64 bytes [workers]        what is being read           that worker (owner clears a dead one's)
 *   recordOffset          Int32   [slots][2]        generation, bytes written    owner
 *   leaseOffset           Int32   [workers][slots]  readers' pins, per worker    that worker (owner clears a dead one's)
 *   hitsOffset            Uint8   [slots]           visits, saturating at 3      any worker, unsynchronised; owner's hand
 *   tableOffset           Int32   [tableSize]       bits of a key's hash, line of its text    owner
 *   dataOffset            Uint8   [dataBytes]       bodies; behind those that are published their texts    owner
 *
 * Leases are worker-major so that two workers never write the same cache line.
 */

export const MIN_BLOCK_BYTES = 2_048;
/** A cache line: what texts are aligned to. */
export const LINE_BYTES = 64;
export const RECORD_BYTES = 8;
/** Cells of a record, by number. */
export const RECORD = {
  generation: 0, // how often the slot was given out or voided
  written: 1, // bytes of the body so far
} as const;
const HEADER_BYTES = 64;
const MAGIC = 0x48_47_41_32; // "HGA2"
const PAGE_BYTES = 4_096;

const FIELD = { magic: 0, slots: 1, workers: 2, blocks: 3 } as const;

export interface ArenaLayout {
  readonly slots: number;
  readonly workers: number;
  readonly hazardOffset: number;
  readonly recordOffset: number;
  readonly leaseOffset: number;
  readonly hitsOffset: number;
  readonly tableOffset: number;
  readonly tableSize: number; // entries, a power of two, at most three quarters of them used
  readonly dataOffset: number;
  readonly dataBytes: number;
  readonly totalBytes: number;
}

/** Where each cell of an arena lies; `dataBytes` is rounded down to whole blocks. */
export function arenaLayout(dataBytes: number, workers: number): ArenaLayout {
  const blocks = Math.max(1, Math.floor(dataBytes / MIN_BLOCK_BYTES));
  const slots = blocks;
  const hazardOffset = HEADER_BYTES;
  const recordOffset = hazardOffset + workers * LINE_BYTES;
  const leaseOffset = align(recordOffset + slots * RECORD_BYTES, LINE_BYTES);
  const hitsOffset = leaseOffset + slots * 4 * workers;
  const tableOffset = align(hitsOffset + slots, LINE_BYTES);
  const tableSize = 2 ** Math.ceil(Math.log2((slots * 4) / 3));
  const dataOffset = align(tableOffset + tableSize * 4, PAGE_BYTES);
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
  header[FIELD.blocks] = layout.dataBytes / MIN_BLOCK_BYTES;
  return buffer;
}

/** The layout an arena was made with. @throws RangeError when the buffer is not an arena. */
export function layoutOf(buffer: SharedArrayBuffer): ArenaLayout {
  const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
  if (header[FIELD.magic] !== MAGIC) throw new RangeError('not an arena');
  return arenaLayout((header[FIELD.blocks] ?? 0) * MIN_BLOCK_BYTES, header[FIELD.workers] ?? 0);
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
