/**
 * A worker's channels to every worker of the node, itself included. What is sent in one turn of the
 * loop goes out as one array per peer: a post costs thirty times what a message in an array does.
 * Owned by one thread.
 */
import type { MessagePort } from 'node:worker_threads';

export interface MeshOptions<M> {
  readonly self: number;
  /** Messages that may wait for one turn's end per peer; past it `send` refuses. */
  readonly outboxLimit: number;
  readonly deliver: (message: M, from: number) => void;
  /** `deliver` threw. The mesh goes on with the next message. */
  readonly onError: (reason: unknown) => void;
}

interface Peer<M> {
  port: MessagePort | undefined; // undefined: this worker itself, or a peer that is down
  readonly outbox: M[];
}

export class Mesh<M> {
  readonly #options: MeshOptions<M>;
  readonly #peers = new Map<number, Peer<M>>();
  #flushScheduled = false;
  #state: 'open' | 'closed' = 'open';

  constructor(options: MeshOptions<M>) {
    this.#options = options;
    this.#peers.set(options.self, { port: undefined, outbox: [] });
  }

  /** Joins (or re-joins) a peer by its port; takes the port over. */
  connect(index: number, port: MessagePort): void {
    this.disconnect(index);
    const peer: Peer<M> = { port, outbox: [] };
    this.#peers.set(index, peer);
    port.on('message', (batch: M[]) => {
      this.#deliverAll(batch, index);
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

  /** False: the peer is down or its outbox is full. Never delivers on the caller's stack. */
  send(to: number, message: M): boolean {
    const full = (this.#peers.get(to)?.outbox.length ?? 0) >= this.#options.outboxLimit;
    return !full && this.reply(to, message);
  }

  /**
   * For answers, which must not be lost: they are as many as what was asked, and that was bounded.
   * False: the peer is down.
   */
  reply(to: number, message: M): boolean {
    const peer = this.#peers.get(to);
    if (peer === undefined || this.#state === 'closed') return false;
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

  /** Sends peers now what would wait for the turn's end: for what many clients wait for. */
  urge(): void {
    for (const { port, outbox } of this.#peers.values()) {
      if (outbox.length > 0 && port !== undefined) port.postMessage(outbox.splice(0));
    }
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    // Peers can work while this thread does what it told itself.
    this.urge();
    const own = this.#peers.get(this.#options.self);
    if (own !== undefined) this.#deliverAll(own.outbox.splice(0), this.#options.self);
  };

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
