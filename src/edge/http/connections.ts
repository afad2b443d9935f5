/** Open connections of this worker: counted and bounded. */
import type { HttpResponse } from '../../../native/uws.js';
import type { WorkerMetrics } from '../../telemetry/metrics.js';

export interface ConnectionLimits {
  readonly connections: number;
}

export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #metrics: WorkerMetrics;
  #open = 0;

  constructor(limits: ConnectionLimits, metrics: WorkerMetrics) {
    this.#limits = limits;
    this.#metrics = metrics;
  }

  get open(): number {
    return this.#open;
  }

  /** uWS tells of each connection that opens (positive) or has ended (negative). */
  change(connection: HttpResponse, count: number): void {
    if (count < 0) {
      this.#open -= 1;
      return;
    }
    this.#open += 1;
    this.#metrics.add('connectionsOpened');
    if (this.#open > this.#limits.connections) {
      this.#metrics.add('refused');
      connection.close();
    }
  }
}
