import t, { type Test } from 'tap';
import { Directory } from '../../src/arena/directory.js';
import { Connections } from '../../src/edge/http/connections.js';
import { Lookup } from '../../src/edge/reach/lookup.js';
import { StallWheel } from '../../src/edge/reach/stall-wheel.js';
import type { HttpResponse } from '../../native/uws.js';
import type { FieldLines } from '../../src/http/fields.js';
import type { OpenedOrigins } from '../../src/origin/open.js';
import type { OriginStatus } from '../../src/runtime/worker-messages.js';
import { CodingQueue } from '../../src/shard/intake/coding-queue.js';
import {
  createMetrics,
  type MetricsSnapshot,
  readMetrics,
  WorkerMetrics,
} from '../../src/telemetry/metrics.js';
import { Gauges } from '../../src/worker/gauges.js';
import { ShardBench } from '../support/shard.js';
import { TimedCoder } from '../support/timed-coder.js';

const NOTHING = (): void => undefined;
const FRESH: FieldLines = [['cache-control', 'max-age=60']];

class GaugesBench {
  readonly shards = [4, 5].map(() => new ShardBench({ limits: { fills: 1 } }));
  readonly connections: Connections;
  readonly wheel = new StallWheel({ minRate: 0, minRateGrace: 0 }, () => 0, NOTHING);
  readonly lookup: Lookup;
  readonly codings = new CodingQueue({ coder: new TimedCoder(), limit: 9, onFault: NOTHING });
  readonly counts = { hedges: 0, hedgesWon: 0, resumed: 0 };
  origins: readonly OriginStatus[] = [];
  readonly told: (readonly OriginStatus[])[] = [];
  readonly #metrics = createMetrics(1);
  readonly #gauges: Gauges;

  constructor(t: Test) {
    const metrics = new WorkerMetrics(this.#metrics, 0);
    const arena = this.shard(0).view(0);
    this.connections = new Connections({ connections: 9 }, metrics);
    this.lookup = new Lookup({ directories: [new Directory(arena, 0)], arena, cacheName: 'x' });
    t.teardown(() => {
      this.wheel.stop();
    });
    const origin = { status: () => this.origins, counts: this.counts } as unknown as OpenedOrigins;
    this.#gauges = new Gauges({
      ...{ metrics, origin, connections: this.connections, wheel: this.wheel },
      ...{ lookup: this.lookup, codings: this.codings, cpuTimeUs: () => 2_500_000 },
      shards: new Map(this.shards.map(({ shard }, i) => [i, shard])),
      onOrigins: (origins) => this.told.push(origins),
    });
  }

  shard(index: number): ShardBench {
    const bench = this.shards[index];
    if (bench === undefined) throw new RangeError(`no shard ${index}`);
    return bench;
  }

  take(): MetricsSnapshot {
    this.#gauges.take();
    const [row] = readMetrics(this.#metrics);
    if (row === undefined) throw new RangeError('no metrics');
    return row;
  }
}

function originAs(state: OriginStatus['state']): OriginStatus {
  return { name: 'o', state, failures: 0, firstByteP50Ms: undefined, firstByteP99Ms: undefined };
}

t.test('Gauges adds up what all shards of the worker have', async (t) => {
  const bench = new GaugesBench(t);
  const [a, b] = [bench.shard(0), bench.shard(1)];
  a.ask(1, '/v/1.m4s');
  await a.fill(FRESH, 'abc');
  b.ask(1, '/v/1.m4s');
  await b.fill(FRESH, 'defgh');
  b.ask(2, '/v/2.m4s');
  await b.fill(FRESH, 'ij');
  const before = bench.take().gauges;
  t.match(before, { objects: 3, objectBytes: 10, cachedKeys: 3, cachedResponses: 3 });
  t.match(before, { fills: 0, queued: 0, retired: 0, bankBytes: 2 * 1_048_576 });
  t.equal(before.takenBytes, a.shard.store.takenBytes + b.shard.store.takenBytes);
  t.equal(before.metadataBytes, a.shard.index.metadataBytes + b.shard.index.metadataBytes);
  t.ok(before.metadataBytes > 0 && before.metadataBytes < before.takenBytes);
  b.keepsLeases = true;
  b.ask(3, '/v/2.m4s');
  b.shard.purge({ keys: ['/v/2.m4s'], soft: false });
  for (const [id, key] of ['/w/1', '/w/2', '/w/3', '/w/4'].entries()) a.ask(10 + id, key);
  b.ask(10, '/w/1');
  const after = bench.take().gauges;
  t.match(after, { objects: 2, objectBytes: 8, fills: 2, queued: 3, retired: 1 });
  t.equal(after.residentBytes, a.shard.index.heapBytes + b.shard.index.heapBytes);
  t.ok(after.residentBytes > 0, 'what is being worked with');
});

t.test('Gauges tells of the worker itself', async (t) => {
  const bench = new GaugesBench(t);
  const idle = { connections: 0, stalledWriters: 0, codingsQueued: 0, readyBytes: 0 };
  t.match(bench.take().gauges, { cpuSeconds: 2.5, ...idle });
  for (let i = 0; i < 3; i += 1) bench.connections.change({} as HttpResponse, 1);
  for (let i = 0; i < 2; i += 1) {
    bench.wheel.add({ sent: 0, retry: NOTHING, cut: NOTHING });
  }
  const job = { coding: 'br', bytes: 1, begin: () => undefined, end: NOTHING } as const;
  bench.codings.offer(job);
  const a = bench.shard(0);
  a.ask(1, '/v/1.m4s');
  await a.fill(FRESH, 'abc');
  t.ok(bench.lookup.find('/v/1.m4s', []));
  for (let i = 0; i < 4; i += 1) bench.codings.offer(job);
  const { gauges } = bench.take();
  t.match(gauges, { connections: 3, stalledWriters: 2, codingsQueued: 4 });
  t.equal(gauges.readyBytes, bench.lookup.bytes);
  t.ok(gauges.readyBytes > 0);
});

t.test('Gauges tells of origins that can be well or not, and counts their news once', (t) => {
  const bench = new GaugesBench(t);
  bench.counts.hedges = 1;
  t.match(bench.take(), { counters: { hedges: 0 }, gauges: { originsDown: 0 } });
  t.same(bench.told, [], 'a directory alone is none of them');
  bench.origins = (['down', 'well', 'resting', 'down'] as const).map(originAs);
  Object.assign(bench.counts, { hedges: 5, hedgesWon: 3, resumed: 1 });
  t.match(bench.take(), { counters: { hedges: 5, hedgesWon: 3, resumed: 1 } });
  bench.counts.hedges = 6;
  t.match(bench.take(), {
    counters: { hedges: 6, hedgesWon: 3, resumed: 1 },
    gauges: { originsDown: 2, originsResting: 1 },
  });
  t.same(bench.told, [bench.origins, bench.origins]);
  bench.origins = [originAs('well')];
  t.match(bench.take().gauges, { originsDown: 0, originsResting: 0 });
  t.end();
});
