/**
 * The singleflight of one shard: which fills are under way, who waits for which, and who waits for a
 * fill to be begun. `fill.ts` has the picture of a fill's states.
 */
import { LaneQueue } from '../../runtime/lanes.js';
import type { Answers } from './answers.js';
import type { ShardContext } from './context.js';
import type { Entry, Variant } from '../holdings/entry.js';
import { KeyFills } from './key-fills.js';
import {
  askerOf,
  type Fill,
  isJoinable,
  isTimely,
  mayJoin,
  nearlyDone,
  unsubscribe,
  type Waiter,
  wakeFill,
} from './fill.js';
import { FillRunner, type FillHooks } from './fill-runner.js';
import { type FillPlace, placeOf } from './fill-place.js';

/** How long a queued ask may wait for a free fill, by lane. */
const PATIENCE_MS: readonly [number, number, number] = [10_000, 5_000, 1_000];

export interface FlightHooks extends Pick<FillHooks, 'factsOf' | 'onStored'> {
  /** What is stored, and whether to fetch at all, must be looked at again. */
  readonly decide: (waiter: Waiter) => void;
}

export class Flights {
  readonly #context: ShardContext;
  readonly #answers: Answers;
  readonly #hooks: FlightHooks;
  readonly #runner: FillRunner;
  readonly #queue: LaneQueue<Waiter>;
  readonly #queued = new Set<string>();
  readonly #fills = new Map<number, Fill>();
  readonly #byKey = new Map<string, KeyFills>(); // of those
  /** By asker: the fill it waits for. */
  readonly #waiting = new Map<string, Fill>();
  #nextFill = 1;
  #state: 'open' | 'closed' = 'open';
  #isStarting = false; // those who were queued

