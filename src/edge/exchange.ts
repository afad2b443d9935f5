/**
 * One GET or HEAD that the hit path could not answer: looks near, asks the shard, and serves what
 * comes back. Lives until its response is over.
 */
import { type Descriptor, isIdentified, isSameBytes } from '../cache/descriptor.js';
import type { AskRequest, Head, Served } from '../cache/messages.js';
import { ageSeconds, judge, NO_DIRECTIVES } from '../cache/reuse.js';
import { mayShare } from '../cache/sharing.js';
import { secondaryKey } from '../cache/vary.js';
import type { ErrorCode } from '../errors.js';
import { contentLength } from '../http/fields.js';
import { isBodyless } from '../origin/origin.js';
import type { AskHandler } from './asks.js';
import { type BodySource, BodyWriter } from './body-writer.js';
import type { ClientRequest } from './client-request.js';
import type { EdgeContext } from './context.js';
import type { FillFeed, Follower } from './fill-feed.js';
import { LocalObject, SMALL_BYTES } from './local-object.js';
import { passedHead, passThrough } from './pass.js';
import { refuse } from './refusal.js';
import { RelayWriter } from './relay-writer.js';
import { servedStatus } from '../cache/render.js';
import type { Responder } from './responder.js';
import type { ResponsePlan } from './response-plan.js';

/** An object may be replaced between answer and lease; that often in a row it is a defect. */
const MAX_ASKS = 8;
/** A background refresh that brought nothing is tried again after this. */
const REFRESH_PAUSE_MS = 1_000;

export class Exchange implements AskHandler {
  readonly #context: EdgeContext;
  readonly #request: ClientRequest;
  readonly #responder: Responder;
  #asks = 0;
  #stranger = false; // joined an ask whose answer turned out to be for other selecting fields
  #wantsWhole = false; // the stored part would not do
  #relay: RelayWriter | undefined;
  #relayed: Promise<void> = Promise.resolve();
  /** The body that a lost worker was bringing: to be gone on with from its successor. */
  #interrupted: { readonly writer: BodyWriter; readonly descriptor: Descriptor } | undefined;

  constructor(context: EdgeContext, request: ClientRequest, responder: Responder) {
    this.#context = context;
    this.#request = request;
    this.#responder = responder;
  }

  start(): void {
    const { near, clock } = this.#context;
    const { key, fields, directives, credentialed } = this.#request;
    const object = near.find(key, fields);
    if (object !== undefined && mayShare(object.descriptor.freshness, credentialed)) {
      const verdict = judge(object.descriptor.freshness, directives, clock.now());
      if (verdict === 'fresh' && this.#serve(object, { hit: true }, true)) return;
      if (verdict === 'stale-revalidate-in-background') {
        const served: Served = { hit: true, detail: 'stale-while-revalidate' };
        if (this.#serve(object, served, true)) {
          this.#refresh(object);
          return;
        }
      }
    }
    this.#ask();
  }

  object(descriptor: Descriptor, served: Served): void {
    if (this.#responder.gone) return;
    if (this.#interrupted !== undefined) {
      this.#continueWith(descriptor);
      return;
    }
    if (!this.#isSelected(descriptor)) {
      this.#askAlone();
      return;
    }
    const object = this.#localOf(descriptor);
    if (object === undefined || !this.#serve(object, served, false)) this.#ask();
  }

  filling(feed: FillFeed, served: Served, quantum: number): void {
    if (this.#responder.gone) return;
    const { descriptor, source } = feed;
    if (this.#interrupted !== undefined) {
      this.#continueWith(descriptor, feed);
      return;
    }
    if (!this.#isSelected(descriptor)) {
      this.#askAlone();
      return;
    }
    const plan = this.#plan(descriptor);
    if (plan === undefined) {
      this.#wantsWhole = true;
      this.#ask();
      return;
    }
    this.#count(served, plan.status);
    if (plan.bodyless) {
      this.#endBodyless(descriptor, served, plan);
      return;
    }
    const writer = this.#writerFor(descriptor, { plan, served, source });
    this.#follow(feed, writer);
    if (source.written > 0) writer.pump(quantum);
  }

  head(head: Head, served: Served): void {
    const { asks, wheel } = this.#context;
    const responder = this.#responder;
    if (responder.headSent) responder.close(); // an interrupted body, and this is another
    if (responder.gone) {
      asks.cancel(this);
      return;
    }
    responder.whenGone(() => {
      asks.cancel(this);
    });
    this.#count(served, head.status);
    const writeHead = (): void => {
      const { status, fields } = head;
      responder.head(status, passedHead(this.#context, this.#request, { served, fields }));
    };
    const total = contentLength(head.fields);
    const { method } = this.#request;
    if (isBodyless(method, head.status)) {
      responder.cork(() => {
        writeHead();
        responder.endWithoutBody(method === 'HEAD' && total >= 0 ? total : undefined);
      });
      return;
    }
    this.#relay = new RelayWriter({ responder, wheel, total, writeHead });
  }

  chunk(bytes: Uint8Array): void {
    this.#relayed = this.#relayed.then(async () => {
      await this.#relay?.write(bytes);
      this.#context.asks.credit(this, bytes.length);
    });
  }

  relayEnded(code: ErrorCode | undefined): void {
    void this.#relayed.then(() => {
      this.#context.guard(() => {
        if (code === undefined) this.#relay?.end();
        else this.#failed(code);
      });
    });
  }

