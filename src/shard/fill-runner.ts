/**
 * Runs fills: asks the origin, decides what its answer may become, and moves the bytes into the
 * arena while followers read them. All of it on the shard's thread; the awaits are the origin's.
 */
import { mayShare } from '../cache/audience.js';
import { mayServeOnError } from '../cache/reuse.js';
import { matches304, updateStored, withDate } from '../cache/validate.js';
import { secondaryKey } from '../cache/vary.js';
import type { Served } from '../cache/messages.js';
import { asGatewayError, ERRORS, GatewayError, type ErrorCode } from '../errors.js';
import type { FieldLines } from '../http/fields.js';
import { viewersScheme } from '../http/forwarding.js';
import type { ObjectFacts } from '../media/defaults.js';
import { mediaKind } from '../media/kind.js';
import type { OriginResponse } from '../origin/origin.js';
import { discardBody } from '../origin/resilient.js';
import { hash32 } from '../runtime/hash.js';
import type { ShardContext } from './context.js';
import { describe, pathOf, type StoringPlan } from './describe.js';
import { withCodable } from './encoder.js';
import { type Entry, keepStored, NO_ENCODINGS, type Stored, storedIn } from './entry.js';
import { type Fill, presentLeader, rekey, type Waiter } from './fill.js';
import type { Answers } from './answers.js';
import { FillBody } from './fill-body.js';
import { type Arrival, planOf, withRhythm } from './fill-plan.js';
import type { Body } from './object-store.js';
import { readBody } from './read-body.js';
import { publishedText, roomForText } from './publication.js';
import { Relay } from './relay.js';
import { renewStored } from './renew.js';
import { aftermathOf, LEADERS_FAULT, lessonOf } from './sharing.js';
import { type Span, spanOf } from './span.js';
import { upstreamRequest } from './upstream-request.js';
import type { BorrowedBytes } from '../runtime/bytes.js';

/** An object of unknown length begins with so much and grows by doubling. */
const FIRST_GROWTH_BYTES = 65_536;
/** After an origin failed and stale was served: not again before. */
const ERROR_PAUSE_MS = 1_000;
const STALE_ON_STATUS = new Set([500, 502, 503, 504]);
/** What one request can bring upon itself; the origin itself would fail the next one, too. */
const MAY_BE_ITS_OWN = new Set<ErrorCode>([
  'GW_ORIGIN_IO',
  'GW_ORIGIN_PROTOCOL',
  'GW_ORIGIN_BODY_SHORT',
]);

export interface FillHooks {
  /** A waiter waits for this fill no longer. */
  readonly release: (waiter: Waiter) => void;
  /** A waiter must be decided anew: the answer that came does not suit it. */
  readonly redecide: (waiter: Waiter) => void;
  readonly onStored: (stored: Stored) => void;
  readonly onEnd: (fill: Fill) => void;
  readonly discard: (stored: Stored) => void;
  /** The body's meaning, where it decides the lifetime. */
  readonly factsOf: (
    stored: { path: string; kind: string },
    status: number,
    body: BorrowedBytes,
  ) => ObjectFacts;
}

export class FillRunner {
  readonly #context: ShardContext;
  readonly #answers: Answers;
  readonly #hooks: FillHooks;
  readonly #body: FillBody;
  readonly #relay: Relay;

  constructor(context: ShardContext, answers: Answers, hooks: FillHooks) {
    this.#context = context;
    this.#answers = answers;
    this.#hooks = hooks;
    this.#body = new FillBody(context, answers);
    this.#relay = new Relay(context, answers, hooks);
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
    const { origin, clock, metrics, config } = this.#context;
    const { request } = fill.leader;
    const { vary, variants } = fill.entry;
    const part = variants.get(secondaryKey(vary, request.headers))?.parts[0];
    const upstream = upstreamRequest(
      {
        request,
        range: fill.range,
        storedFields: validate?.originFields,
        // Behind the end of what there was, another state of it is wanted.
        ifRange: part === undefined || fill.range === '' || request.beyond ? '' : strongEtag(part),
        scheme: viewersScheme(config),
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
    if (fill.waiters.size === 0 && !fill.leader.request.background) {
      discardBody(response.body);
      return;
    }
    const plan = planOf(this.#context, { fill, arrival }, { status: response.status });
    const refusal = plan.store ? this.#accept(fill, arrival, plan) : plan.reason;
    if (refusal !== undefined) {
      await this.#relay.run(fill, response, refusal);
      return;
    }
    await this.#body.pump(fill, response);
    this.#finish(fill, arrival);
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
    const facts = withRhythm({ fill, arrival }, this.#factsOf(stored));
    const plan = planOf(this.#context, { fill, arrival }, facts, fields);
    const served: Served = { hit: false, fwd: 'stale', fwdStatus: 304 };
    if (!plan.store) {
      // It says "unchanged" to its leader, and that it is not for others from now on.
      const lesson = lessonOf({
        status: 200,
        credentialed: fill.leader.request.credentialed,
        large: false,
      });
      this.#relay.partOthers(fill, lesson, plan.reason);
      this.#answers.objectToAll(fill, stored.descriptor, served);
      if (lesson.outdates) this.#hooks.discard(stored);
      return;
    }
    const before = stored.descriptor;
    stored.rhythm = facts.rhythm?.of;
    stored.originFields = fields;
    stored.retryAtMs = 0;
    renewStored(this.#context, stored, {
      ...describe(status, fields, plan, before),
      vary: before.vary,
    });
    this.#answers.objectToAll(fill, stored.descriptor, { stored: true, ...served });
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
    const waiters = [...fill.waiters.values()];
    if (!fill.leader.request.background && !waiters.every(usable)) return false;
    if (!usable(fill.leader)) return false;
    stored.retryAtMs = nowMs + ERROR_PAUSE_MS;
    this.#answers.objectToAll(fill, stored.descriptor, { hit: true, detail });
    return true;
  }

  /** Takes a place in the arena and tells the waiters it suits. Else why there is none. */
  #accept(fill: Fill, { response }: Arrival, plan: StoringPlan): string | undefined {
    const { config, shard } = this.#context;
    const span = spanOf(fill, response);
    if (span === undefined) return 'partial';
    if (span.length > config.cache.maxObject) return 'too-large';
    const body = this.#reserve(fill, response, span);
    if (body === undefined) return 'no-room';
    const { entry, leader } = fill;
    const { vary } = plan;
    this.#adoptVary(entry, vary);
    const secondary = secondaryKey(vary, leader.request.headers);
    fill.body = body;
    fill.phase = 'filling';
    rekey(fill, secondary);
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
        codable: false,
        keep: false,
      }),
    );
    const strangers: Waiter[] = [];
    for (const [asker, waiter] of fill.waiters) {
      const { headers, credentialed } = waiter.request;
      if (secondaryKey(vary, headers) === secondary && mayShare(plan, credentialed)) continue;
      fill.waiters.delete(asker);
      strangers.push(waiter);
    }
    this.#answers.filling(fill, response.status);
    for (const waiter of strangers) this.#hooks.redecide(waiter);
    return undefined;
  }

