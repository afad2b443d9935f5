/** Orders that every worker must carry out and answer with a count, each within its time. Main thread. */
import { GatewayError } from '../errors.js';
import type { ToWorker } from '../runtime/worker-messages.js';

/** Workers purge in slices between requests; a million objects on a busy one take a while. */
const PATIENCE_MS = 60_000;

export interface OrdersOptions {
  /** False: the worker is down. */
  readonly tell: (worker: number, message: ToWorker) => boolean;
  readonly patienceMs?: number;
}

interface Pending {
  readonly worker: number;
  readonly settle: (count: number) => void;
}

export class Orders {
  readonly #options: OrdersOptions;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  constructor(options: OrdersOptions) {
    this.#options = options;
  }

  /**
   * Tells each of them, and adds up what they answer. One that is down has lost all it held: that is 0.
   * @throws GatewayError GW_WORKER_LOST: one does not answer
   */
  async give(workers: readonly number[], message: (id: number) => ToWorker): Promise<number> {
    const counts = await Promise.all(workers.map((worker) => this.#give(worker, message)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  answered(id: number, count: number): void {
    this.#pending.get(id)?.settle(count);
  }

  /** A worker's thread has ended, and what it held with it. */
  onDown(worker: number): void {
    for (const order of [...this.#pending.values()]) if (order.worker === worker) order.settle(0);
  }

  #give(worker: number, message: (id: number) => ToWorker): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      const id = this.#nextId++;
      const { tell, patienceMs = PATIENCE_MS } = this.#options;
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        const detail = `worker ${worker} did not answer in ${patienceMs} ms`;
        reject(new GatewayError('GW_WORKER_LOST', detail));
      }, patienceMs);
      const settle = (count: number): void => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(count);
      };
      this.#pending.set(id, { worker, settle });
      if (!tell(worker, message(id))) settle(0);
    });
  }
}
