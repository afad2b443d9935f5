/**
 * Counters, gauges and latency histograms in shared memory: each worker writes its own row, the main
 * thread reads all. A cell has one writer, so plain adds are enough; a reader may see a value that is
 * a moment old, never a torn one (aligned 8-byte cells).
 */

export interface MetricSpec {
  readonly name: string;
  readonly help: string;
}

/** Cumulative, from the worker's start; a restarted worker goes on in the same row. */
export const COUNTERS = {
  requests: { name: 'headgate_requests_total', help: 'Requests answered, refusals included.' },
  hits: { name: 'headgate_hits_total', help: 'Responses from the cache without waiting.' },
  nearHits: {
    name: 'headgate_near_hits_total',
    help: 'Hits that the worker served without asking the owner of the object.',
  },
  misses: { name: 'headgate_misses_total', help: 'Requests that waited for an origin.' },
  collapsed: {
    name: 'headgate_collapsed_total',
    help: 'Requests that joined an origin request already under way.',
  },
  staleServed: { name: 'headgate_stale_total', help: 'Stale responses served on purpose.' },
  passed: { name: 'headgate_passed_total', help: 'Requests passed through uncached.' },
  notModified: { name: 'headgate_not_modified_total', help: '304 responses.' },
  ranges: { name: 'headgate_ranges_total', help: '206 responses.' },
  clientErrors: { name: 'headgate_client_errors_total', help: 'Responses with a 4xx status.' },
  serverErrors: { name: 'headgate_server_errors_total', help: 'Responses with a 5xx status.' },
  refused: { name: 'headgate_refused_total', help: 'Requests refused to protect the node.' },
  aborted: { name: 'headgate_aborted_total', help: 'Responses that the client did not wait for.' },
  cutSlow: {
    name: 'headgate_slow_cut_total',
    help: 'Connections closed because they were slower than the minimum rate.',
  },
  cutPipelined: {
    name: 'headgate_pipelined_cut_total',
    help: 'Connections closed because their clients asked on without reading.',
  },
  bytesSent: { name: 'headgate_sent_bytes_total', help: 'Body bytes handed to the kernel.' },
  handlerFaults: {
    name: 'headgate_handler_faults_total',
    help: 'Exceptions caught at the edge: each is a defect.',
  },
  originRequests: { name: 'headgate_origin_requests_total', help: 'Requests sent to origins.' },
  originErrors: {
    name: 'headgate_origin_errors_total',
    help: 'Origin requests that failed or were answered 5xx.',
  },
  hedges: {
    name: 'headgate_hedges_total',
    help: 'Requests sent to another origin, too, while the first was silent.',
  },
  hedgesWon: {
    name: 'headgate_hedges_won_total',
    help: 'Hedges that were answered first.',
  },
  resumed: {
    name: 'headgate_resumed_total',
    help: 'Bodies that stalled or broke and went on from a second answer.',
  },
  originBytes: { name: 'headgate_origin_bytes_total', help: 'Body bytes received from origins.' },
  outgrown: {
    name: 'headgate_outgrown_total',
    help: 'Bodies of unknown length that became larger than cache.maxObject on their way.',
  },
  revalidated: { name: 'headgate_revalidated_total', help: 'Stored responses renewed by a 304.' },
  fillsFailed: { name: 'headgate_fills_failed_total', help: 'Fills that did not end whole.' },
  evictions: { name: 'headgate_evictions_total', help: 'Objects evicted for room.' },
  banksMoved: {
    name: 'headgate_cache_banks_moved_total',
    help: 'Banks of cache memory that went from a shard of the worker to one that needed them more.',
  },
  purged: { name: 'headgate_purged_total', help: 'Objects purged on order.' },
  prefetched: { name: 'headgate_prefetched_total', help: 'Segments fetched ahead of a request.' },
  beats: {
    name: 'headgate_worker_beats_total',
    help: 'Heartbeats of the worker: ten a second while its thread is not held up.',
  },
  codingsMade: { name: 'headgate_codings_made_total', help: 'Bodies compressed.' },
  codingsShed: {
    name: 'headgate_codings_shed_total',
    help: 'Bodies left as they are for now, as too many waited to be compressed.',
  },
  connectionsOpened: { name: 'headgate_connections_total', help: 'Connections accepted.' },
} as const satisfies Record<string, MetricSpec>;

