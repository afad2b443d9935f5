/** Gives an origin's answer its place in the shard: room as it begins, and its metadata as it ends. */
import type { SliceOf } from '../../protocol/slices.js';
import { secondaryKey } from '../../rules/vary.js';
import { mediaKind } from '../../media/kind.js';
import { withoutContentDigests } from '../../http/digest.js';
import type { FieldLines } from '../../http/fields.js';
import type { OriginResponse } from '../../origin/origin.js';
import { hash32 } from '../../runtime/hash.js';
import { type Answers, fetched } from './answers.js';
import type { ShardContext } from './context.js';
import { describe, pathOf, type StoringPlan } from '../../protocol/describe.js';
import { withCodable } from './encoder.js';
import { type Entry, NO_ENCODINGS, type Stored, storedIn } from '../holdings/entry.js';
import { type Fill, takeMismatched, type Waiter } from './fill.js';
import {
  type Arrival,
  type FactsOf,
  factsOfStored,
  planOf,
  storedFields,
  withRhythm,
} from './fill-plan.js';
import type { Body } from '../holdings/object-store.js';
import { isSliced } from './slicing.js';
import { type Span, spanOf } from './span.js';
import { metadataRoom } from '../holdings/stored-metadata.js';

/** Fields that an origin may be expected to send with a slice. */
const SLICE_FIELDS_BYTES = 512;

/** An object of unknown length begins with so much and grows by doubling. */
const FIRST_GROWTH_BYTES = 65_536;

export interface PlacingHooks {
  /** A waiter must be decided anew: the answer that came does not suit it. */
  readonly redecide: (waiter: Waiter) => void;
  readonly onStored: (stored: Stored) => void;
  readonly factsOf: FactsOf;
}

export class Placing {
  readonly #context: ShardContext;
  readonly #answers: Answers;
  readonly #hooks: PlacingHooks;

  constructor(context: ShardContext, answers: Answers, hooks: PlacingHooks) {
    this.#context = context;
    this.#answers = answers;
    this.#hooks = hooks;
  }

  /** Takes the room of a slice before its origin is asked. False: readers hold too much. */
  reserveSlice(fill: Fill, { first, last }: SliceOf): boolean {
    const { store } = this.#context.holdings;
    const bytes = last - first + 1;
    fill.reserved = store.reserve(bytes, metadataRoom(fill.entry.key, []) + SLICE_FIELDS_BYTES);
    return fill.reserved !== undefined;
  }

  /** Gives back what was reserved in vain. */
  giveUp(fill: Fill): void {
    if (fill.reserved !== undefined) this.#context.holdings.store.release(fill.reserved);
    fill.reserved = undefined;
  }

  /** Takes a place in the arena and tells the waiters it suits. Else why there is none. */
  accept(fill: Fill, { response, responseMs }: Arrival, plan: StoringPlan): string | undefined {
    const { config, shard } = this.#context;
    const span = spanOf(fill, response);
    if (span === undefined) return 'partial';
    if (span.length > config.cache.maxObject) return 'too-large';
    const body = fill.reserved ?? this.#reserve(fill, response, span);
    if (body === undefined) return 'no-room';
    fill.reserved = undefined;
    const { entry } = fill;
    const { secondary, mismatched } = this.#select(fill, plan);
    fill.body = body;
    fill.phase = 'filling';
    fill.answeredMs = responseMs;
    fill.sentExtents = body.extents.length;
    fill.descriptor = withCodable(
      this.#context,
      describe(response.status, response.headers, plan, {
        key: entry.key,
        ...{ shard, secondary },
        slot: body.slot,
        generation: body.generation,
        extents: body.extents,
        firstByte: span.first,
        storedBytes: span.length,
        totalBytes: span.total,
        sliceBytes: 0,
        codable: false,
        cached: false,
      }),
    );
    this.#answers.filling(fill, response.status);
    for (const waiter of mismatched) this.#hooks.redecide(waiter);
    return undefined;
  }

