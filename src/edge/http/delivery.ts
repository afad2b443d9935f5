/**
 * One GET or HEAD that the hit path could not answer: looks in the directory, asks the shard, and serves what
 * comes back. Lives until its response is over.
 */
import type { Descriptor } from '../../protocol/descriptor.js';
import type { Head, Served } from '../../protocol/messages.js';
import { mayShare } from '../../rules/audience.js';
import { judge } from '../../rules/reuse.js';
import { isSelectedBy } from '../../rules/vary.js';
import type { ErrorCode } from '../../errors.js';
import type { AskHandler } from '../reach/ask-handler.js';
import { Attempts } from './attempts.js';
import type { ClientRequest } from './request/client-request.js';
import type { EdgeContext } from './context.js';
import type { FillFeed } from '../reach/fill-feed.js';
import { LocalObject } from '../reach/local-object.js';
import { passThrough } from './pass.js';
import { reachesBehind } from './reaches-behind.js';
import { refuse } from './answer/refusal.js';
import { FollowedAnswer } from './answer/followed-answer.js';
import { RelayedAnswer } from './answer/relayed-answer.js';
import { SlicedAnswer } from './slices/sliced-answer.js';
import { StoredAnswer } from './answer/stored-answer.js';
import type { Responder } from './answer/responder.js';

/** A range of what is not kept is read up to from the start; behind that it is asked for by itself. */
const MAX_SKIP_BYTES = 262_144;
/** A background refresh that brought nothing is tried again after this. */
const REFRESH_PAUSE_MS = 1_000;

export class Delivery implements AskHandler {
  readonly #context: EdgeContext;
  readonly #request: ClientRequest;
  readonly #responder: Responder;
  readonly #stored: StoredAnswer;
  readonly #followed: FollowedAnswer;
  readonly #attempts: Attempts;
  #relayed: RelayedAnswer | undefined;
  #relaying: Promise<void> = Promise.resolve(); // until the client has taken what came

