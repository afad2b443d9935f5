/**
 * A shard: the actor that owns a share of all content. It decides what an ask gets from what is
 * stored, joins asks to fills, and keeps its arena. Everything here runs in its turns, on one thread.
 */
import { judge, mayServeOnError, requestDirectives } from '../cache/reuse.js';
import { secondaryKey } from '../cache/vary.js';
import type { AskRequest, ToShard } from '../cache/messages.js';
import { fieldValue } from '../http/fields.js';
import { LaneMailbox } from '../runtime/lanes.js';
import { Answers } from './answers.js';
import type { ShardContext } from './context.js';
import { type Entry, NO_FILLS, type Stored, unlink, type Variant } from './entry.js';
import { Encoder } from './encoder.js';
import { type Fill, nearlyDone, type Waiter } from './fill.js';
import { FillRunner } from './fill-runner.js';
import type { Body } from './object-store.js';
import { coveringPart, fillRange, mergeParts, reachesSoon } from './parts.js';
import { Playlists } from './playlists.js';
import { purgeMatching, type PurgeOrder } from './purge.js';

/** How long a queued ask may wait for a free fill, by lane. */
const PATIENCE_MS: readonly [number, number, number] = [10_000, 5_000, 1_000];

export class Shard {
  readonly #context: ShardContext;
  readonly #answers: Answers;
  readonly #runner: FillRunner;
  readonly #encoder: Encoder;
  readonly #playlists: Playlists;
  readonly #queue: LaneMailbox<Waiter>;
  readonly #fills = new Map<number, Fill>();
  /** By asker: `worker:id` → the fill it waits for. */
  readonly #waiting = new Map<string, Fill>();
  #nextFill = 1;
  #state: 'open' | 'closed' = 'open';

