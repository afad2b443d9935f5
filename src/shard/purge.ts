/** Purging in one shard: which entries an order names, and what becomes of them. */
import { objectKey } from '../protocol/slices.js';
import { splitHost } from '../http/key.js';
import type { ShardContext } from './intake/context.js';
import type { Flights } from './intake/flights.js';
import type { Descriptor } from '../protocol/descriptor.js';
import { type Entry, type Stored, storedIn } from './holdings/entry.js';
import type { EntryIndex } from './holdings/entry-index.js';

export type KeyPurge = ({ readonly keys: readonly string[] } | { readonly prefix: string }) & {
  // prefix '': everything
  readonly soft: boolean;
  readonly everyHost?: boolean; // keys begin with a host, those of the order do not
};

export interface PurgeContext extends Pick<ShardContext, 'holdings' | 'clock'> {
  readonly flights: Pick<Flights, 'forbid' | 'forbidKey'>;
}

/**
 * Gives the number of objects purged, key by key, so that a thread with a million of them can do
 * other things in between; what is stored behind its back meanwhile was asked for after the order.
 * Hard: gone at once, for new requests and for what workers have found. Soft: stale from now on, so
 * that the next request validates. Fills under way keep nothing.
 */
export function* purgeMatching(
  { holdings, flights, clock }: PurgeContext,
  order: KeyPurge,
): Generator<number, void> {
  const { index } = holdings;
  const named = targetTest(order);
  // What is under way keeps nothing; what is stored follows key by key.
  flights.forbid(named);
  yield 0;
  for (const entry of entriesOf(index, order, named)) {
    if (entry === undefined) {
      yield 0;
      continue;
    }
    flights.forbidKey(entry.key);
    const responses = entry.variants.values().flatMap(storedIn);
    for (const stored of responses) {
      if (order.soft) holdings.renew(stored, expired(stored, clock.now()));
      else holdings.discard(stored);
    }
    index.unload(entry); // now, not at the tick: there may be a million
    yield responses.length;
  }
}

function* entriesOf(
  index: EntryIndex,
  order: KeyPurge,
  named: (key: string) => boolean,
): Generator<Entry | undefined> {
  if ('prefix' in order || order.everyHost === true) {
    yield* index.walk(named);
    return;
  }
  for (const key of new Set(order.keys)) {
    yield index.get(key);
    for (const slice of index.slicesOf(key)) yield index.get(slice);
  }
}

/** For whole keys, with the host they may begin with; a slice goes with its object. */
function targetTest(order: KeyPurge): (key: string) => boolean {
  const named = nameTest(order);
  if (order.everyHost === true) return (key) => named(splitHost(true, objectKey(key)).target);
  return (key) => named(objectKey(key));
}

function nameTest(order: KeyPurge): (name: string) => boolean {
  if ('prefix' in order) return (name) => name.startsWith(order.prefix);
  const names = new Set(order.keys);
  return (name) => names.has(name);
}

/** Its lifetime has just ended. */
function expired({ descriptor }: Stored, nowMs: number): Descriptor {
  const { freshness } = descriptor;
  const ageMs = Math.max(0, nowMs - freshness.bornMs);
  return { ...descriptor, freshness: { ...freshness, ttlMs: Math.min(freshness.ttlMs, ageMs) } };
}
