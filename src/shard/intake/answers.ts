/** How a shard answers: one place that knows the messages, counts them and batches progress. */
import type { Descriptor } from '../../protocol/descriptor.js';
import type { Aftermath, FillEnd, Head, Served, ToEdge } from '../../protocol/messages.js';
import type { ErrorCode } from '../../errors.js';
import type { ShardContext } from './context.js';
import { type Fill, presentLeader, subscribe, type Waiter } from './fill.js';

/** Refused clients come back after 1 to 3 s, each at its own time, so that they are no herd. */
const RETRY_MIN_S = 1;
const RETRY_SPREAD_S = 3;

export class Answers {
  readonly #context: ShardContext;
  /** Fills with bytes that their followers have not been told of. */
  readonly #dirty = new Set<Fill>();
  #flushScheduled = false;

  constructor(context: ShardContext) {
    this.#context = context;
  }

  object(waiter: Waiter, descriptor: Descriptor, served: Served): void {
    if (waiter.request.background) return;
    this.#sendLeased(waiter.worker, { kind: 'object', id: waiter.id, descriptor, served });
  }

  objectToAll(fill: Fill, descriptor: Descriptor, served: Served): void {
    for (const waiter of fill.waiters.values()) {
      this.object(waiter, descriptor, collapsed(waiter, served));
    }
    fill.waiters.clear();
    fill.unannounced = undefined;
    fill.among.unlist(fill); // it ends soon, and whoever joined it would hear nothing
  }

  /**
   * Joins the waiters to the bytes; those already in place may be read at once. Behind what else happens in
   * this turn: a body that came whole with its head is one message then, an object.
   */
  filling(fill: Fill, fwdStatus: number): void {
    fill.unannounced = fwdStatus;
    process.nextTick(() => {
      this.announce(fill);
    });
  }

  /** Now: it is not over yet, or is not to be kept. */
  announce(fill: Fill): void {
    const { unannounced } = fill;
    if (unannounced === undefined) return;
    fill.unannounced = undefined;
    for (const waiter of fill.waiters.values()) {
      if (!waiter.follows) this.follow(fill, waiter, unannounced);
    }
  }

  follow(fill: Fill, waiter: Waiter, fwdStatus: number): void {
    const { descriptor } = fill;
    if (descriptor === undefined || waiter.request.background) return;
    subscribe(fill, waiter);
    const served = collapsed(waiter, fetched(fill, fwdStatus));
    const now = { ...descriptor, extents: fill.body?.extents ?? descriptor.extents };
    this.#sendLeased(waiter.worker, {
      kind: 'filling',
      id: waiter.id,
      fill: fill.id,
      descriptor: now,
      served,
    });
    fill.sentExtents = 0; // a newcomer's worker may not have seen earlier growth
    this.#markDirty(fill);
  }

  progressed(fill: Fill): void {
    if (fill.subscribers.size > 0) this.#markDirty(fill);
  }

  ended(fill: Fill, end: FillEnd): void {
    this.announce(fill);
    this.#dirty.delete(fill);
    const extents = fill.body?.extents;
    for (const worker of fill.subscribers.keys()) {
      this.#send(worker, {
        kind: 'progress',
        fill: fill.id,
        written: fill.written,
        extents,
        ...ringOf(fill),
        end,
      });
    }
    fill.subscribers.clear();
    fill.waiters.clear();
    fill.among.unlist(fill);
  }

  /** To the leader: `others` is for those who joined his ask on their way here. */
  head(waiter: Waiter, head: Head, about: { served: Served; others: Aftermath }): void {
    this.#send(waiter.worker, { kind: 'head', id: waiter.id, head, ...about });
  }

  /** A 1xx answers the leader's request, and may name what is his. */
  informational(fill: Fill, head: Head): void {
    const leader = presentLeader(fill);
    if (leader === undefined || leader.request.background) return;
    this.#send(leader.worker, { kind: 'informational', id: leader.id, head });
  }

  /** False: lost, so the body cannot go on. */
  chunk(waiter: Waiter, bytes: Uint8Array): boolean {
    return this.#context.send(waiter.worker, { kind: 'chunk', id: waiter.id, bytes });
  }

  relayEnded(waiter: Waiter, code: ErrorCode | undefined): void {
    this.#send(waiter.worker, { kind: 'end', id: waiter.id, code });
  }

  bypass({ worker, id, request }: Waiter): void {
    if (request.background) return;
    this.#send(worker, { kind: 'bypass', id });
  }

  /** `others`: those who joined these asks on their way here. */
  refuse(
    waiters: Iterable<Waiter>,
    { code, detail, others }: { code: ErrorCode; detail: string; others?: Aftermath },
  ): void {
    const { random } = this.#context;
    for (const { worker, id, request } of waiters) {
      if (request.background) continue;
      const retryAfterS = RETRY_MIN_S + Math.floor(random() * RETRY_SPREAD_S);
      this.#send(worker, {
        kind: 'refused',
        id,
        code,
        detail,
        retryAfterS,
        others: others ?? 'refused',
      });
    }
  }

  invalidated(worker: number, id: number): void {
    this.#send(worker, { kind: 'invalidated', id });
  }

  #markDirty(fill: Fill): void {
    this.#dirty.add(fill);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    const fills = [...this.#dirty];
    this.#dirty.clear();
    for (const fill of fills) {
      const all = fill.body?.extents ?? [];
      const grown = all.length > fill.sentExtents;
      fill.sentExtents = all.length;
      const extents = grown ? all : undefined;
      const { id, written } = fill;
      for (const worker of fill.subscribers.keys()) {
        const news: ToEdge = {
          kind: 'progress',
          fill: id,
          written,
          extents,
          ...ringOf(fill),
          end: undefined,
        };
        // Where the bytes lie is said once; how many there are, time and again.
        if (grown) this.#send(worker, news);
        else this.#context.hint(worker, news);
      }
    }
  };

  /** The body must not be gone, nor renewed by another's answer, before the worker has heard of it. */
  #sendLeased(worker: number, message: Extract<ToEdge, { descriptor: Descriptor }>): void {
    const { arena } = this.#context.holdings.store;
    const { slot } = message.descriptor;
    arena.leaseTo(worker, slot);
    if (!this.#context.send(worker, message)) arena.takeBack(worker, slot);
  }

  /** A worker that is down has no clients left: nothing to keep for it. */
  #send(worker: number, message: ToEdge): void {
    this.#context.send(worker, message);
  }
}

/** What is said of an answer that the fill has brought, and that is kept. */
export function fetched({ stored, range }: Fill, fwdStatus: number): Served {
  const fwd = stored === undefined ? (range === '' ? 'uri-miss' : 'partial') : 'stale';
  return { hit: false, fwd, fwdStatus, stored: true };
}

function ringOf({ ring }: Fill): { ringBytes?: number; cutBelow?: number } {
  if (ring.bytes === 0) return {};
  return { ringBytes: ring.bytes, cutBelow: ring.cutBelow };
}

function collapsed(waiter: Waiter, served: Served): Served {
  return waiter.collapsed ? { collapsed: true, ...served } : served;
}
