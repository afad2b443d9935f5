/** Deterministic bodies and their paths, the same for the origin, the checks and the generators. */
import { createHash } from 'node:crypto';

const POOL_BYTES = 8 * 1024 * 1024;
const OFFSET_STEP = 4_099; // prime: neighbours share no aligned run

const pool = buildPool();

/** The body of object `n` of `size` bytes (at most 4 MiB): a borrowed view, never write to it. */
export function bodyOf(size: number, n: number): Buffer {
  const offset = (n * OFFSET_STEP) % (POOL_BYTES - size);
  return pool.subarray(offset, offset + size);
}

/** All of one size share a folder, as the segments of one stream do. */
export function objectPath(size: number, n: number): string {
  return `/obj/${size}/${n}`;
}

export function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

/** xorshift32 noise: nothing on the way can compress it or take one body for another. */
function buildPool(): Buffer {
  const words = new Uint32Array(POOL_BYTES / 4);
  let state = 0x9e3779b9;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state >>> 0;
  }
  return Buffer.from(words.buffer);
}
