/** Keys that shards are told to forget, until all of them have. Owned by the worker's thread. */
import type { ToShard } from '../../protocol/messages.js';

export interface InvalidationsOptions {
  readonly placeOf: (key: string) => { readonly shard: number; readonly worker: number };
  readonly send: (worker: number, message: ToShard) => boolean;
}

export class Invalidations {
  readonly #options: InvalidationsOptions;
  readonly #waiting = new Map<number, { worker: number; resolve: () => void }>();
  #nextId = 1;

  constructor(options: InvalidationsOptions) {
    this.#options = options;
  }

  /** Resolves when the key's shard has forgotten it, or the version named; one that is down holds nothing. */
  order(key: string, validator: string): Promise<void> {
    return new Promise((resolve) => {
      const id = this.#nextId++;
      const { shard, worker } = this.#options.placeOf(key);
      this.#waiting.set(id, { worker, resolve });
      const sent = this.#options.send(worker, { kind: 'invalidate', id, shard, key, validator });
      if (!sent) this.confirmed(id);
    });
  }

  confirmed(id: number): void {
    this.#waiting.get(id)?.resolve();
    this.#waiting.delete(id);
  }

  onPeerDown(worker: number): void {
    for (const [id, waiting] of this.#waiting) if (waiting.worker === worker) this.confirmed(id);
  }
}
