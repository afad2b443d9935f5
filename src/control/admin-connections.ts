/**
 * The connections of the admin port. A new one is never refused, since it may be a health check: when
 * there are too many, the oldest of the address that has most makes room. Whoever is served takes
 * milliseconds, so that the old ones are those that only wait.
 */
import type { Socket } from 'node:net';

export class AdminConnections {
  readonly #limit: number;
  readonly #byPeer = new Map<string, Set<Socket>>(); // in order of arrival
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  add(socket: Socket): void {
    const peer = socket.remoteAddress ?? '';
    const sockets = this.#byPeer.get(peer) ?? new Set();
    this.#byPeer.set(peer, sockets.add(socket));
    this.#count += 1;
    socket.once('close', () => {
      this.#remove(peer, socket);
    });
    if (this.#count > this.#limit) this.#evict();
  }

  /** At once: 'close' comes a turn later, and many more connections before it. */
  #evict(): void {
    const [largest] = [...this.#byPeer].sort(([, a], [, b]) => b.size - a.size);
    const [oldest] = largest?.[1] ?? [];
    if (largest === undefined || oldest === undefined) return;
    this.#remove(largest[0], oldest);
    oldest.destroy();
  }

  #remove(peer: string, socket: Socket): void {
    const sockets = this.#byPeer.get(peer);
    if (sockets?.delete(socket) !== true) return;
    this.#count -= 1;
    if (sockets.size === 0) this.#byPeer.delete(peer);
  }
}
