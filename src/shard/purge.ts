/** Purging in one shard: which entries an order names, and what becomes of them. */
import type { ShardContext } from './context.js';
import { type Stored, storedIn } from './entry.js';
import { renewStored } from './renew.js';

export type PurgeOrder =
  | { readonly keys: readonly string[]; readonly soft: boolean }
  | { readonly prefix: string; readonly soft: boolean }; // '' = everything

/**
 * Gives the number of objects purged at each key, so that a thread with a million of them can do
 * other things in between; what is stored behind its back meanwhile was asked for after the order.
 * Hard: gone at once, for new requests and for what workers keep near. Soft: stale from now on, so
 * that the next request validates. Fills under way keep nothing.
 */
export function* purgeMatching(
  context: ShardContext,
  order: PurgeOrder,
  discard: (stored: Stored) => void,
): Generator<number, void> {
  const { index, clock } = context;
  for (const key of keysOf(context, order)) {
    const entry = index.find(key);
    if (entry === undefined) continue;
    let purged = 0;
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
    index.dropIfEmpty(entry, clock.now());
    index.rest(entry, clock.now()); // now, not at the tick: there may be a million
    yield purged;
  }
}

function keysOf({ index }: ShardContext, order: PurgeOrder): Iterable<string> {
  if ('keys' in order) return new Set(order.keys);
  return index.keysMatching((key) => key.startsWith(order.prefix));
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