  #reserve(fill: Fill, { headers }: OriginResponse, { length }: Span): Body | undefined {
    const { store } = this.#context;
    const room = roomForText(fill.entry.key, headers, length);
    return store.reserve(length < 0 ? FIRST_GROWTH_BYTES - room : length, room);
  }

  /** A resource that varies differently from before: what was stored under the old rule is no guide. */
  #adoptVary(entry: Entry, vary: readonly string[]): void {
    if (entry.vary.join() === vary.join()) return;
    for (const variant of entry.variants.values()) {
      for (const stored of storedIn(variant)) this.#hooks.discard(stored);
    }
    entry.vary = vary;
  }

  #finish(fill: Fill, arrival: Arrival): void {
    const { store, index } = this.#context;
    const { body, descriptor, entry } = fill;
    if (body === undefined || descriptor === undefined) return;
    const kind = mediaKind(pathOf(entry.key), descriptor.contentType);
    const placed = { ...descriptor, extents: body.extents, storedBytes: fill.written };
    const facts = withRhythm({ fill, arrival }, this.#factsOf({ kind, descriptor: placed }));
    const plan = planOf(this.#context, { fill, arrival }, facts);
    const total = descriptor.totalBytes < 0 ? fill.written : descriptor.totalBytes;
    if (!plan.store || fill.purged || fill.ring.bytes > 0) {
      this.#answers.ended(fill, { ok: true, descriptor: undefined }); // with the last extents
      fill.body = undefined;
      store.release(body);
      return;
    }
    const originFields = this.#context.interner.lines(arrival.response.headers);
    const described = withCodable(
      this.#context,
      describe(descriptor.status, originFields, plan, { ...placed, totalBytes: total, keep: true }),
    );
    const text = publishedText(described);
    store.store(body, fill.written, hash32(entry.key), text);
    const stored: Stored = {
      entry,
      secondary: descriptor.secondary,
      kind,
      body,
      encodings: NO_ENCODINGS,
      originFields,
      descriptor: { ...described, extents: body.extents, published: body.published },
      rhythm: facts.rhythm?.of,
      retryAtMs: 0,
    };
    index.own(body.slot, stored);
    keepStored(stored, this.#hooks.discard);
    this.#hooks.onStored(stored);
    this.#answers.ended(fill, { ok: true, descriptor: stored.descriptor });
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
    if (body !== undefined) {
      this.#answers.ended(fill, { ok: false, code: error.code, detail: error.detail });
      fill.body = undefined;
      store.release(body);
      return;
    }
    if (fill.phase === 'relaying') {
      for (const waiter of fill.waiters.values()) this.#answers.relayEnded(waiter, error.code);
      return;
    }
    if (!fill.abort.signal.aborted && this.#serveStale(fill, 'origin-error')) return;
    this.#refuse(fill, error);
  }

  /** The leader's own fault is told to him alone: the others elect another. */
  #refuse(fill: Fill, { code, detail }: GatewayError): void {
    const own = ERRORS[code].source === 'client' || MAY_BE_ITS_OWN.has(code);
    if (!own || fill.abort.signal.aborted) {
      this.#answers.refuse(fill.waiters.values(), { code, detail });
      return;
    }
    this.#relay.partOthers(fill, LEADERS_FAULT, detail);
    const leader = presentLeader(fill);
    if (leader === undefined) return;
    const { elections, request } = leader;
    const others = aftermathOf(LEADERS_FAULT, { elections, credentialed: request.credentialed });
    this.#answers.refuse([leader], { code, detail, others });
  }
}

function strongEtag(stored: Stored): string {
  const { etag } = stored.descriptor;
  return etag.startsWith('"') ? etag : '';
}
