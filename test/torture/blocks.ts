/**
 * Bodies that know themselves: each 16 bytes carry the object, its version, whom they were made
 * for and their own place, so that a foreign, old, mixed or shifted byte is told precisely.
 */
export const BLOCK_BYTES = 16;

const WORDS = BLOCK_BYTES / 4;
const MARK = 0x4847_0000; // 'HG', above the object's number
/** The fifth byte of a block is 0: 0x47 there (version 71), every 192 bytes, is a transport stream's. */
const VERSION_SHIFT = 8;
const KEPT_BYTES = 32 * 1_048_576;

/** What a block says besides its place. */
export interface Stamp {
  readonly object: number; // below 65,536
  readonly version: number;
  readonly viewer: number; // 0: the same for everybody
}

export type Inspection =
  | {
      readonly right: true;
      readonly stamp: Stamp;
      readonly told: boolean; // by the bytes themselves: there was a whole block
    }
  | { readonly right: false; readonly of: Difference; readonly explanation: string };

export type Difference = 'object' | 'version' | 'viewer' | 'place' | 'noise';

const kept = new Map<string, Buffer>();
let keptBytes = 0;

/** The bytes of `stamp`'s body from `start` up to `end`. Not to be written to. */
export function blocks(stamp: Stamp, start: number, end: number): Buffer {
  const key = `${stamp.object} ${stamp.version} ${stamp.viewer} ${start} ${end}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const made = make(stamp, start, end);
  keptBytes += made.length;
  kept.set(key, made);
  for (const [oldest, bytes] of kept) {
    if (keptBytes <= KEPT_BYTES) break;
    kept.delete(oldest);
    keptBytes -= bytes.length;
  }
  return made;
}

function make({ object, version, viewer }: Stamp, start: number, end: number): Buffer {
  const first = Math.floor(start / BLOCK_BYTES);
  const count = Math.ceil(end / BLOCK_BYTES) - first;
  const words = new Uint32Array(Math.max(0, count) * WORDS);
  for (let block = 0, at = 0; block < count; block += 1, at += WORDS) {
    words[at] = MARK + object;
    words[at + 1] = version << VERSION_SHIFT;
    words[at + 2] = viewer;
    words[at + 3] = first + block;
  }
  const from = start - first * BLOCK_BYTES;
  return Buffer.from(words.buffer, from, Math.max(0, end - start));
}

/**
 * Whether these bytes, which begin at `start` of a body, are one stamp's. The first whole block
 * says whose; `claimed` says it where there is none.
 */
export function inspect(bytes: Buffer, start: number, claimed: Stamp): Inspection {
  const first = firstStamp(bytes, start);
  const stamp = first ?? claimed;
  const expected = blocks(stamp, start, start + bytes.length);
  if (!bytes.equals(expected)) return explain(bytes, expected, start);
  if (stamp.object === claimed.object) {
    return { right: true, stamp, told: first !== undefined };
  }
  return { right: false, of: 'object', explanation: `bytes of object ${stamp.object}` };
}

function firstStamp(bytes: Buffer, start: number): Stamp | undefined {
  const at = (BLOCK_BYTES - (start % BLOCK_BYTES)) % BLOCK_BYTES;
  return at + BLOCK_BYTES > bytes.length ? undefined : stampAt(bytes, at);
}

function stampAt(bytes: Buffer, at: number): Stamp {
  return {
    object: bytes.readUInt32LE(at) - MARK,
    version: bytes.readUInt32LE(at + 4) >>> VERSION_SHIFT,
    viewer: bytes.readUInt32LE(at + 8),
  };
}

function explain(bytes: Buffer, expected: Buffer, start: number): Inspection {
  let at = 0;
  while (bytes[at] === expected[at]) at += 1;
  const block = at - ((start + at) % BLOCK_BYTES);
  const where = `byte ${start + at}`;
  if (block < 0 || block + BLOCK_BYTES > bytes.length) {
    return { right: false, of: 'noise', explanation: `${where}: part of a block is wrong` };
  }
  const told = stampAt(bytes, block);
  const wanted = stampAt(expected, block);
  const of = difference(told, wanted);
  const place = bytes.readUInt32LE(block + 12) * BLOCK_BYTES;
  const name = ({ object, version, viewer }: Stamp): string =>
    `object ${object} version ${version} viewer ${viewer}`;
  return {
    right: false,
    of,
    explanation: `${where}: ${name(told)} at ${place}, behind ${name(wanted)}`,
  };
}

function difference(told: Stamp, wanted: Stamp): Difference {
  if (told.object < 0 || told.object > 0xffff) return 'noise';
  if (told.object !== wanted.object) return 'object';
  if (told.version !== wanted.version) return 'version';
  return told.viewer === wanted.viewer ? 'place' : 'viewer';
}
