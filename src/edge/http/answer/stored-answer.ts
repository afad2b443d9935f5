/**
 * Writes what is stored, or is being brought, to one client: heads in the words of the stored response,
 * bodies from the arena under a lease.
 */
import type { Descriptor } from '../../../protocol/descriptor.js';
import type { Served } from '../../../protocol/messages.js';
import { sentDate, servedStatus } from '../../../protocol/render.js';
import { ageSeconds } from '../../../rules/reuse.js';
import { ArenaBody, type BodySource } from '../../reach/body-source.js';
import { BodyWriter } from './body-writer.js';
import type { ClientRequest } from '../request/client-request.js';
import type { EdgeContext } from '../context.js';
import type { LocalObject } from '../../reach/local-object.js';
import type { Responder } from './responder.js';
import type { ResponsePlan } from './response-plan.js';

export class StoredAnswer {
  readonly #context: EdgeContext;
  readonly #responder: Responder;

  constructor(context: EdgeContext, responder: Responder) {
    this.#context = context;
    this.#responder = responder;
  }

  /** What the request gets of it; undefined: it is a part, and not the one that is wanted. */
  plan(request: ClientRequest, descriptor: Descriptor): ResponsePlan | undefined {
    const { clock, config, random, plans } = this.#context;
    return plans.of(request, descriptor, {
      nowMs: clock.now(),
      maxRanges: config.limits.ranges,
      boundary: () => `hg${random().toString(36).slice(2)}${random().toString(36).slice(2)}`,
    });
  }

  /** False: the object has gone, and nothing was written. Not `found` but sent by its shard: somebody's lease keeps it. */
  serve(object: LocalObject, plan: ResponsePlan, how: { served: Served; found: boolean }): boolean {
    const { metrics } = this.#context;
    const { descriptor, arena } = object;
    const { slot, generation, extents } = plan.encoded ?? descriptor;
    if (!how.found && plan.encoded === undefined) arena.pin(slot);
    else if (!arena.acquire(slot, generation)) return false;
    arena.touch(slot);
    if (how.found) metrics.add('nearHits');
    this.count(how.served, plan.status);
    const written = plan.encoded?.bytes ?? descriptor.storedBytes;
    const source = new ArenaBody({ arena, slot, extents, written, ended: true });
    this.#deliver(descriptor, { plan, served: how.served, source });
    return true;
  }

  /** The lease is held; it goes back here or when the writer is over. */
  #deliver(
    descriptor: Descriptor,
    what: { plan: ResponsePlan; served: Served; source: ArenaBody },
  ): void {
    const { plan, source } = what;
    const { arena, slot, extents } = source;
    if (plan.bodyless) {
      arena.release(slot);
      this.endBodyless(descriptor, what.served, plan);
      return;
    }
    const [piece] = plan.pieces;
    const simple = plan.pieces.length === 1 && piece !== undefined && 'from' in piece;
    const fieldBytes = plan.lines.length + descriptor.upstreamStatus.length;
    if (simple && this.#responder.sendsAtOnce(fieldBytes + piece.length)) {
      const view = arena.view(extents, piece.from, piece.length);
      if (view.length === piece.length) {
        this.#responder.cork(() => {
          this.writeHead(descriptor, what.served, plan);
          this.#responder.end(view);
        });
        arena.release(slot);
        return;
      }
    }
    const writer = this.writerFor(plan, source, () => {
      this.writeHead(descriptor, what.served, plan);
    });
    this.#responder.whenGone(() => {
      arena.release(slot);
    });
    writer.pump(this.#context.turns.quantum);
  }

  /** The writer of a body that the caller keeps leased. */
  writerFor(plan: ResponsePlan, source: BodySource, writeHead: () => void): BodyWriter {
    const { turns, wheel } = this.#context;
    return new BodyWriter({
      responder: this.#responder,
      source,
      pieces: plan.pieces,
      total: plan.total,
      turns,
      wheel,
      writeHead,
    });
  }

  /** A head without a body. */
  endBodyless(descriptor: Descriptor, served: Served, plan: ResponsePlan): void {
    const { status, total } = plan;
    const length = status === 304 || status === 204 || total < 0 ? undefined : total;
    this.#responder.cork(() => {
      this.writeHead(descriptor, served, plan);
      this.#responder.endWithoutBody(length);
    });
  }

  writeHead(descriptor: Descriptor, served: Served, plan: ResponsePlan): void {
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
      sentDate(descriptor),
    );
    if (!served.hit) {
      metrics.observe('firstByteSeconds', (nowMs - this.#responder.startedMs) / 1_000);
    }
  }

  count(served: Served, status: number): void {
    const { metrics } = this.#context;
    metrics.add(served.hit ? 'hits' : 'misses');
    if (served.collapsed === true) metrics.add('collapsed');
    if (served.hit && served.detail !== undefined) metrics.add('staleServed');
    if (status === 304) metrics.add('notModified');
    if (status === 206) metrics.add('ranges');
  }
}