  /** Forgets a stored response and gives its memory back. */
  readonly #discard = (stored: Stored): void => {
    const { store, index, clock } = this.#context;
    if (!index.isHeld(stored)) return;
    unlink(stored);
    for (const body of [stored.body, ...stored.encodings.values()]) {
      index.own(body.slot, undefined);
      store.discard(body);
    }
    stored.encodings.clear();
    index.dropIfEmpty(stored.entry, clock.now());
  };

  constructor(context: ShardContext) {
    this.#context = context;
    this.#answers = new Answers(context);
    this.#queue = new LaneMailbox(context.config.limits.queue);
    this.#playlists = new Playlists(context.config);
    this.#encoder = new Encoder(context, this.#discard);
    this.#runner = new FillRunner(context, this.#answers, {
      redecide: (waiter) => {
        this.#untrack(askerOf(waiter));
        this.#decide(waiter);
      },
      onStored: (stored) => {
        this.#onStored(stored);
      },
      onEnd: (fill) => {
        this.#onFillEnd(fill);
      },
      discard: this.#discard,
      factsOf: (object, status, body) => this.#playlists.factsOf(object, status, body),
    });
  }

  /** Keys that something is known of. */
  get knownKeys(): number {
    return this.#context.index.count;
  }

  get activeFills(): number {
    return this.#fills.size;
  }

  get queued(): number {
    return this.#queue.size;
  }

  get store(): ShardContext['store'] {
    return this.#context.store;
  }

  get index(): ShardContext['index'] {
    return this.#context.index;
  }

  receive(message: ToShard, from: number): void {
    switch (message.kind) {
      case 'ask':
        this.#ask(message.id, message.request, from);
        return;
      case 'cancel':
        this.#cancel(from, message.id);
        return;
      case 'credit':
        this.#credit(from, message.id, message.bytes);
        return;
      case 'invalidate':
        this.purge({ keys: message.keys, soft: false });
        this.#answers.invalidated(from, message.id);
        return;
      default:
        message satisfies never;
    }
  }

  /** Objects purged. Fills under way still answer those who wait, and keep nothing. */
  purge(order: PurgeOrder): number {
    let purged = 0;
    for (const count of this.purging(order)) purged += count;
    return purged;
  }

  /** As `purge`, key by key: the caller may let others have the thread between two. */
  *purging(order: PurgeOrder): Generator<number, void> {
    const keys = purgeMatching(this.#context, order, this.#discard);
    for (const purged of keys) {
      this.#context.metrics.add('purged', purged);
      yield purged;
    }
  }

  /** A body is taken for room: its object goes, or loses that coding. */
  onEvicted(slot: number): Body | undefined {
    const { metrics, store, index, clock } = this.#context;
    const stored = index.ownerOf(slot);
    metrics.add('evictions');
    if (stored === undefined) return undefined;
    index.own(slot, undefined);
    if (stored.body.slot !== slot) return withoutEncoding(stored, slot);
    unlink(stored);
    for (const encoding of stored.encodings.values()) {
      index.own(encoding.slot, undefined);
      store.discard(encoding);
    }
    stored.encodings.clear();
    index.dropIfEmpty(stored.entry, clock.now());
    return stored.body;
  }

  /** A response has no room for what must be told of it, or is one too many of its key. */
  giveUp(stored: Stored): void {
    this.#context.metrics.add('evictions');
    this.#discard(stored);
  }

  /** About ten times a second: frees what readers have left and gives up on what waited too long. */
  tick(): void {
    this.#context.store.reclaim();
    const nowMs = this.#context.clock.now();
    const expired = this.#queue.expire(nowMs, PATIENCE_MS);
    if (expired.length > 0) {
      this.#answers.refuse(expired, 'GW_MAILBOX_FULL', 'waited too long for the origin');
    }
    this.#context.index.sweep(nowMs);
    if (this.#state === 'open' && this.#queue.size > 0) this.#startQueued();
  }

  /** A worker's thread has ended: its leases and its interest are void. */
  forgetWorker(worker: number): void {
    this.#context.store.arena.clearLeases(worker);
    // Its successor numbers its asks from the start again.
    this.#queue.withdraw((waiter) => waiter.worker === worker);
    for (const fill of this.#fills.values()) {
      fill.subscribers.delete(worker);
      for (const waiter of fill.waiters.filter((one) => one.worker === worker)) {
        this.#cancel(worker, waiter.id);
      }
    }
  }

  /** Aborts what is under way and takes nothing more. */
  close(): void {
    this.#state = 'closed';
    for (const fill of this.#fills.values()) fill.abort.abort();
  }

  #ask(id: number, request: AskRequest, worker: number): void {
    const directives = requestDirectives({
      ...optional('cacheControl', fieldValue(request.headers, 'cache-control')),
      ...optional('pragma', fieldValue(request.headers, 'pragma')),
    });
    const waiter: Waiter = { worker, id, request, directives, collapsed: false };
    if (this.#state === 'closed') {
      this.#answers.refuse([waiter], 'GW_SHUTTING_DOWN', 'the node is stopping');
      return;
    }
    this.#decide(waiter);
  }

  #decide(waiter: Waiter): void {
    const { index, clock } = this.#context;
    const { request, directives } = waiter;
    const nowMs = clock.now();
    const entry = index.get(request.stream, request.key);
    const variant = entry?.variants.get(secondaryKey(entry.vary, request.headers));
    if (entry !== undefined && variant !== undefined && this.#serveStored(waiter, variant, nowMs)) {
      return;
    }
    if (directives.onlyIfCached) {
      this.#answers.refuse([waiter], 'GW_ONLY_IF_CACHED', 'not in the cache');
      return;
    }
    const alone = entry !== undefined && entry.aloneUntilMs > nowMs;
    if (alone || directives.noStore) {
      this.#answers.alone([waiter], alone ? entry.aloneUntilMs - nowMs : 0);
      return;
    }
    this.#join(waiter, variant);
  }

  /** True when the waiter was answered from what is stored. */
  #serveStored(waiter: Waiter, variant: Variant, nowMs: number): boolean {
    const { request, directives } = waiter;
    const stored =
      variant.whole ?? coveringPart(this.#context, variant, request.range, this.#discard);
    if (stored === undefined) return false;
    const { freshness } = stored.descriptor;
    switch (judge(freshness, directives, nowMs)) {
      case 'fresh':
        if (request.background) return true;
        this.#answers.object(waiter, stored.descriptor, { hit: true });
        // What was itself fetched ahead is a hit: the chain must not break there.
        this.#prefetchAfter(waiter);
        return true;
      case 'stale-revalidate-in-background':
        if (nowMs >= stored.retryAtMs) this.#refresh(waiter, variant);
        if (!request.background) {
          this.#answers.object(waiter, stored.descriptor, {
            hit: true,
            detail: 'stale-while-revalidate',
          });
        }
        return true;
      case 'only-if-cached-miss':
        this.#answers.refuse([waiter], 'GW_ONLY_IF_CACHED', 'not fresh in the cache');
        return true;
      case 'revalidate':
        if (nowMs >= stored.retryAtMs || !mayServeOnError(freshness, directives, nowMs))
          return false;
        this.#answers.object(waiter, stored.descriptor, { hit: true, detail: 'origin-error' });
        return true;
    }
  }

  #refresh(waiter: Waiter, variant: Variant): void {
    const request: AskRequest = { ...waiter.request, lane: 2, background: true };
    this.#join({ ...waiter, request }, variant);
  }

  /** Into the fill that brings what is wanted, or a new one when there is room for one. */
  #join(waiter: Waiter, variant: Variant | undefined): void {
    const { index, config, clock } = this.#context;
    const { request } = waiter;
    const known = index.get(request.stream, request.key);
    const whole = variant?.whole;
    const { slotKey, range } = placeOf(request, known, whole);
    const fill = known?.fills.get(slotKey);
    if (fill !== undefined && isJoinable(fill)) {
      this.#addWaiter(fill, waiter);
      return;
    }
    if (this.#loading() < config.limits.fills) {
      const entry = index.ensure(request.stream, request.key);
      this.#start(waiter, entry, { slotKey, range, stored: range === '' ? whole : undefined });
      return;
    }
    if (!this.#queue.offer(request.lane, waiter, clock.now())) {
      this.#answers.refuse([waiter], 'GW_MAILBOX_FULL', `lane ${request.lane} is full`);
    }
  }

  /** Fills that count against the limit: a relay takes no room of the shard's. */
  #loading(): number {
    let count = 0;
    for (const { phase } of this.#fills.values()) if (phase !== 'relaying') count += 1;
    return count;
  }

  #startQueued(): void {
    const { limits } = this.#context.config;
    for (let room = limits.fills - this.#loading(); room > 0; room -= 1) {
      const next = this.#queue.take();
      if (next === undefined) return;
      this.#decide(next);
    }
  }

  #addWaiter(fill: Fill, waiter: Waiter): void {
    if (waiter.request.background) return;
    if (fill.waiters.length >= this.#context.config.limits.waiters) {
      this.#answers.refuse([waiter], 'GW_MAILBOX_FULL', 'too many wait for this object');
      return;
    }
    waiter.collapsed = true;
    const { descriptor } = fill;
    if (fill.phase === 'filling' && descriptor !== undefined) {
      this.#track(fill, waiter);
      this.#answers.follow(fill, waiter, descriptor.status);
      return;
    }
    this.#track(fill, waiter);
  }

  #track(fill: Fill, waiter: Waiter): void {
    const asker = askerOf(waiter);
    fill.waiters.push(waiter);
    fill.askers.add(asker);
    this.#waiting.set(asker, fill);
  }

  #untrack(asker: string): void {
    this.#waiting.get(asker)?.askers.delete(asker);
    this.#waiting.delete(asker);
  }

  #start(
    waiter: Waiter,
    entry: Entry,
    what: { slotKey: string; range: string; stored: Stored | undefined },
  ): void {
    const fill: Fill = {
      id: this.#context.shard * 2 ** 32 + this.#nextFill++,
      entry,
      ...what,
      leader: waiter,
      abort: new AbortController(),
      subscribers: new Set(),
      waiters: [],
      askers: new Set(),
      phase: 'requesting',
      purged: false,
      body: undefined,
      descriptor: undefined,
      written: 0,
      sentExtents: 0,
      credit: 0,
      wakeRelay: undefined,
    };
    this.#fills.set(fill.id, fill);
    if (entry.fills.size === 0) entry.fills = new Map();
    entry.fills.set(what.slotKey, fill);
    if (!waiter.request.background) this.#track(fill, waiter);
    void this.#runner.run(fill);
    this.#prefetchAfter(waiter);
  }

  #onFillEnd(fill: Fill): void {
    this.#fills.delete(fill.id);
    const { entry } = fill;
    if (entry.fills.get(fill.slotKey) === fill) entry.fills.delete(fill.slotKey);
    if (entry.fills.size === 0) entry.fills = NO_FILLS;
    for (const asker of fill.askers) this.#untrack(asker);
    const { index, clock } = this.#context;
    index.dropIfEmpty(entry, clock.now());
    // Workers serve it without us from now on: let it go before the collector takes it for old.
    if (entry.variants.get('')?.whole?.descriptor.published === true)
      index.rest(entry, clock.now());
    if (this.#state === 'open' && this.#queue.size > 0) this.#startQueued();
  }

  #onStored(stored: Stored): void {
    if (stored.descriptor.status === 206) {
      mergeParts(this.#context, stored, this.#discard);
      return;
    }
    this.#encoder.encode(stored);
  }

  /** The client of one ask has left. A fill that nobody wants goes on only if it is nearly done. */
  #cancel(worker: number, id: number): void {
    const asker = askerOf({ worker, id });
    const fill = this.#waiting.get(asker);
    if (fill === undefined) {
      this.#queue.withdraw((waiter) => waiter.worker === worker && waiter.id === id);
      return;
    }
    this.#untrack(asker);
    fill.waiters = fill.waiters.filter((waiter) => waiter.worker !== worker || waiter.id !== id);
    if (fill.waiters.length > 0 || fill.leader.request.background) return;
    if (fill.phase === 'filling' && nearlyDone(fill)) return;
    fill.abort.abort();
    fill.wakeRelay?.();
  }

  #credit(worker: number, id: number, bytes: number): void {
    const fill = this.#waiting.get(askerOf({ worker, id }));
    if (fill === undefined) return;
    fill.credit += bytes;
    fill.wakeRelay?.();
    fill.wakeRelay = undefined;
  }

  #prefetchAfter({ request, directives }: Waiter): void {
    const { config, metrics } = this.#context;
    // Who wants only what is cached is looking, not playing.
    if (!config.prefetch.enabled || request.background || directives.onlyIfCached) return;
    const next = this.#playlists.after(request);
    if (next === undefined || this.#prefetching() >= config.prefetch.concurrency) return;
    if (this.#context.index.has(next.stream, next.key)) return;
    metrics.add('prefetched');
    this.#ask(0, next, -1);
  }

  #prefetching(): number {
    let count = 0;
    for (const { leader } of this.#fills.values()) if (leader.worker === -1) count += 1;
    return count;
  }
}

