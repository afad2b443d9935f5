/**
 * The fills that clients of this worker follow, by number: where their bytes are, and how they end. A ring's shard
 * hears how far its followers are. Owned by the worker's thread.
 */
import type { ArenaView } from '../../arena/arena.js';
import type { FillEnd, ToEdge, ToShard } from '../../protocol/messages.js';
import { FillFeed } from './fill-feed.js';
import type { Turns } from './turns.js';

/** How often a shard hears how far the readers of a ring are. */
const RING_REPORT_MS = 10;

const LOST: FillEnd = { ok: false, code: 'GW_WORKER_LOST', detail: 'its worker has ended' };

type Filling = Extract<ToEdge, { kind: 'filling' }>;
type Progress = Extract<ToEdge, { kind: 'progress' }>;

export interface FillFeedsOptions {
  readonly turns: Turns;
  readonly send: (worker: number, message: ToShard) => boolean;
  /** As `send`, also to a worker with much before it. */
  readonly insist: (worker: number, message: ToShard) => boolean;
  readonly arena: ArenaView;
  /** A follower threw: the others must be told all the same. */
  readonly guard: (run: () => void) => void;
}

export class FillFeeds {
  readonly #options: FillFeedsOptions;
  readonly #feeds = new Map<number, FillFeed>();
  /** Feeds whose bytes are overwritten behind their followers. */
  readonly #ringing = new Set<FillFeed>();
  #ringTimer: NodeJS.Timeout | undefined;

  constructor(options: FillFeedsOptions) {
    this.#options = options;
  }

  /** The feed of the fill, for `ask` as well. The lease that came with the message goes to it or back. */
  join(
    { fill, descriptor }: Filling,
    from: number,
    ask: { readonly id: number; readonly shard: number },
  ): FillFeed {
    const { arena } = this.#options;
    const known = this.#feeds.get(fill);
    if (known === undefined) arena.pin(descriptor.slot);
    arena.giveBack(from, descriptor.slot);
    const feed = known ?? new FillFeed(fill, from, descriptor, arena);
    this.#feeds.set(fill, feed);
    feed.asks.add(ask);
    feed.whenAbandoned = (abandoned) => {
      this.#abandon(abandoned);
    };
    return feed;
  }

  progress(message: Progress): void {
    const feed = this.#feeds.get(message.fill);
    if (feed === undefined) return;
    if (message.extents !== undefined) feed.source.extents = message.extents;
    feed.source.written = message.written;
    if (message.ringBytes !== undefined) this.#ring(feed, message.ringBytes, message.cutBelow ?? 0);
    if (message.end !== undefined) this.#end(feed, message.end);
    else this.#options.turns.wake(feed.followers);
  }

  /** A worker's thread has ended: its fills will say no more. */
  onPeerDown(worker: number): void {
    for (const feed of [...this.#feeds.values()]) {
      if (feed.worker === worker) this.#end(feed, LOST);
    }
  }

  close(): void {
    clearInterval(this.#ringTimer);
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  /** The shard overwrites what all followers have: it must be told how far they are. */
  #ring(feed: FillFeed, ringBytes: number, cutBelow: number): void {
    feed.source.ringBytes = ringBytes;
    feed.cutBelow(cutBelow);
    this.#ringing.add(feed);
    this.#ringTimer ??= setInterval(() => {
      this.#tellPlaces();
    }, RING_REPORT_MS);
  }

  #tellPlaces(): void {
    for (const feed of this.#ringing) {
      if (this.#feeds.get(feed.id) !== feed) {
        this.#ringing.delete(feed);
        continue;
      }
      const place = feed.movedPlace();
      if (place === undefined) continue;
      const { id: fill, worker, descriptor } = feed;
      this.#options.send(worker, { kind: 'passed', shard: descriptor.shard, fill, ...place });
    }
    if (this.#ringing.size > 0) return;
    clearInterval(this.#ringTimer);
    this.#ringTimer = undefined;
  }

  #end(feed: FillFeed, end: FillEnd): void {
    this.#feeds.delete(feed.id);
    if (end.ok) {
      feed.source.ended = true;
      feed.finish();
      this.#options.turns.wake(feed.followers);
      feed.settle();
      return;
    }
    for (const follower of [...feed.followers]) {
      this.#options.guard(() => {
        follower.failed(end.code);
      });
    }
    feed.finish();
    feed.settle();
  }

  /** Nobody here follows any more: tell the shard, which may stop the fill. */
  #abandon(feed: FillFeed): void {
    this.#feeds.delete(feed.id);
    for (const { id, shard } of feed.asks) {
      this.#options.insist(feed.worker, { kind: 'cancel', id, shard });
    }
  }
}
