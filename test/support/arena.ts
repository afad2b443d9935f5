/** Memory for objects as small as a test wants it: all of it in one bank. */
import { ArenaView } from '../../src/arena/arena.js';
import { Banks } from '../../src/arena/banks.js';
import { BuddyAllocator } from '../../src/arena/buddy.js';
import { createBooks, createPool, MIN_BLOCK_BYTES, type Pool } from '../../src/arena/layout.js';
import { S3Fifo } from '../../src/arena/eviction.js';
import { ObjectStore, type ObjectStoreOptions } from '../../src/shard/object-store.js';

export function smallPool(bytes: number, workers = 1): Pool {
  return createPool({ bytes, shards: 1, workers, bankBytes: bankFor(bytes) });
}

/** A view for each worker. */
export function viewsOf(bytes: number, workers = 1): ArenaView[] {
  const pool = smallPool(bytes, workers);
  return Array.from({ length: workers }, (_, worker) => new ArenaView(pool, worker));
}

export function viewOf(bytes: number): ArenaView {
  return new ArenaView(smallPool(bytes), 0);
}

export function wholeOf(arena: ArenaView): Uint8Array {
  return arena.bytes(0, arena.pool.slots * MIN_BLOCK_BYTES);
}

/** Of a bank of that many bytes. */
export function allocatorOf(o: {
  sizeBytes: number;
  minBlockBytes: number;
  maxBlockBytes: number;
  maxExtents?: number;
}): BuddyAllocator {
  const books = createBooks(Math.floor(o.sizeBytes / o.minBlockBytes));
  const allocator = new BuddyAllocator({ ...o, books, bankBytes: bankFor(o.sizeBytes) });
  allocator.add(0);
  return allocator;
}

/** A shard's banks and its allocator, as a worker opens them. */
export function openBanks(
  arena: ArenaView,
  shard: number,
): { banks: Banks; allocator: BuddyAllocator } {
  const { books, bankBytes } = arena.pool;
  const allocator = new BuddyAllocator({
    ...{ books, bankBytes, minBlockBytes: MIN_BLOCK_BYTES, maxBlockBytes: bankBytes },
  });
  return { banks: new Banks({ arena, shard, allocator }), allocator };
}

/** Of shard 0, with all that nobody has. */
export function storeOf(
  arena: ArenaView,
  onEvicted: ObjectStoreOptions['onEvicted'],
  now = (): number => 0,
): ObjectStore {
  const { books, slots } = arena.pool;
  const { allocator, banks } = openBanks(arena, 0);
  const eviction = new S3Fifo({ slots, hits: arena.hits, books });
  return new ObjectStore({ arena, shard: 0, allocator, banks, eviction, onEvicted, now });
}

function bankFor(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(bytes));
}
