/** Thread entry of a coding thread: gzip and brotli of one body after another, out of shared memory. */
import { setPriority } from 'node:os';
import { move } from 'piscina';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { CoderOrder } from '../src/shard/intake/coder-thread.js';

/**
 * Threads that serve viewers come first: on Linux a priority is a thread's own, and `0` is the thread
 * that asks.
 */
const NICENESS = 10;
/** A coding cannot be broken off: at 11 a megabyte takes seconds, which the end of the node waits for. */
const LARGE_BYTES = 262_144;
const MAX_QUALITY_OF_LARGE = 9;

try {
  if (process.platform === 'linux') setPriority(0, NICENESS);
} catch {
  // A sandbox that forbids it: codings are made all the same.
}

export default function encode({ source, coding, level }: CoderOrder): unknown {
  const bytes = bytesOf(source);
  const coded =
    coding === 'br'
      ? brotliCompressSync(bytes, {
          params: {
            [constants.BROTLI_PARAM_QUALITY]:
              bytes.length > LARGE_BYTES ? Math.min(level, MAX_QUALITY_OF_LARGE) : level,
            [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
            [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
          },
        })
      : gzipSync(bytes, { level });
  // Of its own memory: a small Buffer is a slice of a pool that cannot be given away.
  return move(new Uint8Array(coded));
}

/** In one piece, borrowed where it lies so. */
function bytesOf({ pieces }: CoderOrder['source']): Uint8Array {
  const [first] = pieces;
  return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces);
}
