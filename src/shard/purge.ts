/** Purging in one shard: which entries an order names, and what becomes of them. */
import { splitHost } from '../http/key.js';
import type { ShardContext } from './context.js';
import { type Stored, storedIn } from './entry.js';
import { renewStored } from './renew.js';

export type PurgeOrder = ({ readonly keys: readonly string[] } | { readonly prefix: string }) & {
  // prefix '': everything
  readonly soft: boolean;
  readonly everyHost?: boolean; // keys begin with a host, those of the order do not
};

/**
 * Gives the number of objects purged, key by key, so that a thread with a million of them can do
 * other things in between; what is stored behind its back meanwhile was asked for after the order.
 * Hard: gone at once, for new requests and for what workers keep near. Soft: stale from now on, so
 * that the next request validates. Fills under way keep nothing.
 */
export function* purgeMatching(
  context: ShardContext,
  order: PurgeOrder,
  discard: (stored: Stored) => void,
): Generator<number, void> {
  const { index } = context;
  const keys = keysOf(context, order);
  yield 0; // a look at all keys takes its time, whether it finds some or none
  for (const key of keys) {
    const entry = index.find(key);
    if (entry === undefined) continue;
    let purged = 0;
    for (const fill of entry.fills.values()) fill.purged = true;
    entry.fills.clear();
    for (const variant of [...entry.variants.values()]) {
      for (const stored of storedIn(variant)) {
        purged += 1;
        if (order.soft) expire(context, stored);
        else discard(stored);
      }
    }
    index.dropIfEmpty(entry);
    index.rest(entry); // now, not at the tick: there may be a million
    yield purged;
  }
}

function keysOf({ index }: ShardContext, order: PurgeOrder): Iterable<string> {
  const named = nameTest(order);
  if (order.everyHost === true) {
    return index.keysMatching((key) => named(splitHost(true, key).target));
  }
  return 'keys' in order ? new Set(order.keys) : index.keysMatching(named);
}

function nameTest(order: PurgeOrder): (name: string) => boolean {
  if ('prefix' in order) return (name) => name.startsWith(order.prefix);
  const names = new Set(order.keys);
  return (name) => names.has(name);
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