  alone(): void {
    if (this.#responder.headSent) this.#responder.close();
    if (this.#responder.gone) return;
    const { directives } = this.#request;
    void passThrough(this.#context, {
      request: this.#request,
      responder: this.#responder,
      body: undefined,
      fwd: directives.noStore ? 'request' : 'uri-miss',
    });
  }

  refused(code: ErrorCode, _detail: string, retryAfterS: number): void {
    if (this.#responder.headSent) this.#responder.close();
    if (this.#responder.gone) return;
    refuse(this.#context, this.#responder, { code, retryAfterS });
  }

  interim(head: Head): void {
    this.#responder.interim(head);
  }

  #ask(): void {
    const { asks } = this.#context;
    this.#asks += 1;
    if (this.#asks > MAX_ASKS) {
      this.refused('GW_INTERNAL', 'asked too often', 1);
      return;
    }
    if (this.#asks === 1) {
      this.#responder.whenGone(() => {
        asks.cancel(this);
      });
    }
    const joins = this.#request.directives === NO_DIRECTIVES && !this.#stranger;
    asks.ask(this.#askRequest(), this, joins);
  }

  /** What varies is known only now: asks are joined by less than a later answer may select by. */
  #isSelected({ vary, secondary }: Descriptor): boolean {
    return vary.length === 0 || secondaryKey(vary, this.#request.fields) === secondary;
  }

  #askAlone(): void {
    this.#stranger = true;
    this.#ask();
  }

  #askRequest(): AskRequest {
    const { key, stream, upstreamTarget, fields, credentialed, range, lane } = this.#request;
    return {
      key,
      stream,
      target: upstreamTarget,
      headers: fields,
      credentialed,
      range: this.#wantsWhole ? '' : range,
      lane,
      background: false,
    };
  }

