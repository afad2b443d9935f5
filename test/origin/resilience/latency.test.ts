import t from 'tap';
import { Latency } from '../../../src/origin/resilience/latency.js';
import { seededRandom } from '../../support/random.js';

t.test('Latency tells nothing until there are twenty samples', (t) => {
  const latency = new Latency();
  for (let i = 0; i < 19; i += 1) latency.observe(10, 0);
  t.equal(latency.quantileMs(0.99), undefined);
  latency.observe(10, 0);
  t.equal(latency.quantileMs(0.99), 11);
  t.end();
});

t.test('Latency gives quantiles that are at most a fifth too high and never too low', (t) => {
  const random = seededRandom(7);
  const latency = new Latency();
  const samples = Array.from({ length: 1_500 }, () => Math.exp(random() * 8));
  for (const sample of samples) latency.observe(sample, 0);
  samples.sort((a, b) => a - b);
  for (const share of [0.1, 0.5, 0.9, 0.99]) {
    const exact = samples[Math.ceil(share * samples.length) - 1] ?? 0;
    const got = latency.quantileMs(share) ?? 0;
    t.ok(got >= Math.floor(exact) && got <= exact * 1.2 + 1, `${share}: ${got} for ${exact}`);
  }
  t.end();
});

t.test('Latency follows an origin that becomes slower, and keeps what it knows when idle', (t) => {
  const latency = new Latency();
  for (let i = 0; i < 10_000; i += 1) latency.observe(2, i);
  t.equal(latency.quantileMs(0.99), 2);
  for (let i = 0; i < 200; i += 1) latency.observe(400, 10_000 + i * 100);
  t.ok((latency.quantileMs(0.99) ?? 0) >= 400, 'after a tenth of what it holds');
  latency.observe(2, 86_400_000);
  t.not(latency.quantileMs(0.5), undefined, 'a day later');
  t.end();
});

t.test('Latency takes what no origin should do: nothing at all, and hours', (t) => {
  const latency = new Latency();
  for (let i = 0; i < 20; i += 1) latency.observe(0, 0);
  t.equal(latency.quantileMs(1), 1);
  for (let i = 0; i < 20; i += 1) latency.observe(1e9, 0);
  t.ok((latency.quantileMs(1) ?? 0) > 100_000);
  t.end();
});