function askerOf({ worker, id }: Pick<Waiter, 'worker' | 'id'>): string {
  return `${worker}:${id}`;
}

/** Takes the coding that lies in `slot` out of what is told of an object, and gives its body. */
function withoutEncoding(stored: Stored, slot: number): Body | undefined {
  const encodings = stored.descriptor.encodings.filter((encoded) => encoded.slot !== slot);
  stored.descriptor = { ...stored.descriptor, encodings };
  for (const [coding, body] of stored.encodings) {
    if (body.slot !== slot) continue;
    stored.encodings.delete(coding);
    return body;
  }
  return undefined;
}

/** Under which key the entry knows the fill for this ask, and what range that asks for. */
function placeOf(
  request: AskRequest,
  entry: Entry | undefined,
  whole: Stored | undefined,
): { slotKey: string; range: string } {
  const secondary = secondaryKey(entry?.vary ?? [], request.headers);
  const asPart = whole === undefined && !reachesSoon(entry?.fills.get(secondary), request.range);
  const range = asPart ? fillRange(request) : '';
  return { slotKey: range === '' ? secondary : `${secondary}\n${range}`, range };
}

/** An aborted fill lives on until its origin has heard of it: who asks meanwhile needs another. */
function isJoinable({ abort, purged, phase }: Fill): boolean {
  if (purged || abort.signal.aborted) return false;
  return phase === 'requesting' || phase === 'filling';
}

function optional<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, string>);
}
