/**
 * The metrics page: a prom-client registry whose metrics are read from shared memory when scraped.
 * Labels are worker numbers only: no ids, addresses or paths.
 */
import { collectDefaultMetrics, Registry, type Metric } from 'prom-client';
import {
  BUCKETS_S,
  COUNTERS,
  GAUGES,
  HISTOGRAMS,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type HistogramSnapshot,
  type MetricSpec,
} from '../telemetry/metrics.js';
import {
  type CounterSnapshot,
  type GatewayControl,
  unreadiness,
  type WorkerState,
} from './gateway-control.js';

interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Node's process metrics, the gateway's own of each worker, and the state of the workers. */
export function createRegistry(control: GatewayControl): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const add = (type: string, spec: MetricSpec, samples: () => Sample[]): void => {
    registry.registerMetric(readMetric(type, spec, samples));
  };
  const counters = onceATick(() => control.counters());
  for (const [name, spec] of entries<CounterName>(COUNTERS)) {
    add('counter', spec, () => byWorker(counters(), (row) => row.counters[name]));
  }
  for (const [name, spec] of entries<GaugeName>(GAUGES)) {
    add('gauge', spec, () => byWorker(counters(), (row) => row.gauges[name]));
  }
  for (const [name, spec] of entries<HistogramName>(HISTOGRAMS)) {
    add('histogram', spec, () =>
      counters().flatMap((row, worker) => buckets(spec.name, worker, row.histograms[name])),
    );
  }
  for (const { type, spec, value } of WORKER_METRICS) {
    add(type, spec, () =>
      control
        .state()
        .workers.map((worker) => ({ labels: { worker: worker.index }, value: value(worker) })),
    );
  }
  add('gauge', { name: 'headgate_ready', help: '1 while new viewers are welcome.' }, () => [
    { labels: {}, value: unreadiness(control.state()) === undefined ? 1 : 0 },
  ]);
  return registry;
}

interface WorkerMetric {
  readonly type: string;
  readonly spec: MetricSpec;
  readonly value: (worker: WorkerState) => number;
}

const WORKER_METRICS: readonly WorkerMetric[] = [
  {
    type: 'gauge',
    spec: { name: 'headgate_worker_up', help: '1 while the worker serves.' },
    value: ({ state }) => (state === 'up' ? 1 : 0),
  },
  {
    type: 'counter',
    spec: { name: 'headgate_worker_restarts_total', help: 'Restarts of the worker.' },
    value: ({ restarts }) => restarts,
  },
  {
    type: 'gauge',
    spec: {
      name: 'headgate_worker_silent_seconds',
      help: 'Time since the last heartbeat of the worker was seen; it counts as hung from 1.3 on.',
    },
    value: ({ silentMs }) => silentMs / 1_000,
  },
  {
    type: 'gauge',
    spec: {
      name: 'headgate_worker_event_loop_utilization',
      help: 'Share of time that the event loop of the worker was busy, 0 to 1.',
    },
    value: ({ elu }) => elu,
  },
];

/** prom-client keeps values of its own; these are elsewhere, so only its reading side is used. */
function readMetric(type: string, { name, help }: MetricSpec, samples: () => Sample[]): Metric {
  const get = (): Promise<unknown> =>
    Promise.resolve({ name, help, type, aggregator: 'sum', values: samples() });
  return { name, help, type, get, reset: () => undefined } as unknown as Metric;
}

function byWorker(rows: CounterSnapshot, pick: (row: CounterSnapshot[number]) => number): Sample[] {
  return rows.map((row, worker) => ({ labels: { worker }, value: pick(row) }));
}

/** Cumulative buckets, then sum and count. The count is the +Inf bucket, so that they always agree. */
function buckets(name: string, worker: number, snapshot: HistogramSnapshot): Sample[] {
  const samples: Sample[] = [];
  let total = 0;
  for (const [index, inBucket] of snapshot.buckets.entries()) {
    total += inBucket;
    const le = BUCKETS_S[index] ?? '+Inf';
    samples.push({ metricName: `${name}_bucket`, labels: { worker, le }, value: total });
  }
  samples.push({ metricName: `${name}_sum`, labels: { worker }, value: snapshot.sum });
  samples.push({ metricName: `${name}_count`, labels: { worker }, value: total });
  return samples;
}

/** One scrape reads each metric in the same tick: all of them see one snapshot. */
function onceATick<T>(read: () => T): () => T {
  let held: { readonly value: T } | undefined;
  return () => {
    if (held === undefined) {
      held = { value: read() };
      queueMicrotask(() => (held = undefined));
    }
    return held.value;
  };
}

function entries<N extends string>(specs: Readonly<Record<N, MetricSpec>>): [N, MetricSpec][] {
  return Object.entries(specs) as [N, MetricSpec][];
}
