/**
 * A bounded number of permits with a bounded queue in front of them: first come, first served.
 * Guards what an origin can hold open at once (connections, files). One thread, no locks.
 */
import { GatewayError } from '../../errors.js';

export interface GateLimits {
  readonly permits: number; // held at once
  readonly queue: number; // waiting at once; 0 = nobody waits
  readonly waitMs: number; // longest wait for a permit
}

interface Waiter {
  grant(): void;
}

export class Gate {
  readonly #limits: GateLimits;
  readonly #waiters = new Set<Waiter>(); // insertion order is the queue
  #held = 0;

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** Permits out at this moment. */
  get held(): number {
    return this.#held;
  }

  /**
   * Resolves with a permit, to be given back by one `release()`.
   * @throws GatewayError GW_ORIGIN_BUSY when the queue is full or the wait too long,
   * GW_CLIENT_ABORTED when `signal` aborts first.
   */
  async acquire(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new GatewayError('GW_CLIENT_ABORTED', 'aborted before the request');
    if (this.#held < this.#limits.permits) {
      this.#held += 1;
      return;
    }
    if (this.#waiters.size >= this.#limits.queue) {
      throw new GatewayError('GW_ORIGIN_BUSY', `${this.#limits.queue} requests wait already`);
    }
    await this.#wait(signal);
  }

  /** Gives one permit back; it passes straight to the longest waiter when there is one. */
  release(): void {
    for (const next of this.#waiters) {
      next.grant();
      return;
    }
    this.#held -= 1;
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        grant: () => {
          leave();
          resolve();
        },
      };
      const onAbort = (): void => {
        leave();
        reject(new GatewayError('GW_CLIENT_ABORTED', 'aborted while waiting for the origin'));
      };
      const timer = setTimeout(() => {
        leave();
        reject(new GatewayError('GW_ORIGIN_BUSY', `no permit within ${this.#limits.waitMs} ms`));
      }, this.#limits.waitMs);
      signal.addEventListener('abort', onAbort);
      this.#waiters.add(waiter);
    });
  }
}
