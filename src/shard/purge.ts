/** Purging in one shard: which entries an order names, and what becomes of them. */
import type { ShardContext } from './context.js';
import { pathOf } from './describe.js';
import { type Entry, type Stored, storedIn } from './entry.js';
import { renewStored } from './renew.js';

export type PurgeOrder =
  | { readonly keys: readonly string[]; readonly soft: boolean }
  | { readonly prefix: string; readonly soft: boolean }; // '' = everything

/**
 * Objects purged. Hard: gone at once, for new requests and for what workers keep near. Soft: stale
 * from now on, so that the next request validates. Fills under way keep nothing.
 */
export function purgeMatching(
  context: ShardContext,
  order: PurgeOrder,
  discard: (stored: Stored) => void,
): number {
  let purged = 0;
  for (const entry of [...matching(context, order)]) {
    for (const fill of entry.fills.values()) fill.purged = true;
    entry.fills.clear();
    entry.aloneUntilMs = 0;
    for (const variant of [...entry.variants.values()]) {
      for (const stored of storedIn(variant)) {
        purged += 1;
        if (order.soft) expire(context, stored);
        else discard(stored);
      }
    }
    context.index.dropIfEmpty(entry, context.clock.now());
  }
  return purged;
}

function* matching(context: ShardContext, order: PurgeOrder): Generator<Entry> {
  if ('keys' in order) {
    for (const key of new Set(order.keys)) {
      const path = pathOf(key);
      const entry = context.index.get(path.slice(0, path.lastIndexOf('/') + 1), key);
      if (entry !== undefined) yield entry;
    }
  } else {
    yield* context.index.matching((key) => key.startsWith(order.prefix));
  }
}

/** Its lifetime has just ended. */
function expire(context: ShardContext, stored: Stored): void {
  const { freshness } = stored.descriptor;
  const ageMs = Math.max(0, context.clock.now() - freshness.bornMs);
  renewStored(context, stored, {
    ...stored.descriptor,
    freshness: { ...freshness, ttlMs: Math.min(freshness.ttlMs, ageMs) },
  });
}
