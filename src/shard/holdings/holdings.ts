/**
 * What a shard has: which responses there are, where their bytes lie, and how long they may stay. The store
 * takes room from what the index knows, and the index gives up what the store has no room for the metadata of:
 * here both meet. Owned by the shard's thread.
 */
import type { ArenaView } from '../../arena/arena.js';
import { Banks } from '../../arena/banks.js';
import { BuddyAllocator } from '../../arena/buddy.js';
import { S3Fifo } from '../../arena/eviction.js';
import { MIN_BLOCK_BYTES } from '../../arena/layout.js';
import { PagesAhead } from '../../arena/pages-ahead.js';
import type { Config } from '../../config/config.js';
import { mayBeCoded } from '../../protocol/codable.js';
import type { Descriptor, EncodedBody } from '../../protocol/descriptor.js';
import type { Clock } from '../../runtime/clock.js';
import type { WorkerMetrics } from '../../telemetry/metrics.js';
import { NO_ENCODINGS, placeStored, type Stored, unlink } from './entry.js';
import { EntryIndex } from './entry-index.js';
import type { Body, ObjectStore } from './object-store.js';
import { openStore } from './open-store.js';
import { Rebalance } from './rebalance.js';

/** Larger blocks than this are cut from several: a 64 MiB arena still has eight of them. */
const MAX_BLOCK_BYTES = 8_388_608;
/** Of a shard's memory, what may be resident on the heap beside it before it is unloaded at once. */
const RESIDENT_SHARE = 1 / 64;
const MIN_RESIDENT_BYTES = 1_048_576;

export interface HoldingsOptions {
  readonly shard: number;
  readonly arena: ArenaView; // of the owning worker
  readonly config: Pick<Config, 'compression'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly metrics: Pick<WorkerMetrics, 'add'>;
}

export class Holdings {
  readonly store: ObjectStore;
  readonly index: EntryIndex;
  readonly #options: HoldingsOptions;
  readonly #rebalance: Rebalance;
  readonly #pagesAhead: PagesAhead;

  /** Empty, with the banks that the shard's last owner had. */
  constructor(options: HoldingsOptions) {
    const { arena, shard, clock, metrics } = options;
    const { pool } = arena;
    const { books, bankBytes, slots, shards } = pool;
    const share = Math.ceil(slots / shards); // slots, when all shards have as many
    const now = (): number => clock.now();
    const allocator = new BuddyAllocator({
      books,
      bankBytes,
      minBlockBytes: MIN_BLOCK_BYTES,
      maxBlockBytes: Math.min(MAX_BLOCK_BYTES, bankBytes),
    });
    const banks = new Banks({ arena, shard, allocator });
    const { store, metadata } = openStore({
      arena,
      shard,
      allocator,
      banks,
      eviction: new S3Fifo({ slots, hits: arena.hits, books, share }),
      now,
      onEvicted: (slot) => this.#evicted(slot),
    });
    this.#options = options;
    this.store = store;
    this.index = new EntryIndex({
      shard,
      books,
      share,
      hits: arena.hits,
      metadata,
      residentBytes: Math.max(MIN_RESIDENT_BYTES, share * MIN_BLOCK_BYTES * RESIDENT_SHARE),
      giveUp: (stored) => {
        metrics.add('evictions');
        this.discard(stored);
      },
    });
    const onMoved = (): void => {
      metrics.add('banksMoved');
    };
    this.#rebalance = new Rebalance({ allocator, banks, store, now, onMoved });
    this.#pagesAhead = new PagesAhead({ pool, allocator });
  }

  /** Something is about to be stored. */
  expect(): void {
    this.#pagesAhead.prepare();
  }

  /** About ten times a second: frees what readers have left, and moves banks. */
  tick(): void {
    this.store.reclaim();
    this.#rebalance.tick();
  }

  /** Puts a new response, whose body is stored, in its place: a whole one takes that of all it replaces. */
  add(stored: Stored): void {
    this.index.own(stored.body.slot, stored);
    for (const replaced of placeStored(stored)) this.discard(replaced);
  }

  /** Forgets a response and gives its memory back; nothing when that has been done. */
  discard(stored: Stored): void {
    if (!this.index.isHeld(stored)) return;
    unlink(stored);
    this.index.own(stored.body.slot, undefined);
    this.store.discard(stored.body);
    this.#discardCodings(stored);
    this.index.dropIfEmpty(stored.entry);
  }

  /** The same bytes with other facts, made from the present ones: every descriptor handed out before is void. */
  renew(stored: Stored, next: Descriptor): void {
    const { unworthy } = stored.descriptor;
    // What the bytes have shown holds on; a field may have come that forbids codings.
    const codable = next.codable && mayBeCoded(next, this.#options.config.compression);
    this.store.renew(stored.body);
    if (!codable) this.#discardCodings(stored);
    const encodings = stored.descriptor.encodings.flatMap((encoded): EncodedBody[] => {
      const body = stored.encodings.get(encoded.coding);
      if (body === undefined) return [];
      this.store.renew(body);
      return [{ ...encoded, generation: body.generation }];
    });
    const { generation } = stored.body;
    stored.descriptor = { ...next, generation, codable, encodings, unworthy };
  }

  /** Keeps a coding of a response, whose body is stored, beside it. */
  addCoding(stored: Stored, coding: EncodedBody['coding'], body: Body): void {
    this.index.own(body.slot, stored);
    if (stored.encodings === NO_ENCODINGS) stored.encodings = new Map();
    stored.encodings.set(coding, body);
    const { slot, generation, extents, bytes } = body;
    const encodings = [
      ...stored.descriptor.encodings,
      { coding, slot, generation, extents, bytes },
    ];
    stored.descriptor = { ...stored.descriptor, encodings };
  }

  #discardCodings(stored: Stored): void {
    for (const body of stored.encodings.values()) {
      this.index.own(body.slot, undefined);
      this.store.discard(body);
    }
    stored.encodings = NO_ENCODINGS;
  }

  /** A body is taken for room: its response goes, or loses that coding. */
  #evicted(slot: number): Body | undefined {
    const { index, store } = this;
    this.#options.metrics.add('evictions');
    const unloaded = index.takeUnloaded(slot);
    if (unloaded !== undefined) {
      const [body, ...codings] = unloaded;
      for (const coding of codings) store.discard(coding);
      return body;
    }
    const stored = index.ownerOf(slot);
    if (stored === undefined) return undefined;
    index.own(slot, undefined);
    if (stored.body.slot !== slot) return withoutCoding(stored, slot);
    unlink(stored);
    this.#discardCodings(stored);
    index.dropIfEmpty(stored.entry);
    return stored.body;
  }
}

/** Takes the coding that lies in `slot` out of a response, and gives its body. */
function withoutCoding(stored: Stored, slot: number): Body | undefined {
  const encodings = stored.descriptor.encodings.filter((encoded) => encoded.slot !== slot);
  stored.descriptor = { ...stored.descriptor, encodings };
  for (const [coding, body] of stored.encodings) {
    if (body.slot !== slot) continue;
    stored.encodings.delete(coding);
    return body;
  }
  return undefined;
}