  constructor(context: EdgeContext, request: ClientRequest, responder: Responder) {
    this.#context = context;
    this.#request = request;
    this.#responder = responder;
    this.#attempts = new Attempts(request);
    this.#stored = new StoredAnswer(context, responder);
    this.#followed = new FollowedAnswer({
      context,
      responder,
      stored: this.#stored,
      onInterrupted: () => {
        this.#ask();
      },
      onFailed: (code) => {
        this.#failed(code);
      },
    });
  }

  start(): void {
    const { lookup, clock } = this.#context;
    const { key, fields, directives, credentialed } = this.#request;
    const object = lookup.find(key, fields);
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
    if (this.#followed.isInterrupted) {
      this.#followed.goOn(descriptor);
      return;
    }
    if (!isSelectedBy(this.#request.fields, descriptor)) {
      this.#askUnjoined();
      return;
    }
    const { arena, config } = this.#context;
    const object = new LocalObject(descriptor, arena, config.cache.name);
    if (!this.#serve(object, served, false)) this.#ask();
  }

  filling(feed: FillFeed, served: Served, quantum: number): void {
    if (this.#responder.gone) return;
    const { descriptor } = feed;
    if (this.#followed.isInterrupted) {
      this.#followed.goOn(descriptor, feed);
      return;
    }
    if (!isSelectedBy(this.#request.fields, descriptor)) {
      this.#askUnjoined();
      return;
    }
    const plan = this.#stored.plan(this.#request, descriptor);
    if (plan === undefined) {
      this.#attempts.wantsWhole = true;
      this.#ask();
      return;
    }
    this.#stored.count(served, plan.status);
    if (plan.bodyless) {
      this.#stored.endBodyless(descriptor, served, plan);
      return;
    }
    this.#followed.begin(feed, { plan, served, quantum });
  }

  head(head: Head, served: Served): void {
    const { asks } = this.#context;
    const responder = this.#responder;
    if (responder.headSent) responder.close(); // an interrupted body, and this is another
    if (responder.gone) {
      asks.cancel(this);
      return;
    }
    const relayed = new RelayedAnswer({
      context: this.#context,
      request: this.#request,
      responder,
      skipsUpTo: MAX_SKIP_BYTES,
    });
    switch (relayed.begin(head, served)) {
      case 'whole-wanted':
        asks.cancel(this);
        this.#attempts.wantsWhole = true;
        this.#ask();
        return;
      case 'range-wanted':
        asks.cancel(this);
        this.bypass();
        return;
      case 'over':
        asks.cancel(this);
        break;
      case 'body':
        this.#relayed = relayed;
    }
    this.#stored.count(served, responder.status === 0 ? head.status : responder.status);
  }

  chunk(bytes: Uint8Array): void {
    const relayed = this.#relayed;
    this.#relaying = this.#relaying.then(async () => {
      await relayed?.write(bytes);
      this.#context.asks.credit(this, bytes.length);
    });
  }

  relayEnded(code: ErrorCode | undefined): void {
    void this.#relaying.then(() => {
      this.#context.guard(() => {
        if (code === undefined) this.#relayed?.end();
        else this.#failed(code);
      });
    });
  }

  bypass(): void {
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

  elect(otherwise: 'bypass' | 'refused'): void {
    if (this.#responder.headSent) this.#responder.close();
    if (this.#responder.gone) return;
    this.#attempts.elections += 1;
    this.#ask(otherwise);
  }

  refused(code: ErrorCode, _detail: string, retryAfterS: number): void {
    if (this.#responder.headSent) this.#responder.close();
    if (this.#responder.gone) return;
    refuse(this.#context, this.#responder, { code, retryAfterS });
  }

  interim(head: Head): void {
    this.#responder.interim(head);
  }

  /** Every way back to the shard leads here, and is counted: in the end the request goes alone. */
  #ask(otherwise: 'bypass' | 'refused' = 'bypass'): void {
    const { asks } = this.#context;
    const request = this.#attempts.next();
    if (request === undefined) {
      if (otherwise === 'bypass' && !this.#followed.isInterrupted) this.bypass();
      else this.refused('GW_ORIGIN_STATUS', 'asked too often', 1);
      return;
    }
    if (this.#attempts.isFirst) {
      this.#responder.whenGone(() => {
        asks.cancel(this);
      });
    }
    asks.ask(request, this, this.#attempts.joins);
  }

  /** What varies is known only now: asks are joined by less than a later answer may select by. */
  #askUnjoined(): void {
    this.#attempts.mismatched = true;
    this.#ask();
  }

  #refresh(object: LocalObject): void {
    const nowMs = this.#context.clock.now();
    if (nowMs - object.refreshAskedMs < REFRESH_PAUSE_MS) return;
    object.refreshAskedMs = nowMs;
    this.#context.asks.refresh(this.#attempts.refresh());
  }

  /** False: the object is gone or is not what the request wants, so ask. */
  #serve(object: LocalObject, served: Served, found: boolean): boolean {
    const plan = this.#stored.plan(this.#request, object.descriptor);
    if (plan === undefined) {
      // A part cannot answer; that the shard sent it means it was asked with the range.
      if (!found) this.#attempts.wantsWhole = true;
      return false;
    }
    if (
      served.hit &&
      !this.#attempts.beyond &&
      !this.#attempts.wantsWhole &&
      reachesBehind(this.#request, object.descriptor, plan)
    ) {
      this.#attempts.beyond = true;
      return false;
    }
    if (object.descriptor.sliceBytes > 0 && !plan.bodyless) {
      return this.#sliced().serve(object, plan, { served, found });
    }
    if (this.#stored.serve(object, plan, { served, found })) {
      // Not for one who asks for what nobody may ask for again.
      if (served.hit) this.#context.codings.served(object.descriptor, plan, this.#request.fields);
      return true;
    }
    if (plan.encoded === undefined) return false;
    // Only the encoded form was evicted: the object itself will do, in its own form.
    return this.#serve(withoutCodings(object, this.#context.config.cache.name), served, found);
  }

  #sliced(): SlicedAnswer {
    return new SlicedAnswer({
      context: this.#context,
      request: this.#request,
      responder: this.#responder,
      stored: this.#stored,
      onOutdated: () => {
        this.#ask();
      },
      onBypass: () => {
        this.bypass();
      },
      onFailed: (code) => {
        this.#failed(code);
      },
    });
  }

  /** What has been sent must not look whole; where nothing was sent yet, say what happened. */
  #failed(code: ErrorCode): void {
    if (this.#responder.gone) return;
    if (this.#responder.headSent) this.#responder.close();
    else if (code === 'GW_WORKER_LOST') this.#ask();
    else refuse(this.#context, this.#responder, { code });
  }
}

function withoutCodings({ descriptor, arena }: LocalObject, cacheName: string): LocalObject {
  return new LocalObject({ ...descriptor, encodings: [], cached: false }, arena, cacheName);
}
