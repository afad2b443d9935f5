/** What the running gateway lets the admin port see and do. The composition root implements it. */
import type { OriginStatus } from '../runtime/worker-messages.js';
import type { MetricsSnapshot } from '../telemetry/metrics.js';

export interface WorkerState {
  readonly index: number;
  readonly state: 'starting' | 'up' | 'hung' | 'restarting';
  readonly restarts: number;
  readonly connections: number;
  readonly elu: number; // event loop utilisation, 0..1
  readonly origins: readonly OriginStatus[]; // as it told a second ago; none for a directory alone
  readonly silentMs: number; // since its last heartbeat was seen
}

export interface GatewayState {
  readonly phase: 'starting' | 'ready' | 'draining' | 'stopped';
  readonly workers: readonly WorkerState[];
  readonly uptimeMs: number;
  readonly url: string;
}

/** Why new viewers should go elsewhere; undefined while they are welcome. */
export function unreadiness({ phase, workers }: GatewayState): string | undefined {
  if (phase !== 'ready') return phase;
  const hung = workers.filter(({ state }) => state === 'hung').map(({ index }) => index);
  // The kernel goes on giving it its share of new connections.
  if (hung.length > 0) return `hung: worker ${hung.join(', ')}`;
  const serving = workers.length === 0 || workers.some(({ state }) => state === 'up');
  return serving ? undefined : 'no worker is up';
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
