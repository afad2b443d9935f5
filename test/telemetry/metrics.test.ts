import t from 'tap';
import {
  BUCKETS_S,
  C,
  COUNTERS,
  createMetrics,
  GAUGES,
  HISTOGRAMS,
  type MetricSpec,
  readMetrics,
  WorkerMetrics,
} from '../../src/telemetry/metrics.js';

t.test('each worker counts in a row of its own, and one reader sees all', (t) => {
  const buffer = createMetrics(3);
  const workers = [0, 1, 2].map((worker) => new WorkerMetrics(buffer, worker));
  workers[0]?.add('hits');
  workers[2]?.add('bytesSent', 2 ** 40);
  workers[2]?.set('connections', 7);
  workers[2]?.set('connections', 5);
  const rows = readMetrics(buffer);
  t.equal(rows.length, 3);
  t.same(
    rows.map(({ counters }) => [counters.hits, counters.bytesSent]),
    [
      [1, 0],
      [0, 0],
      [0, 2 ** 40],
    ],
  );
  t.equal(rows[2]?.gauges.connections, 5);
  t.end();
});

t.test('every counter, gauge and histogram has a cell of its own', (t) => {
  const buffer = createMetrics(1);
  const metrics = new WorkerMetrics(buffer, 0);
  const counters = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];
  const gauges = Object.keys(GAUGES) as (keyof typeof GAUGES)[];
  const histograms = Object.keys(HISTOGRAMS) as (keyof typeof HISTOGRAMS)[];
  for (const [i, name] of counters.entries()) metrics.add(name, i + 1);
  for (const [i, name] of gauges.entries()) metrics.set(name, 100 + i);
  for (const [i, name] of histograms.entries()) {
    for (let n = 0; n <= i; n += 1) metrics.observe(name, 0.003);
  }
  const [row] = readMetrics(buffer);
  for (const [i, name] of counters.entries()) t.equal(row?.counters[name], i + 1, name);
  for (const [i, name] of gauges.entries()) t.equal(row?.gauges[name], 100 + i, name);
  for (const [i, name] of histograms.entries()) t.equal(row?.histograms[name].count, i + 1, name);
  metrics.cells[C.misses] = 99;
  t.equal(readMetrics(buffer)[0]?.counters.misses, 99, 'as the hit path counts');
  t.end();
});

t.test('observe() puts a value into the first bucket that holds it', (t) => {
  const last = BUCKETS_S.length;
  const rows = [
    [0, 0, 'nothing'],
    [0.000_025, 0, 'its bound belongs to a bucket'],
    [0.000_026, 1, 'just above'],
    [10, last - 1, 'the last bound'],
    [11, last, 'beyond all'],
    [1e9, last, 'far beyond'],
  ] as const;
  for (const [seconds, bucket, why] of rows) {
    const buffer = createMetrics(1);
    new WorkerMetrics(buffer, 0).observe('hitSeconds', seconds);
    const histogram = readMetrics(buffer)[0]?.histograms.hitSeconds;
    t.same(histogram?.buckets.indexOf(1), bucket, why);
    t.match(histogram, { sum: seconds, count: 1 }, why);
    t.equal(histogram?.buckets.length, last + 1);
  }
  t.end();
});

t.test('names are unique and well-formed, counters end in _total', (t) => {
  const tables: readonly Readonly<Record<string, MetricSpec>>[] = [COUNTERS, GAUGES, HISTOGRAMS];
  const all = tables.flatMap((table) => Object.values(table));
  t.equal(new Set(all.map(({ name }) => name)).size, all.length);
  for (const { name, help } of all) {
    t.match(name, /^headgate_[a-z_]+$/);
    t.match(help, /^[A-Z\d].*\.$/);
  }
  for (const { name } of Object.values(COUNTERS)) t.match(name, /_total$/);
  t.end();
});
