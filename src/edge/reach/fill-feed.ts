/**
 * This worker's end of a fill in a shard: one lease and one set of followers, however many clients
 * wait. Phases: open (bytes come) → ended (followers drain) → closed (lease given back).
 */
import type { ArenaView } from '../../arena/arena.js';
import type { Descriptor } from '../../protocol/descriptor.js';
import type { ErrorCode } from '../../errors.js';
import { ArenaBody } from './body-source.js';
import type { Writer } from './turns.js';

export interface Follower extends Writer {
  /** Bytes of the body that it needs no more. */
  readonly sent: number;
  /** It holds up the others: end it. */
  cut(): void;
  /** The fill will not end whole. */
  failed(code: ErrorCode): void;
}

export interface FollowerPlace {
  readonly slowest: number;
  readonly fastest: number;
}

export class FillFeed {
  readonly id: number;
  readonly worker: number; // whose shard fills
  readonly descriptor: Descriptor;
  readonly source: ArenaBody;
  readonly followers = new Set<Follower>();
  /** The asks that led here, to be cancelled together. */
  readonly asks = new Set<{ readonly id: number; readonly shard: number }>();
  whenAbandoned: ((feed: FillFeed) => void) | undefined;
  readonly #arena: ArenaView;
  #admitting = false;
  #told: FollowerPlace | undefined;
  #state: 'open' | 'ended' | 'closed' = 'open';

  /** The slot is leased already; the feed gives the lease back. */
  constructor(id: number, worker: number, descriptor: Descriptor, arena: ArenaView) {
    this.id = id;
    this.worker = worker;
    this.descriptor = descriptor;
    this.#arena = arena;
    const { slot, extents } = descriptor;
    const written = arena.written(slot);
    this.source = new ArenaBody({ arena, slot, extents, written, ended: false });
  }

  /** Runs what lets followers in: the first may have all it wants before the second is there. */
  admit(run: () => void): void {
    this.#admitting = true;
    try {
      run();
    } finally {
      this.#admitting = false;
      this.settle();
    }
  }

  follow(follower: Follower): void {
    this.followers.add(follower);
  }

  leave(follower: Follower): void {
    if (this.followers.delete(follower)) this.settle();
  }

  /** How far its followers are; undefined: as far as was said before. Walks all of them. */
  movedPlace(): FollowerPlace | undefined {
    let slowest = this.source.written;
    let fastest = 0;
    for (const { sent } of this.followers) {
      slowest = Math.min(slowest, sent);
      fastest = Math.max(fastest, sent);
    }
    if (this.#told?.slowest === slowest && this.#told.fastest === fastest) return undefined;
    this.#told = { slowest, fastest };
    return this.#told;
  }

  /** Ends who is not that far in the body. */
  cutBelow(bytes: number): void {
    for (const follower of [...this.followers]) if (follower.sent < bytes) follower.cut();
  }

  /** No more bytes will come. */
  finish(): void {
    if (this.#state === 'open') this.#state = 'ended';
  }

  /** Gives the lease back when nobody follows. */
  settle(): void {
    if (this.followers.size > 0 || this.#admitting || this.#state === 'closed') return;
    if (this.#state === 'open') {
      if (this.#hasAll) return; // its end is on the way: there is nothing to cancel
      this.whenAbandoned?.(this);
    }
    this.close();
  }

  get #hasAll(): boolean {
    const { storedBytes } = this.descriptor;
    return storedBytes >= 0 && this.source.written >= storedBytes;
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#arena.release(this.descriptor.slot);
  }
}
