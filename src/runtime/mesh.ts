/**
 * A worker's channels to every worker of the node, itself included. What is sent in one turn of the
 * loop goes out as one array per peer: a post costs thirty times what a message in an array does. A
 * peer says how many it has taken, so that one which hangs cannot make a queue grow without end.
 * Owned by one thread.
 */
import type { MessagePort } from 'node:worker_threads';

export interface MeshOptions<M> {
  readonly self: number;
  /** Messages that a peer may have before it; past it `send` refuses, past four times that all do. */
  readonly outboxLimit: number;
  readonly deliver: (message: M, from: number) => void;
  /** `deliver` threw. The mesh goes on with the next message. */
  readonly onError: (reason: unknown) => void;
}

interface Peer<M> {
  port: MessagePort | undefined; // undefined: this worker itself
  readonly outbox: M[];
  posted: number; // messages, since it was joined
  taken: number; // of those, by its own word
  received: number; // messages of its
  told: number; // of those, by our word
}

interface Post<M> {
  readonly taken: number; // messages of the receiver's that the sender has delivered
  readonly batch: readonly M[];
}

/** A peer that sends nothing itself says after so many messages that it has taken them. */
const TELL_EVERY = 512;
/** Replies may be so many times what may be asked. */
const REPLY_FACTOR = 4;
/** What later messages make good is left out when a peer has so many before it. */
const HINT_LIMIT = 16_384;

export class Mesh<M> {
  readonly #options: MeshOptions<M>;
  readonly #peers = new Map<number, Peer<M>>();
  readonly #tellEvery: number;
  #flushScheduled = false;
  #ownScheduled = false;
  #state: 'open' | 'closed' = 'open';

  constructor(options: MeshOptions<M>) {
    this.#options = options;
    this.#tellEvery = Math.max(1, Math.min(TELL_EVERY, options.outboxLimit >> 1));
    this.#peers.set(options.self, newPeer(undefined));
  }

  /** Joins (or re-joins) a peer by its port; takes the port over. */
  connect(index: number, port: MessagePort): void {
    this.disconnect(index);
    const peer = newPeer<M>(port);
    this.#peers.set(index, peer);
    port.on('message', ({ taken, batch }: Post<M>) => {
      peer.taken = taken;
      this.#deliverAll(batch, index);
      peer.received += batch.length;
      if (peer.received - peer.told >= this.#tellEvery) postTo(peer);
    });
    port.unref();
  }

  /** Forgets a peer that has ended, with what was still to be sent to it. */
  disconnect(index: number): void {
    if (index === this.#options.self) return;
    this.#peers.get(index)?.port?.close();
    this.#peers.delete(index);
  }

  isUp(index: number): boolean {
    return this.#peers.has(index);
  }

  /** False: the peer is down or has too much before it. Never delivers on the caller's stack. */
  send(to: number, message: M): boolean {
    return this.#push(to, message, this.#options.outboxLimit);
  }

  /**
   * For answers and for what clients were promised, which must not be lost: they are as many as what was asked,
   * and that was bounded.
   * False: the peer is down, or has hung for long.
   */
  reply(to: number, message: M): boolean {
    return this.#push(to, message, this.#options.outboxLimit * REPLY_FACTOR);
  }

  /** For what a later message says better: left out when the peer is busy. */
  hint(to: number, message: M): void {
    this.#push(to, message, HINT_LIMIT);
  }

  /** Messages that a peer has not taken yet. */
  before(index: number): number {
    const peer = this.#peers.get(index);
    return peer === undefined ? 0 : peer.posted - peer.taken + peer.outbox.length;
  }

  #push(to: number, message: M, limit: number): boolean {
    const peer = this.#peers.get(to);
    if (peer === undefined || this.#state === 'closed' || this.before(to) >= limit) return false;
    peer.outbox.push(message);
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(this.#flush);
    }
    return true;
  }

  close(): void {
    this.#state = 'closed';
    for (const peer of this.#peers.values()) {
      peer.port?.close();
    }
    this.#peers.clear();
  }

  /**
   * What would wait for the turn's end goes to peers now, and to this worker itself behind what runs: for what
   * many wait for, or one who is to see a picture soon. Costs more than the turn's end, a post for each call.
   */
  flush(): void {
    this.#postAll();
    if (this.#ownScheduled) return;
    this.#ownScheduled = true;
    process.nextTick(() => {
      this.#ownScheduled = false;
      this.#deliverOwn();
    });
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    // Peers can work while this thread does what it told itself.
    this.#postAll();
    this.#deliverOwn();
  };

  #postAll(): void {
    for (const peer of this.#peers.values()) if (peer.outbox.length > 0) postTo(peer);
  }

  #deliverOwn(): void {
    const own = this.#peers.get(this.#options.self);
    if (own !== undefined) this.#deliverAll(own.outbox.splice(0), this.#options.self);
  }

  #deliverAll(batch: readonly M[], from: number): void {
    for (const message of batch) {
      if (this.#state === 'closed') return;
      try {
        this.#options.deliver(message, from);
      } catch (reason) {
        this.#options.onError(reason);
      }
    }
  }
}

function newPeer<M>(port: MessagePort | undefined): Peer<M> {
  return { port, outbox: [], posted: 0, taken: 0, received: 0, told: 0 };
}

/** What waits for it, if anything, and how much of its own was taken. */
function postTo<M>(peer: Peer<M>): void {
  if (peer.port === undefined) return;
  const batch = peer.outbox.splice(0);
  peer.posted += batch.length;
  peer.told = peer.received;
  const post: Post<M> = { taken: peer.received, batch };
  peer.port.postMessage(post);
}
