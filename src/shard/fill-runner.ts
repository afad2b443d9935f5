/**
 * Runs fills: asks the origin, decides what its answer may become, and moves the bytes into the
 * arena while followers read them. All of it on the shard's thread; the awaits are the origin's.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ExchangeTimes, storePlan, type StorePlan } from '../cache/policy.js';
import { mayServeOnError } from '../cache/reuse.js';
import { matches304, updateStored, withDate } from '../cache/validate.js';
import { secondaryKey } from '../cache/vary.js';
import type { Served } from '../cache/messages.js';
import { asGatewayError, GatewayError } from '../errors.js';
import { fieldValue, type FieldLines } from '../http/fields.js';
import { defaultTtlMs, type ObjectFacts } from '../media/defaults.js';
import { mediaKind } from '../media/kind.js';
import type { OriginResponse } from '../origin/origin.js';
import { discardBody } from '../origin/resilient.js';
import { hash32 } from '../runtime/hash.js';
import type { ShardContext } from './context.js';
import { describe, pathOf, type StoringPlan } from './describe.js';
import { type Entry, keepStored, NO_ENCODINGS, type Stored, storedIn } from './entry.js';
import { type Fill, rekey, type Waiter } from './fill.js';
import type { Answers } from './answers.js';
import { readBody } from './read-body.js';
import { MAX_PUBLISHED_BYTES, publishedText, roomForText } from './publication.js';
import { renewStored } from './renew.js';
import { spanOf } from './span.js';
import { upstreamRequest } from './upstream-request.js';

/** An object of unknown length grows by doubling between these. */
const FIRST_GROWTH_BYTES = 65_536;
const MAX_GROWTH_BYTES = 1_048_576;
/** How long a fill waits for readers to give back room before it fails. */
const ROOM_PATIENCE_MS = 10_000;
/** After an origin failed and stale was served: not again before. */
const ERROR_PAUSE_MS = 1_000;
/** After an uncacheable answer to a crowd: that long, each goes alone. */
const ALONE_MS = 5_000;
const OUTGROWN_MS = 300_000;
/** A fill that has brought so much leaves the thread to others for a turn. */
const TURN_BYTES = 524_288;
const RELAY_WINDOW_BYTES = 1_048_576;
const STALE_ON_STATUS = new Set([500, 502, 503, 504]);

export interface FillHooks {
  /** A waiter must be decided anew: the answer that came does not suit it. */
  readonly redecide: (waiter: Waiter) => void;
  readonly onStored: (stored: Stored) => void;
  readonly onEnd: (fill: Fill) => void;
  readonly discard: (stored: Stored) => void;
  /** The body's meaning, where it decides the lifetime. */
  readonly factsOf: (
    stored: { path: string; kind: string },
    status: number,
    body: Uint8Array,
  ) => ObjectFacts;
}

interface Arrival extends ExchangeTimes {
  readonly response: OriginResponse;
}

export class FillRunner {
  readonly #context: ShardContext;
  readonly #answers: Answers;
  readonly #hooks: FillHooks;

  constructor(context: ShardContext, answers: Answers, hooks: FillHooks) {
    this.#context = context;
    this.#answers = answers;
    this.#hooks = hooks;
  }

  /** Never rejects: whatever happens, every waiter is answered and the fill ends. */
  async run(fill: Fill): Promise<void> {
    try {
      let validated = fill.stored;
      let arrival = await this.#request(fill, validated);
      if (arrival.response.status === 304 && !this.#isAbout(fill, arrival.response.headers)) {
        discardBody(arrival.response.body);
        if (validated !== undefined) arrival = await this.#request(fill, undefined);
        validated = undefined;
      }
      if (arrival.response.status === 304 && validated === undefined) {
        throw new GatewayError('GW_ORIGIN_PROTOCOL', '304 to a request without conditions');
      }
      await this.#onHead(fill, arrival);
    } catch (reason) {
      this.#fail(fill, reason);
    } finally {
      fill.phase = 'done';
      this.#hooks.onEnd(fill);
    }
  }

