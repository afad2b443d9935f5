/** What a worker tells of itself once a second: its storage, its sockets and its origins. */
import type { Connections } from '../edge/http/connections.js';
import type { Lookup } from '../edge/reach/lookup.js';
import type { StallWheel } from '../edge/reach/stall-wheel.js';
import type { OpenedOrigins } from '../origin/open.js';
import type { OriginStatus } from '../runtime/worker-messages.js';
import type { CodingQueue } from '../shard/intake/coding-queue.js';
import type { Shard } from '../shard/shard.js';
import type { GaugeName, WorkerMetrics } from '../telemetry/metrics.js';

export interface GaugesOptions {
  readonly metrics: WorkerMetrics;
  readonly shards: ReadonlyMap<number, Shard>;
  readonly connections: Connections;
  readonly wheel: StallWheel;
  readonly lookup: Lookup;
  readonly codings: CodingQueue;
  readonly origin: OpenedOrigins;
  readonly cpuTimeUs: () => number; // of this thread
  readonly onOrigins: (origins: readonly OriginStatus[]) => void;
}

const STORAGE: readonly (readonly [GaugeName, (shard: Shard) => number])[] = [
  ['objects', ({ store }) => store.count],
  ['objectBytes', ({ store }) => store.storedBytes],
  ['cachedKeys', ({ knownKeys }) => knownKeys],
  ['cachedResponses', ({ index }) => index.responses],
  ['metadataBytes', ({ index }) => index.metadataBytes],
  ['bankBytes', ({ store }) => store.bankBytes],
  ['takenBytes', ({ store }) => store.takenBytes],
  ['residentBytes', ({ index }) => index.heapBytes],
  ['retired', (shard) => shard.store.retiredCount],
  ['fills', (shard) => shard.activeFills],
  ['queued', (shard) => shard.queued],
];

export class Gauges {
  readonly #options: GaugesOptions;
  readonly #counted = { hedges: 0, hedgesWon: 0, resumed: 0 }; // what the metrics have of it

  constructor(options: GaugesOptions) {
    this.#options = options;
  }

  take(): void {
    const { metrics, shards, connections, wheel, lookup, codings, cpuTimeUs } = this.#options;
    this.#takeOrigins();
    metrics.set('cpuSeconds', cpuTimeUs() / 1_000_000);
    metrics.set('connections', connections.open);
    metrics.set('stalledWriters', wheel.count);
    metrics.set('codingsQueued', codings.waiting);
    metrics.set('readyBytes', lookup.bytes);
    for (const [name, of] of STORAGE) {
      let sum = 0;
      for (const shard of shards.values()) sum += of(shard);
      metrics.set(name, sum);
    }
  }

  #takeOrigins(): void {
    const { metrics, origin, onOrigins } = this.#options;
    const origins = origin.status();
    if (origins.length === 0) return;
    const inState = (wanted: string): number =>
      origins.filter(({ state }) => state === wanted).length;
    metrics.set('originsResting', inState('resting'));
    metrics.set('originsDown', inState('down'));
    for (const name of ['hedges', 'hedgesWon', 'resumed'] as const) {
      const counted = origin.counts[name];
      metrics.add(name, counted - this.#counted[name]);
      this.#counted[name] = counted;
    }
    onOrigins(origins);
  }
}
