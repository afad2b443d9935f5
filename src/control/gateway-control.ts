/** What the running gateway lets the admin port see and do. The composition root implements it. */
import type { OriginStatus } from '../runtime/worker-messages.js';
import type { MetricsSnapshot } from '../telemetry/metrics.js';

export interface WorkerState {
  readonly index: number;
  readonly state: 'starting' | 'up' | 'restarting';
  readonly restarts: number;
  readonly connections: number;
  readonly elu: number; // event loop utilisation, 0..1
  readonly origins: readonly OriginStatus[]; // as it told a second ago; none for a directory alone
}

export interface GatewayState {
  readonly phase: 'starting' | 'ready' | 'draining' | 'stopped';
  readonly workers: readonly WorkerState[];
  readonly uptimeMs: number;
  readonly url: string;
}

export interface PurgeOrder {
  readonly scope: 'exact' | 'prefix' | 'all';
  readonly path: string; // begins with '/'; '' when the scope is 'all'
  readonly host?: string; // of viewers' requests; absent: every host
  readonly soft: boolean; // true: marked stale; false: gone
}

/** One row for each worker, in the order of their numbers. */
export type CounterSnapshot = readonly MetricsSnapshot[];

export interface GatewayControl {
  state(): GatewayState;
  purge(order: PurgeOrder): Promise<{ readonly purged: number }>;
  counters(): CounterSnapshot;
}