  /**
   * False: the whole answer is wanted instead. Its validators are not ours (RFC 9111 section 4.3.4),
   * or what we asked about was evicted or purged meanwhile and its slot may be another object's.
   */
  #isAbout(fill: Fill, headers: FieldLines): boolean {
    const { index } = this.#context;
    const { stored } = fill;
    if (stored === undefined || fill.purged || !index.isHeld(stored)) return false;
    return matches304(stored.originFields, headers);
  }

  async #request(fill: Fill, validate: Stored | undefined): Promise<Arrival> {
    const { origin, clock, metrics } = this.#context;
    const { request } = fill.leader;
    const { vary, variants } = fill.entry;
    const part = variants.get(secondaryKey(vary, request.headers))?.parts[0];
    const upstream = upstreamRequest(
      {
        request,
        range: fill.range,
        storedFields: validate?.originFields,
        ifRange: fill.range !== '' && part !== undefined ? strongEtag(part) : '',
      },
      (status, fields) => {
        this.#answers.informational(fill, { status, fields });
      },
    );
    const requestMs = clock.now();
    metrics.add('originRequests');
    const response = await origin.fetch(upstream, fill.abort.signal);
    const responseMs = clock.now();
    metrics.observe('originSeconds', (responseMs - requestMs) / 1_000);
    return { response, requestMs, responseMs, responseWallMs: clock.wall() };
  }

  async #onHead(fill: Fill, arrival: Arrival): Promise<void> {
    const { response } = arrival;
    if (response.status === 304) {
      discardBody(response.body);
      this.#renew(fill, arrival);
      return;
    }
    if (STALE_ON_STATUS.has(response.status)) {
      this.#context.metrics.add('originErrors');
      if (this.#serveStale(fill, `status-${response.status}`)) {
        discardBody(response.body);
        return;
      }
    }
    const plan = this.#plan(fill, arrival, { status: response.status });
    if (plan.store && this.#accept(fill, arrival, plan)) {
      await this.#pump(fill, response);
      this.#finish(fill, arrival);
      return;
    }
    await this.#relay(fill, response, plan.store ? 'no-room' : plan.reason);
  }

  #plan(fill: Fill, arrival: Arrival, facts: ObjectFacts, fields?: FieldLines): StorePlan {
    const { config, policy } = this.#context;
    const { response } = arrival;
    const headers = fields ?? response.headers;
    const kind = mediaKind(pathOf(fill.entry.key), fieldValue(headers, 'content-type'));
    return storePlan(
      { method: 'GET', headers: fill.leader.request.headers },
      { status: facts.status, headers },
      arrival,
      { ...policy, defaultTtlMs: defaultTtlMs(kind, config.cache.ttl, facts) },
    );
  }

  /** 304: what is stored lives on with the fields of the answer (RFC 9111 section 4.3.4). */
  #renew(fill: Fill, arrival: Arrival): void {
    const { stored } = fill;
    if (stored === undefined) return;
    const { metrics } = this.#context;
    metrics.add('revalidated');
    const fields = withDate(
      updateStored(stored.originFields, arrival.response.headers),
      arrival.responseWallMs,
    );
    const status = stored.descriptor.status;
    const facts = this.#factsOf(stored);
    const plan = this.#plan(fill, arrival, facts, fields);
    const served: Served = { hit: false, fwd: 'stale', fwdStatus: 304 };
    if (!plan.store) {
      // The waiters asked before this answer: it may still be theirs, but not the next one's.
      this.#answers.objectToAll(fill, stored.descriptor, served);
      this.#hooks.discard(stored);
      return;
    }
    const before = stored.descriptor;
    stored.originFields = fields;
    stored.retryAtMs = 0;
    renewStored(this.#context, stored, {
      ...describe(status, fields, plan, before),
      vary: before.vary,
    });
    this.#answers.objectToAll(fill, stored.descriptor, { ...served, stored: true });
  }

  /** Only manifests are looked into. */
  #factsOf({ kind, descriptor }: Pick<Stored, 'kind' | 'descriptor'>): ObjectFacts {
    const { key, status, extents, storedBytes } = descriptor;
    if (kind !== 'playlist' && kind !== 'mpd') return { status };
    const bytes = readBody(this.#context.store.arena, extents, storedBytes);
    return this.#hooks.factsOf({ path: pathOf(key), kind }, status, bytes);
  }

  /** True: stale answers went out to all who waited. */
  #serveStale(fill: Fill, detail: string): boolean {
    const { stored } = fill;
    const { clock, index } = this.#context;
    if (stored === undefined || fill.purged || !index.isHeld(stored)) return false;
    const nowMs = clock.now();
    const usable = (waiter: Waiter): boolean =>
      mayServeOnError(stored.descriptor.freshness, waiter.directives, nowMs);
    if (!fill.leader.request.background && !fill.waiters.every(usable)) return false;
    if (!usable(fill.leader)) return false;
    stored.retryAtMs = nowMs + ERROR_PAUSE_MS;
    this.#answers.objectToAll(fill, stored.descriptor, { hit: true, detail });
    return true;
  }

  /** Takes a place in the arena and tells the waiters it suits. False: no room, or not what was asked. */
  #accept(fill: Fill, { response }: Arrival, plan: StoringPlan): boolean {
    const { store, config, shard, epoch } = this.#context;
    const span = spanOf(fill, response);
    if (span === undefined || span.length > config.cache.maxObject) return false;
    if (fill.waiters.length === 0 && !fill.leader.request.background) return false;
    const body =
      span.length < 0
        ? store.reserve(FIRST_GROWTH_BYTES)
        : store.reserve(
            span.length,
            span.length <= MAX_PUBLISHED_BYTES ? roomForText(fill.entry.key, response.headers) : 0,
          );
    if (body === undefined) return false;
    const { entry, leader } = fill;
    const { vary } = plan;
    this.#adoptVary(entry, vary);
    const secondary = secondaryKey(vary, leader.request.headers);
    fill.body = body;
    fill.phase = 'filling';
    rekey(fill, secondary);
    fill.sentExtents = body.extents.length;
    fill.descriptor = describe(response.status, response.headers, plan, {
      key: entry.key,
      stream: entry.stream,
      shard,
      epoch,
      slot: body.slot,
      generation: body.generation,
      extents: body.extents,
      firstByte: span.first,
      storedBytes: span.length,
      totalBytes: span.total,
      secondary,
      keep: false,
    });
    const strangers = fill.waiters.filter(
      (waiter) => secondaryKey(vary, waiter.request.headers) !== secondary,
    );
    fill.waiters = fill.waiters.filter((waiter) => !strangers.includes(waiter));
    this.#answers.filling(fill, response.status);
    for (const waiter of strangers) this.#hooks.redecide(waiter);
    return true;
  }

  /** A resource that varies differently from before: what was stored under the old rule is no guide. */
  #adoptVary(entry: Entry, vary: readonly string[]): void {
    if (entry.vary.join() === vary.join()) return;
    for (const variant of [...entry.variants.values()]) {
      for (const stored of storedIn(variant)) this.#hooks.discard(stored);
    }
    entry.vary = vary;
  }

  async #pump(fill: Fill, response: OriginResponse): Promise<void> {
    const { metrics, urge } = this.#context;
    const length = fill.descriptor?.storedBytes ?? -1;
    let turnEndsAt = 0;
    for await (const chunk of response.body) {
      metrics.add('originBytes', chunk.length);
      await this.#take(fill, chunk, length);
      if (fill.written < turnEndsAt || fill.written === length) continue;
      // Many may wait for the first bytes, on all workers. And libuv would read megabytes of what
      // follows before anybody on this thread could write.
      turnEndsAt = fill.written + TURN_BYTES;
      urge();
      await nextTurn();
    }
    if (length >= 0 && fill.written !== length) {
      throw new GatewayError('GW_ORIGIN_BODY_SHORT', `${fill.written} of ${length} bytes`);
    }
  }

  async #take(fill: Fill, chunk: Uint8Array, length: number): Promise<void> {
    const { arena } = this.#context.store;
    const { body } = fill;
    if (body === undefined) return;
    const end = fill.written + chunk.length;
    if (length >= 0 && end > length) {
      throw new GatewayError('GW_ORIGIN_PROTOCOL', 'more bytes than Content-Length said');
    }
    if (end > this.#context.config.cache.maxObject) {
      // Those who try again must not fail again: it passes by for a while.
      fill.entry.aloneUntilMs = this.#context.clock.now() + OUTGROWN_MS;
      throw new GatewayError('GW_ARENA_FULL', 'object of unknown length outgrew cache.maxObject');
    }
    if (length < 0 && end > body.bytes) await this.#growTo(fill, end);
    arena.write(body.extents, fill.written, chunk);
    fill.written = end;
    arena.publishWritten(body.slot, end);
    this.#answers.progressed(fill);
  }

  /** The origin is paused by not being pulled while this waits. */
  async #growTo(fill: Fill, end: number): Promise<void> {
    const { store, clock } = this.#context;
    const { body } = fill;
    if (body === undefined) return;
    const deadlineMs = clock.now() + ROOM_PATIENCE_MS;
    while (body.bytes < end) {
      const growth = Math.min(Math.max(body.bytes, end - body.bytes), MAX_GROWTH_BYTES);
      if (store.grow(body, Math.max(growth, end - body.bytes))) continue;
      if (clock.now() > deadlineMs) {
        throw new GatewayError('GW_ARENA_FULL', 'readers held the room for too long');
      }
      await store.untilReclaim();
      if (fill.abort.signal.aborted) throw new GatewayError('GW_FILL_CANCELLED', 'nobody waits');
    }
  }

  #finish(fill: Fill, arrival: Arrival): void {
    const { store, index, config } = this.#context;
    const { body, descriptor, entry } = fill;
    if (body === undefined || descriptor === undefined) return;
    const kind = mediaKind(pathOf(entry.key), descriptor.contentType);
    const placed = { ...descriptor, extents: body.extents, storedBytes: fill.written };
    const facts = this.#factsOf({ kind, descriptor: placed });
    const plan = this.#plan(fill, arrival, facts);
    const total = descriptor.totalBytes < 0 ? fill.written : descriptor.totalBytes;
    const final = plan.store && !fill.purged;
    if (!final) {
      this.#answers.ended(fill, { ok: true, descriptor: undefined }); // with the last extents
      fill.body = undefined;
      store.release(body);
      return;
    }
    const originFields = this.#context.interner.lines(arrival.response.headers);
    const described = describe(descriptor.status, originFields, plan, {
      ...placed,
      totalBytes: total,
      keep: true,
    });
    const text = publishedText(described, config.compression.enabled);
    store.store(body, fill.written, hash32(entry.key), text);
    const stored: Stored = {
      entry,
      secondary: descriptor.secondary,
      kind,
      requestHeaders: fill.leader.request.headers.filter(([name]) => entry.vary.includes(name)),
      body,
      encodings: NO_ENCODINGS,
      originFields,
      descriptor: { ...described, extents: body.extents, published: body.published },
      retryAtMs: 0,
    };
    index.own(body.slot, stored);
    keepStored(stored, this.#hooks.discard);
    this.#hooks.onStored(stored);
    this.#answers.ended(fill, { ok: true, descriptor: stored.descriptor });
  }

  /** Not for the cache: the leader gets the bytes as they come, the others go their own way. */
  async #relay(fill: Fill, response: OriginResponse, reason: string): Promise<void> {
    const { metrics, clock } = this.#context;
    const [first, ...others] = fill.waiters;
    if (others.length > 0) {
      if (response.status >= 500) {
        this.#answers.refuse(others, 'GW_ORIGIN_STATUS', `the origin answered ${response.status}`);
      } else {
        fill.entry.aloneUntilMs = clock.now() + ALONE_MS;
        this.#answers.alone(others, ALONE_MS);
      }
    }
    const { stored } = fill;
    if (stored !== undefined && response.status < 500) this.#hooks.discard(stored);
    if (first === undefined) {
      discardBody(response.body);
      return;
    }
    fill.waiters = [first];
    fill.phase = 'relaying';
    fill.credit = RELAY_WINDOW_BYTES;
    const head = { status: response.status, fields: response.headers };
    const fwd = stored === undefined ? 'uri-miss' : 'stale';
    this.#answers.head(first, head, {
      hit: false,
      fwd,
      fwdStatus: response.status,
      detail: reason,
    });
    for await (const chunk of response.body) {
      metrics.add('originBytes', chunk.length);
      await this.#relayChunk(fill, first, chunk);
    }
    this.#answers.relayEnded(first, undefined);
  }

  async #relayChunk(fill: Fill, to: Waiter, chunk: Uint8Array): Promise<void> {
    while (fill.credit <= 0) {
      await new Promise<void>((resolve) => {
        fill.wakeRelay = resolve;
      });
      if (fill.abort.signal.aborted) throw new GatewayError('GW_FILL_CANCELLED', 'client left');
    }
    fill.credit -= chunk.length;
    if (this.#answers.chunk(to, chunk.slice())) return;
    throw new GatewayError('GW_WORKER_LOST', 'a chunk could not be delivered');
  }

  #fail(fill: Fill, reason: unknown): void {
    const { metrics, store, log } = this.#context;
    const error = asGatewayError(reason);
    metrics.add('fillsFailed');
    if (!fill.abort.signal.aborted) {
      metrics.add('originErrors');
      log.warn(
        { code: error.code, detail: error.detail, target: pathOf(fill.entry.key) },
        'fill failed',
      );
    }
    const { body } = fill;
    if (fill.phase === 'filling' && body !== undefined) {
      this.#answers.ended(fill, { ok: false, code: error.code, detail: error.detail });
      fill.body = undefined;
      store.release(body);
      return;
    }
    if (fill.phase === 'relaying') {
      for (const waiter of fill.waiters) this.#answers.relayEnded(waiter, error.code);
      return;
    }
    if (!fill.abort.signal.aborted && this.#serveStale(fill, 'origin-error')) return;
    this.#answers.refuse(fill.waiters, error.code, error.detail);
  }
}

function strongEtag(stored: Stored): string {
  const { etag } = stored.descriptor;
  return etag.startsWith('"') ? etag : '';
}
