/**
 * What this worker has asked of shards and waits for. Equal asks go out once per worker; a shard
 * then folds those of all workers into one fill. Bounded by the connections of the worker, since
 * each has at most one request under way.
 */
import type { AskRequest, ToEdge, ToShard } from '../../protocol/messages.js';
import { hash32, shardOf, workerOf } from '../../runtime/hash.js';
import { type AskHandler, sendOn, servedTo } from './ask-handler.js';
import { FillFeeds } from './fill-feeds.js';
import { Invalidations } from './invalidations.js';
import { type Ask, joinKeyOf, OpenAsks } from './open-asks.js';
import type { ArenaView } from '../../arena/arena.js';
import type { Turns } from './turns.js';

export interface AsksOptions {
  readonly shards: number;
  readonly workers: number;
  readonly turns: Turns;
  readonly now: () => number;
  readonly send: (worker: number, message: ToShard) => boolean;
  /** As `send`, also to a worker with much before it: for what has been promised to a client. */
  readonly insist: (worker: number, message: ToShard) => boolean;
  /** What was sent goes out now rather than at the turn's end. */
  readonly flush: () => void;
  /** False: its thread has ended and its successor is not there yet. */
  readonly isUp: (worker: number) => boolean;
  readonly arena: ArenaView;
  /** A member threw: the others must be answered all the same. */
  readonly guard: (run: () => void) => void;
}

type Open = Ask<AskHandler>;

/** How long a shard may be gone (its worker restarts) before its askers are refused. */
const LOST_PATIENCE_MS = 10_000;

export class Asks {
  readonly #options: AsksOptions;
  readonly #open = new OpenAsks<AskHandler>();
  readonly #feeds: FillFeeds;
  readonly #invalidations: Invalidations;

