/**
 * A shard: the actor that owns a share of all content. It decides what an ask gets from what is
 * stored, joins asks to fills, and keeps its arena. Everything here runs in its turns, on one thread.
 */
import { mayShare } from '../rules/audience.js';
import { requestDirectives } from '../rules/reuse.js';
import { secondaryKey } from '../rules/vary.js';
import { validatorOf } from '../protocol/slices.js';
import type { AskRequest, EncodeOrder, SegmentOrder, ToShard } from '../protocol/messages.js';
import { fieldValue } from '../http/fields.js';
import { Answers } from './intake/answers.js';
import type { ShardContext } from './intake/context.js';
import { type Stored, storedIn, type Variant, variantOf } from './holdings/entry.js';
import { Encoder } from './intake/encoder.js';
import type { Waiter } from './intake/fill.js';
import type { FollowingSegments } from './following-segments.js';
import { Flights } from './intake/flights.js';
import type { ObjectStore } from './holdings/object-store.js';
import type { EntryIndex } from './holdings/entry-index.js';
import { fillRange, mergeParts, outdatedBy } from './intake/parts.js';
import { Playlists } from './playlists.js';
import { purgeMatching, type KeyPurge } from './purge.js';
import { Serving } from './serving.js';

export interface ShardOptions extends ShardContext {
  /** Which segments follow which; of all shards of the worker. */
  readonly order: FollowingSegments;
  /** For every worker: which segments follow which. */
  readonly spread: (order: SegmentOrder) => void;
  /** A player asks for that next. */
  readonly ahead: (request: AskRequest) => void;
}

export class Shard {
  readonly #context: ShardOptions;
  readonly #answers: Answers;
  readonly #flights: Flights;
  readonly #serving: Serving;
  readonly #encoder: Encoder;
  readonly #playlists: Playlists;
  #state: 'open' | 'closed' = 'open';