/** Set to the present value by the worker, about once a second. */
export const GAUGES = {
  connections: { name: 'headgate_connections', help: 'Open connections.' },
  stalledWriters: {
    name: 'headgate_stalled_writers',
    help: 'Responses that wait for their client to read.',
  },
  readyBytes: {
    name: 'headgate_ready_bytes',
    help: 'Heap of objects that workers keep ready to be served again; an estimate.',
  },
  objects: {
    name: 'headgate_cached_objects',
    help: 'Bodies in the shards of the worker; a coding of ours is one of its own.',
  },
  objectBytes: { name: 'headgate_cached_bytes', help: 'Bytes of those bodies.' },
  cachedKeys: { name: 'headgate_cached_keys', help: 'Keys of which the shards know something.' },
  cachedResponses: {
    name: 'headgate_cached_responses',
    help: 'Stored responses: variants of a key and parts of an object count each.',
  },
  metadataBytes: {
    name: 'headgate_cached_metadata_bytes',
    help: 'Bytes of keys and fields of what is stored, in cache memory with the bodies.',
  },
  bankBytes: {
    name: 'headgate_cache_memory_bytes',
    help: "Cache memory that the shards of the worker have: the rest is others' or nobody's yet.",
  },
  takenBytes: {
    name: 'headgate_cache_memory_used_bytes',
    help: 'Cache memory in use: bodies, metadata, and what is rounded up.',
  },
  residentBytes: {
    name: 'headgate_cache_heap_bytes',
    help: 'Heap for what is being worked with, beside cache memory; an estimate.',
  },
  retired: {
    name: 'headgate_retired_bodies',
    help: 'Bodies given up whose readers have not left yet.',
  },
  fills: { name: 'headgate_fills', help: 'Origin requests under way for the shards.' },
  cpuSeconds: {
    name: 'headgate_worker_cpu_seconds',
    help: 'CPU time of the worker thread; 0 without the native addon.',
  },
  codingsQueued: {
    name: 'headgate_codings_queued',
    help: 'Bodies that wait to be compressed.',
  },
  queued: { name: 'headgate_queued_fills', help: 'Fills that wait for their turn.' },
  originsResting: {
    name: 'headgate_origins_resting',
    help: 'Origins that do not answer in time and are asked last.',
  },
  originsDown: { name: 'headgate_origins_down', help: 'Origins that fail and are only probed.' },
} as const satisfies Record<string, MetricSpec>;

/** Upper bounds in seconds; the last bucket is +Inf. */
export const BUCKETS_S = [
  0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
  0.25, 0.5, 1, 2.5, 5, 10,
] as const;

export const HISTOGRAMS = {
  hitSeconds: {
    name: 'headgate_hit_duration_seconds',
    help: 'Time to hand a hit to the kernel; one in 64 is measured.',
  },
  firstByteSeconds: {
    name: 'headgate_first_byte_seconds',
    help: 'Time from request to first byte for what had to wait.',
  },
  originSeconds: {
    name: 'headgate_origin_head_seconds',
    help: 'Time from the request to the head of an origin response.',
  },
} as const satisfies Record<string, MetricSpec>;

export type CounterName = keyof typeof COUNTERS;
export type GaugeName = keyof typeof GAUGES;
export type HistogramName = keyof typeof HISTOGRAMS;