  constructor(options: AsksOptions) {
    this.#options = options;
    this.#feeds = new FillFeeds(options);
    this.#invalidations = new Invalidations({
      placeOf: (key) => this.#placeOf(key),
      send: options.insist,
    });
  }

  get pending(): number {
    return this.#open.size;
  }

  /** Asks, or joins an equal ask that is still unanswered. `joins` false: this request is special. */
  ask(request: AskRequest, handler: AskHandler, joins: boolean): void {
    const joinKey = joins ? joinKeyOf(request) : '';
    if (this.#open.join(joinKey, handler)) return;
    const { shard } = this.#placeOf(request.key);
    const sinceMs = this.#options.now();
    this.#post(this.#open.begin({ shard, request, sinceMs, leader: handler, joinKey }));
  }

  /** Asks for a refresh that nobody waits for. Lost without harm when the shard cannot take it. */
  refresh(request: AskRequest): void {
    const { shard, worker } = this.#placeOf(request.key);
    const message: ToShard = {
      kind: 'ask',
      id: 0,
      shard,
      request: { ...request, background: true },
    };
    this.#options.send(worker, message);
  }

  /** Asks for what a player will want next. Lost without harm when the shard cannot take it. */
  prefetch(request: AskRequest): void {
    const { shard, worker } = this.#placeOf(request.key);
    this.#options.send(worker, { kind: 'prefetch', shard, request });
  }

  /** The client behind `handler` has left. */
  cancel(handler: AskHandler): void {
    const ask = this.#open.leave(handler);
    if (ask?.members.size === 0) this.#drop(ask, true);
  }

  /** The client has taken this many relayed bytes: as many more may come. */
  credit(handler: AskHandler, bytes: number): void {
    const ask = this.#open.of(handler);
    if (ask === undefined) return;
    const { id, shard } = ask;
    this.#options.insist(this.#workerOf(shard), { kind: 'credit', id, shard, bytes });
  }

  /** Resolves when every shard concerned has forgotten the keys. */
  async invalidate(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.#invalidations.order(key, '')));
  }

  /** Resolves when nobody gets that version of a large object any more: the origin has another one. */
  outdate(key: string, validator: string): Promise<void> {
    this.joinNoMore();
    return this.#invalidations.order(key, validator);
  }

  receive(message: ToEdge, from: number): void {
    if (message.kind === 'progress') {
      this.#feeds.progress(message);
      return;
    }
    if (message.kind === 'invalidated') {
      this.#invalidations.confirmed(message.id);
      return;
    }
    const ask = this.#open.find(message.id);
    if (message.kind === 'object') this.#object(ask, message, from);
    else if (message.kind === 'filling') this.#join(ask, message, from);
    else if (ask !== undefined) this.#answer(ask, message);
  }

  /** About once a second. */
  tick(): void {
    const beforeMs = this.#options.now() - LOST_PATIENCE_MS;
    for (const ask of this.#open.all()) {
      if (ask.sinceMs > beforeMs || this.#options.isUp(this.#workerOf(ask.shard))) continue;
      this.#each(this.#drop(ask, false), (member) => {
        member.refused('GW_WORKER_LOST', 'its worker is restarting', 1);
      });
    }
  }

  /** A worker's thread has ended: its fills will say no more, and it has forgotten all it held. */
  onPeerDown(worker: number): void {
    this.#invalidations.onPeerDown(worker);
    this.#feeds.onPeerDown(worker);
    for (const ask of this.#open.all()) {
      if (this.#workerOf(ask.shard) === worker && ask.isRelaying) {
        this.#each(this.#drop(ask, false), (member) => {
          member.relayEnded('GW_WORKER_LOST');
        });
      }
    }
  }

  /** A worker is back: what it was asked before is asked again. */
  onPeerUp(worker: number): void {
    for (const ask of this.#open.all()) {
      if (this.#workerOf(ask.shard) === worker) this.#post(ask);
    }
  }

  /** Something was purged: who asks from now on may not get what was on its way before. */
  joinNoMore(): void {
    this.#open.joinNoMore();
  }

  close(): void {
    this.#feeds.close();
    this.#open.clear();
  }

  #placeOf(key: string): { shard: number; worker: number } {
    const shard = shardOf(hash32(key), this.#options.shards);
    return { shard, worker: this.#workerOf(shard) };
  }

  #workerOf(shard: number): number {
    return workerOf(shard, this.#options.workers);
  }

  /** When the shard's worker is down the ask waits here for its return. */
  #post(ask: Open): void {
    const { id, shard, request } = ask;
    const worker = this.#workerOf(shard);
    if (!this.#options.isUp(worker)) return;
    if (this.#options.send(worker, { kind: 'ask', id, shard, request })) {
      // A seek's: in a turn there may be megabytes to be written to others.
      if (request.slice !== undefined) this.#options.flush();
      return;
    }
    this.#each(this.#drop(ask, false), (member) => {
      member.refused('GW_MAILBOX_FULL', 'too many messages to one worker', 1);
    });
  }

  #answer(ask: Open, message: Answer): void {
    if (isRelayed(message)) {
      this.#relayed(ask, message);
      return;
    }
    switch (message.kind) {
      case 'bypass':
        this.#each(this.#drop(ask, false), (member) => {
          member.bypass();
        });
        return;
      case 'refused':
        this.#refuse(ask, message);
        return;
      default:
        message satisfies never;
    }
  }

  #refuse(ask: Open, message: Extract<Answer, { kind: 'refused' }>): void {
    const { code, detail, retryAfterS, others } = message;
    this.#each(this.#drop(ask, false), (member) => {
      if (member === ask.leader || others === 'refused') member.refused(code, detail, retryAfterS);
      else sendOn(member, others);
    });
  }

  #relayed(ask: Open, message: RelayedAnswer): void {
    const leader = ask.members.has(ask.leader) ? ask.leader : undefined;
    switch (message.kind) {
      case 'informational':
        leader?.interim(message.head);
        return;
      case 'head':
        this.#relay(ask, message);
        return;
      case 'chunk':
        leader?.chunk(message.bytes);
        return;
      case 'end':
        this.#drop(ask, false);
        leader?.relayEnded(message.code);
        return;
      default:
        message satisfies never;
    }
  }

  /** The leader gets the body, and nobody does when he has left: it was made for him. */
  #relay(ask: Open, { head, served, others }: Extract<Answer, { kind: 'head' }>): void {
    const { leader } = ask;
    const rest = this.#open.relay(ask);
    if (ask.members.has(leader)) leader.head(head, served);
    else this.#drop(ask, true);
    this.#each(rest, (member) => {
      sendOn(member, others);
    });
  }

  #each(members: readonly AskHandler[], run: (member: AskHandler, position: number) => void): void {
    for (const [position, member] of members.entries()) {
      this.#options.guard(() => {
        run(member, position);
      });
    }
  }

  /** The lease that came with it guards the body until every member has its own. */
  #object(ask: Open | undefined, message: Extract<ToEdge, { kind: 'object' }>, from: number): void {
    const { descriptor, served } = message;
    if (ask !== undefined) {
      this.#each(this.#drop(ask, false), (member, i) => {
        member.object(descriptor, servedTo(i, served));
      });
    }
    this.#options.arena.giveBack(from, descriptor.slot);
  }

  #join(ask: Open | undefined, message: Filling, from: number): void {
    const { arena, turns } = this.#options;
    if (ask === undefined) {
      arena.giveBack(from, message.descriptor.slot);
      return;
    }
    const members = this.#drop(ask, false);
    const feed = this.#feeds.join(message, from, ask);
    const writers = feed.followers.size + members.length;
    const quantum = turns.firstQuantum(writers);
    turns.greet(writers, () => {
      feed.admit(() => {
        this.#each(members, (member, i) => {
          member.filling(feed, servedTo(i, message.served), quantum);
        });
      });
    });
  }

  #drop(ask: Open, tell: boolean): AskHandler[] {
    if (tell) {
      const { id, shard } = ask;
      // One that is lost would hold up a ring, or a fill, for good.
      this.#options.insist(this.#workerOf(shard), { kind: 'cancel', id, shard });
    }
    return this.#open.end(ask);
  }
}

type Answer = Exclude<ToEdge, { kind: 'progress' | 'invalidated' | 'object' | 'filling' }>;
type Filling = Extract<ToEdge, { kind: 'filling' }>;
type RelayedAnswer = Extract<ToEdge, { kind: 'informational' | 'head' | 'chunk' | 'end' }>;

function isRelayed(message: Answer): message is RelayedAnswer {
  return ['informational', 'head', 'chunk', 'end'].includes(message.kind);
}
