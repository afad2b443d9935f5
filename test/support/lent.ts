/** Bodies that hold readers to their word: what was lent is spoilt as soon as the next chunk is pulled. */
import type { Origin } from '../../src/origin/origin.js';
import { type BorrowedBytes, ownedCopy } from '../../src/runtime/bytes.js';

const SPOILT = 0xdb;

/** Chunks are Buffers, as an origin's are, though only their bytes are promised. */
export async function* lent(
  chunks: AsyncIterable<BorrowedBytes>,
): AsyncGenerator<BorrowedBytes, undefined> {
  for await (const chunk of chunks) {
    const bytes = Buffer.from(ownedCopy(chunk).buffer);
    try {
      yield bytes;
    } finally {
      bytes.fill(SPOILT);
    }
  }
}

export function lendingOrigin(origin: Origin): Origin {
  return {
    async fetch(request, signal) {
      const response = await origin.fetch(request, signal);
      return { ...response, body: lent(response.body) };
    },
    close: () => origin.close(),
  };
}
