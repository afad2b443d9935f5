/** Memory for objects as small as a test wants it: all of it in one bank. */
import { ArenaView } from '../../src/arena/arena.js';
import { Banks } from '../../src/arena/banks.js';
import { BuddyAllocator } from '../../src/arena/buddy.js';
import {
  createBooks,
  createPool,
  CACHE_LINE_BYTES,
  MIN_BLOCK_BYTES,
  type Pool,
} from '../../src/arena/layout.js';
import {
  type Place,
  type Metadata,
  MetadataView,
  METADATA_FLAGS,
} from '../../src/arena/metadata.js';
import { hash32 } from '../../src/runtime/hash.js';
import { S3Fifo } from '../../src/arena/eviction.js';
import type { ObjectStore, ObjectStoreOptions } from '../../src/shard/holdings/object-store.js';
import { openStore as openTogether } from '../../src/shard/holdings/open-store.js';
import type { MetadataStore } from '../../src/shard/holdings/metadata-store.js';

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
): { store: ObjectStore; metadata: MetadataStore } {
  return openStore(arena, { shard: 0, ...openBanks(arena, 0), onEvicted, now });
}

/** In banks that are open. */
export function openStore(
  arena: ArenaView,
  options: Pick<ObjectStoreOptions, 'allocator' | 'banks' | 'onEvicted' | 'now'> & {
    readonly shard: number;
  },
): { store: ObjectStore; metadata: MetadataStore } {
  const { books, slots } = arena.pool;
  const { shard, allocator, banks, onEvicted, now } = options;
  const eviction = new S3Fifo({ slots, hits: arena.hits, books });
  return openTogether({ arena, shard, allocator, banks, eviction, onEvicted, now });
}

/** A text of a plain object, with what a test cares about. */
export function metadataAs(facts: Partial<Metadata> & { key: string }): Metadata {
  return {
    ...{
      hash: hash32(facts.key),
      flags: METADATA_FLAGS.plain,
      fields: 'x: y',
      names: [],
      secondary: 0,
    },
    ...{ pack: '[]', bornMs: 1_000, freshUntilMs: 2_000, date: 0, places: [placeAs({})] },
    ...facts,
  };
}

export function placeAs(facts: Partial<Place>): Place {
  return { slot: 0, generation: 1, extents: [], bytes: 1, ...facts };
}

/** Writes a text to where it is to be published. */
export function writeMetadata(arena: ArenaView, metadataOffset: number, text: Metadata): void {
  const view = new MetadataView();
  view.goTo(arena, metadataOffset / CACHE_LINE_BYTES);
  view.write(text);
}

function bankFor(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(bytes));
}