  #refresh(object: LocalObject): void {
    const nowMs = this.#context.clock.now();
    if (nowMs - object.refreshAskedMs < REFRESH_PAUSE_MS) return;
    object.refreshAskedMs = nowMs;
    this.#context.asks.refresh({ ...this.#askRequest(), range: '', lane: 2 });
  }

  /** The object made ready here; kept near when it may be. */
  #localOf(descriptor: Descriptor): LocalObject | undefined {
    const { near, arenaOf, config } = this.#context;
    const known = near.find(this.#request.key, this.#request.fields);
    if (known !== undefined && isSame(known.descriptor, descriptor)) return known;
    const arena = arenaOf(descriptor.shard, descriptor.epoch);
    if (arena === undefined) return undefined;
    const object = new LocalObject(descriptor, arena, config.cache.name);
    if (descriptor.keep) near.put(object);
    return object;
  }

  #plan(descriptor: Descriptor): ResponsePlan | undefined {
    const { clock, config, random, plans } = this.#context;
    const request = this.#wantsWhole ? { ...this.#request, range: '' } : this.#request;
    return plans.of(request, descriptor, {
      nowMs: clock.now(),
      maxRanges: config.limits.ranges,
      boundary: () => `hg${random().toString(36).slice(2)}${random().toString(36).slice(2)}`,
    });
  }

  /** False: the object is gone or is not what the request wants, so ask. */
  #serve(object: LocalObject, served: Served, near: boolean): boolean {
    const { descriptor, arena } = object;
    const plan = this.#plan(descriptor);
    if (plan === undefined) {
      // A part cannot answer; that the shard sent it means it was asked with the range.
      if (!near) this.#wantsWhole = true;
      return false;
    }
    const { slot, generation, extents } = plan.encoded ?? descriptor;
    if (!arena.acquire(slot, generation)) {
      if (plan.encoded === undefined || !arena.acquire(descriptor.slot, descriptor.generation)) {
        this.#context.near.drop(object);
        return false;
      }
      // Only the encoded form was evicted: the object itself will do, in its own form.
      arena.release(descriptor.slot);
      this.#context.near.drop(object);
      return this.#serve(this.#withoutEncodings(object), served, near);
    }
    arena.touch(slot);
    if (near) this.#context.metrics.add('nearHits');
    this.#count(served, plan.status);
    const source: BodySource = {
      arena,
      slot,
      extents,
      written: plan.encoded?.bytes ?? descriptor.storedBytes,
      ended: true,
    };
    this.#deliver(descriptor, { plan, served, source });
    return true;
  }

  #withoutEncodings({ descriptor, arena }: LocalObject): LocalObject {
    const plainer = { ...descriptor, encodings: [], keep: false };
    return new LocalObject(plainer, arena, this.#context.config.cache.name);
  }

  /** The lease is held; it goes back here or when the writer is over. */
  #deliver(
    descriptor: Descriptor,
    what: { plan: ResponsePlan; served: Served; source: BodySource },
  ): void {
    const { plan, source } = what;
    const { arena, slot, extents } = source;
    if (plan.bodyless) {
      arena.release(slot);
      this.#endBodyless(descriptor, what.served, plan);
      return;
    }
    const [piece] = plan.pieces;
    const simple = plan.pieces.length === 1 && piece !== undefined && 'from' in piece;
    if (simple && piece.length <= SMALL_BYTES) {
      const view = arena.view(extents, piece.from, piece.length);
      if (view.length === piece.length) {
        this.#responder.cork(() => {
          this.#writeHead(descriptor, what.served, plan);
          this.#responder.end(view);
        });
        arena.release(slot);
        return;
      }
    }
    const writer = this.#writerFor(descriptor, what);
    this.#responder.whenGone(() => {
      arena.release(slot);
    });
    writer.pump(this.#context.turns.quantum);
  }

  #writerFor(
    descriptor: Descriptor,
    { plan, served, source }: { plan: ResponsePlan; served: Served; source: BodySource },
  ): BodyWriter {
    const { turns, wheel } = this.#context;
    return new BodyWriter({
      responder: this.#responder,
      source,
      pieces: plan.pieces,
      total: plan.total,
      turns,
      wheel,
      writeHead: () => {
        this.#writeHead(descriptor, served, plan);
      },
    });
  }

  #endBodyless(descriptor: Descriptor, served: Served, plan: ResponsePlan): void {
    const { status, total } = plan;
    const length = status === 304 || status === 204 || total < 0 ? undefined : total;
    this.#responder.cork(() => {
      this.#writeHead(descriptor, served, plan);
      this.#responder.endWithoutBody(length);
    });
  }

  #writeHead(descriptor: Descriptor, served: Served, plan: ResponsePlan): void {
    const { config, clock, metrics } = this.#context;
    const nowMs = clock.now();
    const { freshness, upstreamStatus } = descriptor;
    const ttlS = Math.floor((freshness.bornMs + freshness.ttlMs - nowMs) / 1_000);
    const status = servedStatus(config.cache.name, served, {
      upstreamStatus,
      ttlS: served.hit ? ttlS : undefined,
    });
    this.#responder.head(
      plan.status,
      `${status}\r\nAge: ${ageSeconds(freshness, nowMs)}${plan.lines}`,
    );
    if (!served.hit) {
      metrics.observe('firstByteSeconds', (nowMs - this.#responder.startedMs) / 1_000);
    }
  }

  #count(served: Served, status: number): void {
    const { metrics } = this.#context;
    metrics.add(served.hit ? 'hits' : 'misses');
    if (served.collapsed === true) metrics.add('collapsed');
    if (served.hit && served.detail !== undefined) metrics.add('staleServed');
    if (status === 304) metrics.add('notModified');
    if (status === 206) metrics.add('ranges');
  }

  #follow(feed: FillFeed, writer: BodyWriter): void {
    const { descriptor } = feed;
    const follower: Follower = {
      get over() {
        return writer.over;
      },
      get begun() {
        return writer.begun;
      },
      pump: (quantum) => {
        writer.pump(quantum);
      },
      failed: (code) => {
        feed.leave(follower);
        if (code === 'GW_WORKER_LOST' && writer.begun && isIdentified(descriptor)) {
          this.#interrupted = { writer, descriptor };
          this.#ask();
          return;
        }
        writer.abandon();
        this.#failed(code);
      },
    };
    feed.follow(follower);
    this.#responder.whenGone(() => {
      feed.leave(follower);
    });
  }

  /** With `feed`: it is being filled. Otherwise it is all there. */
  #continueWith(descriptor: Descriptor, feed?: FillFeed): void {
    const { arenaOf, turns } = this.#context;
    const interrupted = this.#interrupted;
    if (interrupted === undefined || !isSameBytes(interrupted.descriptor, descriptor)) {
      this.#responder.close();
      return;
    }
    const { writer } = interrupted;
    if (feed !== undefined) {
      this.#interrupted = undefined;
      this.#follow(feed, writer);
      writer.continueFrom(feed.source, turns.quantum);
      return;
    }
    const { slot, generation, extents, storedBytes } = descriptor;
    const arena = arenaOf(descriptor.shard, descriptor.epoch);
    if (arena?.acquire(slot, generation) !== true) {
      this.#ask();
      return;
    }
    this.#interrupted = undefined;
    this.#responder.whenGone(() => {
      arena.release(slot);
    });
    writer.continueFrom({ arena, slot, extents, written: storedBytes, ended: true }, turns.quantum);
  }

  /** What has been sent must not look whole; where nothing was sent yet, say what happened. */
  #failed(code: ErrorCode): void {
    if (this.#responder.gone) return;
    if (this.#responder.headSent) this.#responder.close();
    else if (code === 'GW_WORKER_LOST') this.#ask();
    else refuse(this.#context, this.#responder, { code });
  }
}

function isSame(a: Descriptor, b: Descriptor): boolean {
  return (
    a.slot === b.slot &&
    a.generation === b.generation &&
    a.shard === b.shard &&
    a.epoch === b.epoch &&
    a.encodings.length === b.encodings.length
  );
}
