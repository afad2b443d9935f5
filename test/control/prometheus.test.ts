import t from 'tap';
import { createRegistry } from '../../src/control/prometheus.js';
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../src/telemetry/metrics.js';
import { FakeControl } from '../support/fake-control.js';

interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The text format, strictly: every line is a comment we know or a sample. */
function parseExposition(text: string): { types: Map<string, string>; lines: Line[] } {
  const types = new Map<string, string>();
  const lines: Line[] = [];
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type !== null) types.set(type[1] ?? '', type[2] ?? '');
    if (line === '' || line.startsWith('# HELP ') || type !== null) continue;
    const sample = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (-?[\d.e+-]+|Nan|\+Inf)$/i.exec(line);
    if (sample === null) throw new Error(`not a sample: ${line}`);
    const labels = [...(sample[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
      ([, name, value]) => [name ?? '', value ?? ''],
    );
    const value = Number(sample[3]);
    lines.push({
      name: sample[1] ?? '',
      labels: Object.fromEntries(labels) as Line['labels'],
      value,
    });
  }
  return { types, lines };
}

t.test(
  'the metrics page has every metric of every worker, read at the time of the scrape',
  async (t) => {
    const control = new FakeControl(2);
    const registry = createRegistry(control);
    control.workers[0]?.add('requests', 5);
    control.workers[1]?.add('requests', 2);
    control.workers[1]?.set('objects', 9);
    const { types, lines } = parseExposition(await registry.metrics());
    for (const { name } of Object.values(COUNTERS)) t.equal(types.get(name), 'counter', name);
    for (const { name } of Object.values(GAUGES)) t.equal(types.get(name), 'gauge', name);
    for (const { name } of Object.values(HISTOGRAMS)) t.equal(types.get(name), 'histogram', name);
    t.ok(types.has('process_cpu_seconds_total'), "Node's own are there");
    t.ok(types.has('nodejs_eventloop_lag_seconds'));
    const values = (name: string): unknown =>
      lines
        .filter((line) => line.name === name)
        .map(({ labels, value }) => [labels['worker'], value]);
    t.strictSame(values('headgate_requests_total'), [
      ['0', 5],
      ['1', 2],
    ]);
    t.strictSame(values('headgate_cached_objects'), [
      ['0', 0],
      ['1', 9],
    ]);
    t.strictSame(values('headgate_worker_restarts_total'), [
      ['0', 0],
      ['1', 1],
    ]);
    control.workers[0]?.add('requests');
    t.match(await registry.metrics(), 'headgate_requests_total{worker="0"} 6');
  },
);

t.test('histograms are cumulative, end in +Inf and agree with their count', async (t) => {
  const control = new FakeControl(1);
  const registry = createRegistry(control);
  for (const seconds of [0.000_01, 0.000_2, 0.000_2, 0.3, 60]) {
    control.workers[0]?.observe('hitSeconds', seconds);
  }
  const { lines } = parseExposition(await registry.metrics());
  const name = HISTOGRAMS.hitSeconds.name;
  const buckets = lines.filter((line) => line.name === `${name}_bucket`);
  const counts = buckets.map(({ value }) => value);
  t.strictSame(
    counts,
    counts.toSorted((a, b) => a - b),
    'never falls',
  );
  const at = (le: string): number | undefined =>
    buckets.find(({ labels }) => labels['le'] === le)?.value;
  t.equal(at('0.000025'), 1);
  t.equal(at('0.00025'), 3);
  t.equal(at('0.5'), 4);
  t.equal(at('+Inf'), 5);
  t.equal(lines.find((line) => line.name === `${name}_count`)?.value, 5);
  t.ok(
    Math.abs((lines.find((line) => line.name === `${name}_sum`)?.value ?? 0) - 60.300_41) < 1e-9,
  );
});

t.test('labels are worker numbers and bucket bounds, nothing of the requests', async (t) => {
  const { lines } = parseExposition(await createRegistry(new FakeControl()).metrics());
  const ours = lines.filter(({ name }) => name.startsWith('headgate_'));
  t.strictSame(
    new Set(ours.flatMap(({ labels }) => Object.keys(labels))),
    new Set(['worker', 'le']),
  );
});

t.test('headgate_ready follows the phase', async (t) => {
  const control = new FakeControl();
  const registry = createRegistry(control);
  t.match(await registry.metrics(), /^headgate_ready 1$/m);
  control.phase = 'draining';
  t.match(await registry.metrics(), /^headgate_ready 0$/m);
});