  /**
   * Stores the metadata of an object whose bytes are to be fetched in slices, and answers all whom it
   * suits. False: it is none.
   */
  storeHead(fill: Fill, { response }: Arrival, plan: StoringPlan): boolean {
    const { config, shard, holdings } = this.#context;
    const { store } = holdings;
    const { entry } = fill;
    const span = spanOf(fill, response);
    if (span === undefined || !isSliced(config, entry.key, response, span)) return false;
    const originFields = storedFields(headFields(response), plan);
    const room = metadataRoom(entry.key, originFields);
    const body = store.reserve(0, room);
    if (body === undefined) return false;
    const { secondary, mismatched } = this.#select(fill, plan);
    const place = {
      key: entry.key,
      shard,
      secondary,
      slot: body.slot,
      generation: body.generation,
      extents: [],
      firstByte: 0,
      storedBytes: span.total,
      totalBytes: span.total,
      sliceBytes: config.cache.sliceSize,
      codable: false,
      cached: true,
    };
    const descriptor = describe(200, originFields, plan, place);
    if (!fill.outdated) {
      store.store(body, 0, hash32(entry.key), room);
      const kind = mediaKind(pathOf(entry.key), descriptor.contentType);
      this.#add({
        entry,
        secondary,
        kind,
        body,
        encodings: NO_ENCODINGS,
        originFields,
        descriptor,
        retryAtMs: 0,
      });
    }
    const fwd = fill.stored === undefined ? 'uri-miss' : 'stale';
    this.#answers.objectToAll(fill, descriptor, {
      hit: false,
      fwd,
      fwdStatus: response.status,
      stored: true,
    });
    if (fill.outdated) store.release(body);
    for (const waiter of mismatched) this.#hooks.redecide(waiter);
    return true;
  }

  #reserve(fill: Fill, { headers }: OriginResponse, { length }: Span): Body | undefined {
    const { store } = this.#context.holdings;
    const room = metadataRoom(fill.entry.key, headers);
    return store.reserve(length < 0 ? FIRST_GROWTH_BYTES - room : length, room);
  }

  #add(stored: Stored): void {
    this.#context.holdings.add(stored);
    this.#hooks.onStored(stored);
  }

  /** By what the answer is selected from now on; takes out of the fill those whom it does not suit. */
  #select(fill: Fill, plan: StoringPlan): { secondary: string; mismatched: Waiter[] } {
    const { vary } = plan;
    if (!fill.outdated) this.#adoptVary(fill.entry, vary);
    const secondary = secondaryKey(vary, fill.leader.request.headers);
    fill.among.rekey(fill, secondary);
    return { secondary, mismatched: takeMismatched(fill, plan, secondary) };
  }

  /** A resource that varies differently from before: what was stored under the old rule is no guide. */
  #adoptVary(entry: Entry, vary: readonly string[]): void {
    if (entry.vary.join() === vary.join()) return;
    for (const variant of entry.variants.values()) {
      for (const stored of storedIn(variant)) this.#context.holdings.discard(stored);
    }
    entry.vary = vary;
  }

  finish(fill: Fill, arrival: Arrival): void {
    const { store } = this.#context.holdings;
    const { body, descriptor, entry } = fill;
    if (body === undefined || descriptor === undefined) return;
    // Of a ring only the end is there, so nothing may look into it.
    if (fill.outdated || fill.ring.bytes > 0) {
      this.#pass(fill, body);
      return;
    }
    const kind = mediaKind(pathOf(entry.key), descriptor.contentType);
    const placed = { ...descriptor, extents: body.extents, storedBytes: fill.written };
    const facts = withRhythm(
      { fill, arrival },
      factsOfStored(this.#context, { kind, descriptor: placed }, this.#hooks.factsOf),
    );
    const plan = planOf(this.#context, { fill, arrival }, facts);
    const total = descriptor.totalBytes < 0 ? fill.written : descriptor.totalBytes;
    if (!plan.store) {
      this.#pass(fill, body);
      return;
    }
    const originFields = storedFields(arrival.response.headers, plan);
    const described = withCodable(
      this.#context,
      describe(descriptor.status, originFields, plan, {
        ...placed,
        totalBytes: total,
        cached: true,
      }),
    );
    store.store(body, fill.written, hash32(entry.key), metadataRoom(entry.key, originFields));
    const stored: Stored = {
      entry,
      secondary: descriptor.secondary,
      kind,
      body,
      encodings: NO_ENCODINGS,
      originFields,
      descriptor: { ...described, extents: body.extents },
      rhythm: facts.rhythm?.of,
      retryAtMs: 0,
    };
    // Nobody has heard of it yet: its waiters get it whole. Before its parts are joined, which may end it.
    if (fill.unannounced !== undefined) {
      this.#answers.objectToAll(fill, stored.descriptor, fetched(fill, fill.unannounced));
    }
    this.#add(stored);
    fill.among.outdateBefore(fill);
    this.#answers.ended(fill, { ok: true });
  }

  /** Followers have all of it, and it is not kept. */
  #pass(fill: Fill, body: Body): void {
    this.#answers.ended(fill, { ok: true }); // with the last extents
    fill.body = undefined;
    this.#context.holdings.store.release(body);
  }
}

/** Of a part, what is said of the whole as well. */
function headFields({ status, headers }: OriginResponse): FieldLines {
  if (status === 200) return headers;
  const whole = withoutContentDigests(headers);
  return whole.filter(([name]) => name !== 'content-range' && name !== 'content-length');
}
