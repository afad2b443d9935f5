/**
 * The first bytes of a body, read between two looks at the file before its head is sent: so the head
 * is about those bytes, and a small file that is written to meanwhile is read again instead of cut.
 */
import type { FileHandle } from 'node:fs/promises';
import { changeBetween, type FileState } from './file-state.js';

export const CHUNK_BYTES = 256 * 1024;
/** Read of the end of a longer body, to know by it that the file only grew. */
const TAIL_BYTES = 4_096;

export interface Region {
  readonly start: number;
  readonly length: number; // at least 1
}

/** Bytes as they were, to be compared with what is there later. */
export interface Anchor {
  readonly position: number;
  readonly bytes: Buffer;
}

export interface Opening extends Region {
  readonly state: FileState; // before the reading
  readonly after: FileState;
  readonly first: Buffer; // up to CHUNK_BYTES from `start`
  readonly tail: Anchor | undefined; // of what is longer than that, and may grow
}

/** @param into up to CHUNK_BYTES, which the opening has from then on */
export async function readOpening(
  handle: FileHandle,
  state: FileState,
  { region, settled, into }: { region: Region; settled: boolean; into: Buffer },
): Promise<Opening> {
  const { start, length } = region;
  const first = await readInto(into, handle, start, Math.min(CHUNK_BYTES, length));
  let tail: Anchor | undefined;
  if (length > CHUNK_BYTES && !settled) {
    const position = start + length - TAIL_BYTES;
    tail = { position, bytes: await readAt(handle, position, TAIL_BYTES) };
  }
  const after = await handle.stat({ bigint: true });
  return { start, length, state, after, first, tail };
}

/**
 * Are these the bytes of that state of the file? `hidden`: a further write could not be told from
 * the last one. Then, and while the file grows, it takes a second reading to know: what two readings
 * with a pause between them agree on was so at the time of the look between them.
 */
export function isVouched(
  opening: Opening,
  { hidden, before }: { hidden: boolean; before: Opening | undefined },
): boolean {
  const { state, after, first, length } = opening;
  if (first.length < Math.min(CHUNK_BYTES, length)) return false; // shorter than it was a moment ago
  const change = changeBetween(state, after);
  if (change === 'none' && !hidden) return true;
  if (change === 'other' || before === undefined || before.start !== opening.start) return false;
  if (state.size < before.state.size || before.first.length === 0) return false;
  // Of a small file that grows there are more bytes at each reading, and those were read once.
  return first.equals(before.first);
}

/** Fewer bytes when the file ends before. */
export function readAt(handle: FileHandle, position: number, want: number): Promise<Buffer> {
  return readInto(Buffer.allocUnsafeSlow(want), handle, position, want);
}

async function readInto(
  buffer: Buffer,
  handle: FileHandle,
  position: number,
  want: number,
): Promise<Buffer> {
  const { bytesRead } = await handle.read(buffer, 0, want, position);
  return buffer.subarray(0, bytesRead);
}
