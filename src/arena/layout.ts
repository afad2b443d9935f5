/**
 * The map of every shared cell of one shard's arena: offset, meaning, who writes.
 *
 *   offset                cells                     meaning                      written by
 *   0                     Int32   header[16]        layout facts below           creator, once
 *   generationOffset      Int32   [slots]           reuse count of a slot        owner
 *   writtenOffset         Int32   [slots]           bytes of the body so far     owner
 *   leaseOffset           Int32   [workers][slots]  readers' pins, per worker    that worker (owner clears a dead one's)
 *   hitsOffset            Uint8   [slots]           visits, saturating at 3      any worker, unsynchronised; owner's hand
 *   recordOffset          64 bytes [slots]          what a hit needs to know     owner (directory.ts has the cells)
 *   tableOffset           Int32   [tableSize]       key hash → slot              owner
 *   dataOffset            Uint8   [dataBytes]       bodies                       owner
 *
 * Leases are worker-major so that two workers never write the same cache line.
 */

export const MIN_BLOCK_BYTES = 4_096;
/** One cache line a slot. */
export const RECORD_BYTES = 64;
const HEADER_BYTES = 64;
const MAGIC = 0x48_47_41_31; // "HGA1"
const PAGE_BYTES = 4_096;

const FIELD = { magic: 0, slots: 1, workers: 2, dataPages: 3 } as const;

export interface ArenaLayout {
  readonly slots: number;
  readonly workers: number;
  readonly generationOffset: number;
  readonly writtenOffset: number;
  readonly leaseOffset: number;
  readonly hitsOffset: number;
  readonly recordOffset: number;
  readonly tableOffset: number;
  readonly tableSize: number; // cells, a power of two, at most half of them used
  readonly dataOffset: number;
  readonly dataBytes: number;
  readonly totalBytes: number;
}

/** Where each cell of an arena lies; `dataBytes` is rounded down to whole blocks. */
export function arenaLayout(dataBytes: number, workers: number): ArenaLayout {
  const blocks = Math.max(1, Math.floor(dataBytes / MIN_BLOCK_BYTES));
  const slots = blocks;
  const generationOffset = HEADER_BYTES;
  const writtenOffset = align(generationOffset + slots * 4, 64);
  const leaseOffset = align(writtenOffset + slots * 4, 64);
  const hitsOffset = align(leaseOffset + slots * 4 * workers, 64);
  const recordOffset = align(hitsOffset + slots, 64);
  const tableOffset = recordOffset + slots * RECORD_BYTES;
  const tableSize = 2 ** Math.ceil(Math.log2(slots * 2));
  const dataOffset = align(tableOffset + tableSize * 4, PAGE_BYTES);
  const bytes = blocks * MIN_BLOCK_BYTES;
  return {
    slots,
    workers,
    generationOffset,
    writtenOffset,
    leaseOffset,
    hitsOffset,
    recordOffset,
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
