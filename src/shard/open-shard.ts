/** Builds a shard. */
import type { ArenaView } from '../arena/arena.js';
import { KeyMemory } from './intake/key-memory.js';
import { Holdings } from './holdings/holdings.js';
import { Shard, type ShardOptions } from './shard.js';

export interface OpenShardOptions extends Omit<ShardOptions, 'holdings' | 'memory' | 'policy'> {
  readonly arena: ArenaView; // of the owning worker
}

/** Some 250 bytes each. */
const MAX_REMEMBERED_KEYS = 4_096;

/** A shard that knows nothing yet, with the banks that its last owner had. */
export function openShard(options: OpenShardOptions): Shard {
  const { cache } = options.config;
  return new Shard({
    holdings: new Holdings(options),
    memory: new KeyMemory(MAX_REMEMBERED_KEYS),
    policy: {
      heuristicFraction: cache.ttl.heuristicFraction,
      heuristicMaxMs: cache.ttl.heuristicMax,
      staleWhileRevalidateMs: cache.staleWhileRevalidate,
      staleIfErrorMs: cache.staleIfError,
    },
    ...options,
  });
}
