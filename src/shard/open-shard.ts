/** Builds a shard: its banks, its allocator and its eviction. */
import type { ArenaView } from '../arena/arena.js';
import { Banks } from '../arena/banks.js';
import { BuddyAllocator } from '../arena/buddy.js';
import { MIN_BLOCK_BYTES, type Pool } from '../arena/layout.js';
import { S3Fifo } from '../arena/eviction.js';
import type { Config } from '../config/config.js';
import type { Origin } from '../origin/origin.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../telemetry/log.js';
import type { WorkerMetrics } from '../telemetry/metrics.js';
import type { CodingQueue } from './intake/coding-queue.js';
import type { ShardContext } from './intake/context.js';
import type { Stored } from './holdings/entry.js';
import { EntryIndex } from './holdings/entry-index.js';
import { KeyMemory } from './intake/key-memory.js';
import { type Body, openStore } from './holdings/object-store.js';
import type { StoredTexts } from './holdings/stored-texts.js';
import { Rebalance } from './holdings/rebalance.js';
import { Shard } from './shard.js';

export interface ShardOptions {
  readonly shard: number;
  readonly arena: ArenaView; // of the owning worker
  readonly config: Config;
  readonly origin: Origin;
  readonly clock: Clock;
  readonly random: () => number; // 0..1
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly codings: CodingQueue;
  readonly send: ShardContext['send'];
  readonly hint: ShardContext['hint'];
  readonly urge: ShardContext['urge'];
  readonly order: ShardContext['order'];
  readonly spread: ShardContext['spread'];
  readonly ahead: ShardContext['ahead'];
}

/** Larger blocks than this are cut from several: a 64 MiB arena still has eight of them. */
const MAX_BLOCK_BYTES = 8_388_608;

/** Of a shard's memory, what may be awake on the heap beside it before it is put to rest at once. */
const AWAKE_SHARE = 1 / 64;
const MIN_AWAKE_BYTES = 1_048_576;

/** Some 250 bytes each. */
const MAX_REMEMBERED_KEYS = 4_096;

/** A shard that knows nothing yet, with the banks that its last owner had. */
export function openShard(options: ShardOptions): Shard {
  const { arena, config } = options;
  const { pool } = arena;
  const share = shareOf(pool);
  let onEvicted: (slot: number) => Body | undefined = () => undefined;
  let giveUp: (stored: Stored) => void = () => undefined;
  const { texts, ...memory } = openMemory(options, (slot) => onEvicted(slot));
  const { cache } = config;
  const shard = new Shard({
    index: new EntryIndex({
      shard: options.shard,
      books: pool.books,
      share,
      hits: arena.hits,
      texts,
      awakeBytes: Math.max(MIN_AWAKE_BYTES, share * MIN_BLOCK_BYTES * AWAKE_SHARE),
      giveUp: (stored) => {
        giveUp(stored);
      },
    }),
    memory: new KeyMemory(MAX_REMEMBERED_KEYS),
    ...memory,
    policy: {
      heuristicFraction: cache.ttl.heuristicFraction,
      heuristicMaxMs: cache.ttl.heuristicMax,
      staleWhileRevalidateMs: cache.staleWhileRevalidate,
      staleIfErrorMs: cache.staleIfError,
    },
    ...options,
  });
  onEvicted = (slot) => shard.onEvicted(slot);
  giveUp = (stored) => {
    shard.giveUp(stored);
  };
  return shard;
}

/** Where its bytes lie, and what moves banks to other shards. */
function openMemory(
  { arena, shard, clock, metrics }: ShardOptions,
  onEvicted: (slot: number) => Body | undefined,
): Pick<ShardContext, 'store' | 'rebalance'> & { readonly texts: StoredTexts } {
  const { books, slots, bankBytes } = arena.pool;
  const allocator = new BuddyAllocator({
    books,
    bankBytes,
    minBlockBytes: MIN_BLOCK_BYTES,
    maxBlockBytes: Math.min(MAX_BLOCK_BYTES, bankBytes),
  });
  const banks = new Banks({ arena, shard, allocator });
  const eviction = new S3Fifo({ slots, hits: arena.hits, books, share: shareOf(arena.pool) });
  const now = (): number => clock.now();
  const memory = { arena, shard, allocator, banks, eviction, now, onEvicted };
  const { store, texts } = openStore(memory);
  const onMoved = (): void => {
    metrics.add('banksMoved');
  };
  return { texts, store, rebalance: new Rebalance({ allocator, banks, store, now, onMoved }) };
}

/** Slots that a shard has when all have as many. */
function shareOf({ slots, shards }: Pool): number {
  return Math.ceil(slots / shards);
}