  constructor(context: ShardContext, answers: Answers, hooks: FlightHooks) {
    this.#context = context;
    this.#answers = answers;
    this.#hooks = hooks;
    this.#queue = new LaneQueue(context.config.limits.queue);
    this.#runner = new FillRunner(context, answers, {
      release: (waiter) => {
        this.#untrack(askerOf(waiter));
      },
      redecide: (waiter) => {
        this.#untrack(askerOf(waiter));
        hooks.decide(waiter);
      },
      onEnd: (fill) => {
        this.#onEnd(fill);
      },
      ...hooks,
    });
  }

  get active(): number {
    return this.#fills.size;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Fetches ahead that are under way. */
  get prefetching(): number {
    let count = 0;
    for (const { leader } of this.#fills.values()) if (leader.worker === -1) count += 1;
    return count;
  }

  /** Into the fill that brings what is wanted, or a new one when there is room for one. */
  join(waiter: Waiter, variant: Variant | undefined): 'joined' | 'began' | 'queued' | 'refused' {
    const { holdings, config, clock } = this.#context;
    const { index } = holdings;
    const { request } = waiter;
    const known = index.get(request.key);
    const fills = this.#byKey.get(request.key);
    const place = placeOf(request, { entry: known, whole: variant?.whole, fills });
    const fill = fills?.find(place.slotKey);
    if (
      fill !== undefined &&
      isJoinable(fill) &&
      mayJoin(fill, request.credentialed) &&
      isTimely(fill, clock.now())
    ) {
      return this.#addWaiter(fill, waiter);
    }
    if (this.#loading() < config.limits.fills) {
      this.#start(waiter, index.ensure(request.key), place);
      return 'began';
    }
    if (this.#queue.offer(request.lane, waiter, clock.now())) {
      this.#queued.add(askerOf(waiter));
      return 'queued';
    }
    const detail = `lane ${request.lane} is full`;
    this.#answers.refuse([waiter], { code: 'GW_MAILBOX_FULL', detail });
    return 'refused';
  }

  /** A fill waits for its origin's head, for what is under that key. */
  isAsking(key: string): boolean {
    for (const fill of this.#byKey.get(key) ?? []) {
      if (fill.phase === 'requesting' && isJoinable(fill)) return true;
    }
    return false;
  }

  /** What is under way for keys that `named` accepts keeps nothing; who asks from now on gets another. */
  forbid(named: (key: string) => boolean): void {
    for (const [key, fills] of this.#byKey) if (named(key)) fills.forbid();
  }

  /** The same for one key. */
  forbidKey(key: string): void {
    this.#byKey.get(key)?.forbid();
  }

  /** The client of one ask has left. A fill that nobody wants goes on only if it is nearly done. */
  cancel(worker: number, id: number): void {
    const asker = askerOf({ worker, id });
    const fill = this.#waiting.get(asker);
    if (fill === undefined) {
      if (!this.#queued.delete(asker)) return;
      this.#queue.withdraw((waiter) => waiter.worker === worker && waiter.id === id);
      return;
    }
    this.#untrack(asker);
    const waiter = fill.waiters.get(asker);
    fill.waiters.delete(asker);
    if (waiter !== undefined) unsubscribe(fill, waiter);
    // What a background refresh brings is kept; of a ring nothing is.
    const isForCache = fill.leader.request.background && fill.phase !== 'ringing';
    if (fill.waiters.size > 0 || isForCache) return;
    if (fill.phase === 'filling' && nearlyDone(fill)) return;
    fill.abort.abort();
    wakeFill(fill);
  }

  /** More of a relayed body may be sent. */
  credit(worker: number, id: number, bytes: number): void {
    const fill = this.#waiting.get(askerOf({ worker, id }));
    if (fill === undefined) return;
    fill.credit += bytes;
    wakeFill(fill);
  }

  /** Where a worker's followers of a ringing body are. */
  passed(worker: number, id: number, place: { slowest: number; fastest: number }): void {
    const fill = this.#fills.get(id);
    if (fill?.subscribers.has(worker) !== true) return;
    fill.ring.places.set(worker, place);
    wakeFill(fill);
  }

  /** About ten times a second. */
  tick(): void {
    const expired = this.#queue.expire(this.#context.clock.now(), PATIENCE_MS);
    for (const waiter of expired) this.#queued.delete(askerOf(waiter));
    const detail = 'waited too long for the origin';
    this.#answers.refuse(expired, { code: 'GW_MAILBOX_FULL', detail });
    for (const fill of this.#fills.values()) if (fill.phase === 'ringing') wakeFill(fill);
    this.#startQueued();
  }

  /** A worker's thread has ended, and its interest with it. */
  forgetWorker(worker: number): void {
    // Its successor numbers its asks from the start again.
    this.#queue.withdraw((waiter) => waiter.worker === worker);
    for (const asker of this.#queued)
      if (asker.startsWith(`${worker}:`)) this.#queued.delete(asker);
    for (const fill of [...this.#fills.values()]) {
      for (const waiter of [...fill.waiters.values()]) {
        if (waiter.worker === worker) this.cancel(worker, waiter.id);
      }
    }
  }

  /** Aborts what is under way and takes nothing more. */
  close(): void {
    this.#state = 'closed';
    for (const fill of this.#fills.values()) {
      fill.abort.abort();
      wakeFill(fill);
    }
  }

  /** Fills that count against the limit: a relay takes no room of the shard's. */
  #loading(): number {
    let count = 0;
    for (const { phase } of this.#fills.values()) if (phase !== 'relaying') count += 1;
    return count;
  }

  #startQueued(): void {
    // A fill may end as it begins, so on the stack of the one before.
    if (this.#state !== 'open' || this.#isStarting) return;
    const { limits } = this.#context.config;
    this.#isStarting = true;
    try {
      while (this.#queue.size > 0 && this.#loading() < limits.fills) {
        const next = this.#queue.take();
        if (next === undefined) return;
        this.#queued.delete(askerOf(next));
        this.#hooks.decide(next);
      }
    } finally {
      this.#isStarting = false;
    }
  }

  #addWaiter(fill: Fill, waiter: Waiter): 'joined' | 'refused' {
    if (waiter.request.background) return 'joined';
    if (fill.waiters.size >= this.#context.config.limits.waiters) {
      const detail = 'too many wait for this object';
      this.#answers.refuse([waiter], { code: 'GW_MAILBOX_FULL', detail });
      return 'refused';
    }
    waiter.collapsed = true;
    this.#track(fill, waiter);
    const { descriptor } = fill;
    if (fill.phase === 'filling' && descriptor !== undefined) {
      this.#answers.follow(fill, waiter, descriptor.status);
    }
    return 'joined';
  }

  #track(fill: Fill, waiter: Waiter): void {
    const asker = askerOf(waiter);
    waiter.follows = false;
    fill.waiters.set(asker, waiter);
    fill.askers.add(asker);
    this.#waiting.set(asker, fill);
  }

  #untrack(asker: string): void {
    this.#waiting.get(asker)?.askers.delete(asker);
    this.#waiting.delete(asker);
  }

  #start(waiter: Waiter, entry: Entry, place: FillPlace): void {
    const among = this.#byKey.get(entry.key) ?? new KeyFills();
    const fill: Fill = {
      id: this.#context.shard * 2 ** 32 + this.#nextFill++,
      entry,
      among,
      ...place,
      leader: waiter,
      abort: new AbortController(),
      subscribers: new Map(),
      waiters: new Map(),
      askers: new Set(),
      phase: 'requesting',
      outdated: false,
      reserved: undefined,
      body: undefined,
      descriptor: undefined,
      answeredMs: 0,
      written: 0,
      sentExtents: 0,
      unannounced: undefined,
      ring: { bytes: 0, places: new Map(), cutBelow: 0, heldSinceMs: NaN, heldAt: 0 },
      credit: 0,
      wake: undefined,
    };
    this.#fills.set(fill.id, fill);
    among.begin(fill);
    this.#byKey.set(entry.key, among);
    this.#context.holdings.index.hold(entry);
    if (!waiter.request.background) this.#track(fill, waiter);
    this.#context.holdings.expect();
    void this.#runner.run(fill);
  }

  #onEnd(fill: Fill): void {
    this.#fills.delete(fill.id);
    const { among, entry } = fill;
    among.end(fill);
    if (among.size === 0) this.#byKey.delete(entry.key);
    for (const asker of [...fill.askers]) this.#untrack(asker);
    this.#context.holdings.index.letGo(entry);
    this.#startQueued();
  }
}