  constructor(context: ShardOptions) {
    this.#context = context;
    this.#answers = new Answers(context);
    this.#playlists = new Playlists(context);
    this.#encoder = new Encoder(context);
    this.#flights = new Flights(context, this.#answers, {
      decide: (waiter) => {
        this.#decide(waiter);
      },
      onStored: (stored) => {
        this.#onStored(stored);
      },
      factsOf: (object, status, body) => this.#playlists.factsOf(object, status, body),
    });
    this.#serving = new Serving({
      context,
      answers: this.#answers,
      flights: this.#flights,
      onHit: (waiter) => {
        // What was itself fetched ahead is a hit: the chain must not break there.
        this.#prefetchAfter(waiter);
      },
    });
  }

  /** Keys that something is known of. */
  get knownKeys(): number {
    return this.#context.holdings.index.count;
  }

  get activeFills(): number {
    return this.#flights.active;
  }

  get queued(): number {
    return this.#flights.queued;
  }

  get store(): ObjectStore {
    return this.#context.holdings.store;
  }

  get index(): EntryIndex {
    return this.#context.holdings.index;
  }

  receive(message: ToShard | EncodeOrder, from: number): void {
    switch (message.kind) {
      case 'ask':
        this.#ask(message.id, message.request, from);
        return;
      case 'prefetch':
        this.#prefetch(message.request);
        return;
      case 'cancel':
        this.#flights.cancel(from, message.id);
        return;
      case 'credit':
        this.#flights.credit(from, message.id, message.bytes);
        return;
      case 'passed':
        this.#flights.passed(from, message.fill, message);
        return;
      case 'invalidate':
        if (message.validator === '') this.purge({ keys: [message.key], soft: false });
        else this.#outdate(message);
        this.#answers.invalidated(from, message.id);
        return;
      case 'encode':
        this.#encoder.order(message.body, message.coding, from);
        return;
      default:
        message satisfies never;
    }
  }

  /** Objects purged. Fills under way still answer those who wait, and keep nothing. */
  purge(order: KeyPurge): number {
    let purged = 0;
    for (const count of this.purging(order)) purged += count;
    return purged;
  }

  /** As `purge`, key by key: the caller may let others have the thread between two. */
  *purging(order: KeyPurge): Generator<number, void> {
    this.#context.memory.clear();
    const { clock, holdings } = this.#context;
    const keys = purgeMatching({ clock, holdings, flights: this.#flights }, order);
    for (const purged of keys) {
      this.#context.metrics.add('purged', purged);
      yield purged;
    }
  }

  /** About ten times a second: frees what readers have left and gives up on what waited too long. */
  tick(): void {
    const { holdings } = this.#context;
    holdings.tick();
    this.#flights.tick();
    holdings.index.sweep();
  }

  /** A worker's thread has ended: its interest is void. */
  forgetWorker(worker: number): void {
    this.#flights.forgetWorker(worker);
  }

  /** Aborts what is under way and takes nothing more. */
  close(): void {
    this.#state = 'closed';
    this.#flights.close();
  }

  #ask(id: number, request: AskRequest, worker: number): void {
    const directives = requestDirectives({
      cacheControl: fieldValue(request.headers, 'cache-control'),
      pragma: fieldValue(request.headers, 'pragma'),
    });
    const { elections } = request;
    const waiter: Waiter = {
      worker,
      id,
      request,
      directives,
      collapsed: false,
      elections,
      follows: false,
    };
    if (this.#state === 'closed') {
      const detail = 'the node is stopping';
      this.#answers.refuse([waiter], { code: 'GW_SHUTTING_DOWN', detail });
      return;
    }
    this.#decide(waiter);
  }

  #decide(waiter: Waiter): void {
    const { holdings, clock } = this.#context;
    const { request, directives } = waiter;
    const nowMs = clock.now();
    const entry = holdings.index.get(request.key);
    const variant = sharedVariant(
      entry?.variants.get(secondaryKey(entry.vary, request.headers)),
      request.credentialed,
    );
    if (variant !== undefined && this.#serving.serve(waiter, variant, nowMs)) return;
    if (directives.onlyIfCached) {
      const detail = 'not in the cache';
      this.#answers.refuse([waiter], { code: 'GW_ONLY_IF_CACHED', detail });
      return;
    }
    if (directives.noStore || this.#bypasses(waiter, nowMs)) {
      this.#answers.bypass(waiter);
      return;
    }
    const how = this.#flights.join(waiter, variant);
    if (how === 'began') this.#prefetchAfter(waiter);
  }

  /** The origin has another version than the one of which a slice was asked for. */
  #outdate({ key, validator }: { readonly key: string; readonly validator: string }): void {
    const { holdings } = this.#context;
    for (const { whole } of holdings.index.get(key)?.variants.values() ?? []) {
      if (whole === undefined || whole.descriptor.sliceBytes === 0) continue;
      if (validatorOf(whole.descriptor) === validator) holdings.discard(whole);
    }
  }

  /** True: to wait for another's answer is in vain, or what comes would be too large to share. */
  #bypasses({ request }: Waiter, nowMs: number): boolean {
    const { memory } = this.#context;
    const { key, credentialed, background } = request;
    if (background) return false;
    if (memory.isPassing(key, nowMs) && fillRange(request) === '') return true;
    // One at a time still leads, so that the first answer that can be shared ends it.
    return memory.isUnshared(key, credentialed, nowMs) && this.#flights.isAsking(key);
  }

  #onStored(stored: Stored): void {
    const { holdings, memory } = this.#context;
    memory.noteShared(stored.entry.key);
    if (stored.descriptor.status === 206) {
      const { whole } = variantOf(stored.entry, stored.secondary);
      if (whole !== undefined && outdatedBy(whole, stored)) holdings.discard(whole);
      mergeParts(this.#context, stored);
    }
  }

  #prefetchAfter({ request, directives }: Waiter): void {
    const { config } = this.#context;
    // Who wants only what is cached is looking, not playing.
    if (!config.prefetch.enabled || request.background || directives.onlyIfCached) return;
    const next = this.#playlists.after(request);
    if (next !== undefined) this.#context.ahead(next);
  }

  /** Another shard's client, or one's own, is a segment before this. */
  #prefetch(request: AskRequest): void {
    const { config, holdings, metrics } = this.#context;
    if (this.#flights.prefetching >= config.prefetch.concurrency) return;
    if (holdings.index.has(request.key)) return;
    metrics.add('prefetched');
    this.#ask(0, request, -1);
  }
}

/** Undefined, too, when what is stored is not for who asks: it is a miss then. */
function sharedVariant(variant: Variant | undefined, credentialed: boolean): Variant | undefined {
  if (variant === undefined) return undefined;
  return storedIn(variant).every(({ descriptor }) => mayShare(descriptor.freshness, credentialed))
    ? variant
    : undefined;
}
