/** The asks of one worker, with clients that note what they hear and a recording `send`. */
import { ArenaView } from '../../src/arena/arena.js';
import type { Descriptor } from '../../src/protocol/descriptor.js';
import type { Served, ToEdge, ToShard } from '../../src/protocol/messages.js';
import type { AskHandler } from '../../src/edge/reach/ask-handler.js';
import { Asks } from '../../src/edge/reach/asks.js';
import type { FillFeed, Follower } from '../../src/edge/reach/fill-feed.js';
import { Turns } from '../../src/edge/reach/turns.js';
import { hash32, shardOf, workerOf } from '../../src/runtime/hash.js';
import { describedAs } from './descriptor.js';
import { askFor } from './shard.js';
import { smallPool } from './arena.js';

export const MISS: Served = { hit: false, fwd: 'uri-miss' };
export const HEAD = { status: 200, fields: [] };

/** One client's side; follows fills when told to. */
export class Client implements AskHandler {
  readonly heard: string[] = [];
  readonly served: Served[] = [];
  feed: FillFeed | undefined;
  pumped = 0;
  over = false;
  readonly #follows: boolean;
  readonly follower: Follower = {
    over: false,
    begun: true,
    pump: () => {
      this.pumped += 1;
    },
    sent: 0,
    cut: () => {
      this.heard.push('cut');
    },
    failed: (code) => {
      this.heard.push(`failed ${code}`);
      this.leave();
    },
  };

  constructor(follows = true) {
    this.#follows = follows;
  }

  object(descriptor: Descriptor, served: Served): void {
    this.heard.push(`object ${descriptor.slot}`);
    this.served.push(served);
  }
  filling(feed: FillFeed, served: Served): void {
    this.heard.push('filling');
    this.served.push(served);
    this.feed = feed;
    if (this.#follows) feed.follow(this.follower);
  }
  leave(): void {
    this.feed?.leave(this.follower);
  }
  head(): void {
    this.heard.push('head');
  }
  bypass(): void {
    this.heard.push('bypass');
  }
  elect(otherwise: string): void {
    this.heard.push(`elect or ${otherwise}`);
  }
  refused(code: string): void {
    this.heard.push(`refused ${code}`);
  }
  interim(): void {
    this.heard.push('interim');
  }
  chunk(bytes: Uint8Array): void {
    this.heard.push(`chunk ${Buffer.from(bytes).toString()}`);
  }
  relayEnded(code: string | undefined): void {
    this.heard.push(`end ${code ?? 'ok'}`);
  }
}

export class AsksBench {
  readonly #pool = smallPool(65_536, 2);
  readonly arena = new ArenaView(this.#pool, 1);
  readonly owner = new ArenaView(this.#pool, 0);
  readonly sent: { worker: number; message: ToShard }[] = [];
  readonly deaf = new Set<number>();
  readonly down = new Set<number>();
  readonly faults: unknown[] = [];
  nowMs = 0;
  flushed = 0; // messages that had been sent when they were flushed last
  readonly asks = new Asks({
    shards: 4,
    workers: 2,
    turns: new Turns(),
    now: () => this.nowMs,
    send: (worker, message) => {
      if (this.deaf.has(worker)) return false;
      this.sent.push({ worker, message });
      return true;
    },
    insist: (worker, message) => {
      this.sent.push({ worker, message });
      return !this.down.has(worker);
    },
    flush: () => {
      this.flushed = this.sent.length;
    },
    isUp: (worker) => !this.down.has(worker),
    arena: this.arena,
    guard: (run) => {
      try {
        run();
      } catch (reason) {
        this.faults.push(reason);
      }
    },
  });

  peerDown(worker: number): void {
    this.down.add(worker);
    this.asks.onPeerDown(worker);
  }

  ask(key: string, client = new Client(), joins = true): Client {
    this.asks.ask(askFor(key), client, joins);
    return client;
  }

  /** With the lease that a shard takes for it. */
  hear(message: ToEdge, from = 0): void {
    if ('descriptor' in message) this.owner.leaseTo(1, message.descriptor.slot);
    this.asks.receive(message, from);
  }

  kinds(): string[] {
    return this.sent.map(({ message }) => message.kind);
  }

  /** The id of the newest ask sent. */
  get id(): number {
    return idOf(this.sent.findLast(({ message }) => message.kind === 'ask')?.message);
  }

  /** A fill in slot 3; the message that joins an ask to it. */
  filling(id: number, fill = 77): ToEdge {
    const descriptor = describedAs({ slot: 3, generation: this.owner.generation(3) });
    return { kind: 'filling', id, fill, descriptor, served: MISS };
  }

  get leases(): number {
    return this.owner.leases(3);
  }
}

export function idOf(message: ToShard | undefined): number {
  return message !== undefined && 'id' in message ? message.id : NaN;
}

export function newsOf(fill: number, written: number, end?: ToEdge & { kind: 'progress' }): ToEdge {
  return end ?? { kind: 'progress', fill, written, extents: undefined, end: undefined };
}

/** Of two workers. */
export function keyOnWorker(worker: number, shards = 4): string {
  for (let i = 0; ; i += 1) {
    const key = `/s${i}/1.m4s`;
    if (workerOf(shardOf(hash32(key), shards), 2) === worker) return key;
  }
}
