/** A GatewayControl that remembers its purge orders and says what a test tells it to. */
import type {
  GatewayControl,
  GatewayState,
  PurgeOrder,
} from '../../src/control/gateway-control.js';
import { createMetrics, readMetrics, WorkerMetrics } from '../../src/telemetry/metrics.js';

export class FakeControl implements GatewayControl {
  readonly orders: PurgeOrder[] = [];
  readonly workers: readonly WorkerMetrics[];
  readonly #buffer: SharedArrayBuffer;
  phase: GatewayState['phase'] = 'ready';
  workerState: 'starting' | 'up' | 'hung' | 'restarting' = 'up';
  purgeResult: () => Promise<{ purged: number }> = () => Promise.resolve({ purged: 7 });

  constructor(workers = 2) {
    this.#buffer = createMetrics(workers);
    this.workers = Array.from({ length: workers }, (_, i) => new WorkerMetrics(this.#buffer, i));
  }

  state(): GatewayState {
    const workers = this.workers.map((_, index) => {
      return {
        index,
        state: this.workerState,
        restarts: index,
        connections: 3,
        elu: 0.5,
        origins: [],
        silentMs: 100,
      };
    });
    return { phase: this.phase, workers, uptimeMs: 1_000, url: 'http://localhost:8080/' };
  }

  purge(order: PurgeOrder): Promise<{ purged: number }> {
    this.orders.push(order);
    return this.purgeResult();
  }

  counters(): ReturnType<typeof readMetrics> {
    return readMetrics(this.#buffer);
  }
}