const COUNTER_NAMES = Object.keys(COUNTERS) as CounterName[];
const GAUGE_NAMES = Object.keys(GAUGES) as GaugeName[];
const HISTOGRAM_NAMES = Object.keys(HISTOGRAMS) as HistogramName[];
/** Buckets, then sum, then count. */
const HISTOGRAM_CELLS = BUCKETS_S.length + 1 + 2;
const GAUGE_AT = COUNTER_NAMES.length;
const HISTOGRAM_AT = GAUGE_AT + GAUGE_NAMES.length;
/** A row fills whole 64-byte lines, so that no two workers write the same one. */
const ROW_CELLS = Math.ceil((HISTOGRAM_AT + HISTOGRAM_NAMES.length * HISTOGRAM_CELLS) / 8) * 8;

/** Cell index by name: `metrics.cells[C.hits]++` is the whole cost of counting. */
export const C = Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, i])) as Readonly<
  Record<CounterName, number>
>;

export function createMetrics(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(ROW_CELLS * 8 * Math.max(1, workers));
}

export class WorkerMetrics {
  readonly cells: Float64Array;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.cells = new Float64Array(buffer, worker * ROW_CELLS * 8, ROW_CELLS);
  }

  add(name: CounterName, by = 1): void {
    const at = C[name];
    this.cells[at] = (this.cells[at] ?? 0) + by;
  }

  set(name: GaugeName, value: number): void {
    this.cells[GAUGE_AT + GAUGE_NAMES.indexOf(name)] = value;
  }

  observe(name: HistogramName, seconds: number): void {
    const at = HISTOGRAM_AT + HISTOGRAM_NAMES.indexOf(name) * HISTOGRAM_CELLS;
    let bucket = 0;
    while (bucket < BUCKETS_S.length && seconds > (BUCKETS_S[bucket] ?? Infinity)) bucket += 1;
    const { cells } = this;
    cells[at + bucket] = (cells[at + bucket] ?? 0) + 1;
    const sum = at + BUCKETS_S.length + 1;
    cells[sum] = (cells[sum] ?? 0) + seconds;
    cells[sum + 1] = (cells[sum + 1] ?? 0) + 1;
  }
}

/** One counter of one worker. */
export function readCounter(buffer: SharedArrayBuffer, worker: number, name: CounterName): number {
  return new Float64Array(buffer, (worker * ROW_CELLS + C[name]) * 8, 1)[0] ?? 0;
}

export interface HistogramSnapshot {
  readonly buckets: readonly number[]; // per bucket, not cumulative; one more than BUCKETS_S
  readonly sum: number;
  readonly count: number;
}

export interface MetricsSnapshot {
  readonly counters: Readonly<Record<CounterName, number>>;
  readonly gauges: Readonly<Record<GaugeName, number>>;
  readonly histograms: Readonly<Record<HistogramName, HistogramSnapshot>>;
}

/** One snapshot per worker row. */
export function readMetrics(buffer: SharedArrayBuffer): MetricsSnapshot[] {
  const cells = new Float64Array(buffer);
  const rows: MetricsSnapshot[] = [];
  for (let row = 0; row < cells.length; row += ROW_CELLS) {
    const cell = (i: number): number => cells[row + i] ?? 0;
    const pick = <N extends string>(names: readonly N[], at: number): Record<N, number> =>
      Object.fromEntries(names.map((name, i) => [name, cell(at + i)])) as Record<N, number>;
    const histograms = HISTOGRAM_NAMES.map((name, i) => {
      const at = HISTOGRAM_AT + i * HISTOGRAM_CELLS;
      const buckets = Array.from({ length: BUCKETS_S.length + 1 }, (_, b) => cell(at + b));
      const sum = cell(at + BUCKETS_S.length + 1);
      return [name, { buckets, sum, count: cell(at + BUCKETS_S.length + 2) }] as const;
    });
    rows.push({
      counters: pick(COUNTER_NAMES, 0),
      gauges: pick(GAUGE_NAMES, GAUGE_AT),
      histograms: Object.fromEntries(histograms) as unknown as Record<
        HistogramName,
        HistogramSnapshot
      >,
    });
  }
  return rows;
}
