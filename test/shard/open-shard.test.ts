import t from 'tap';
import type { FieldLines } from '../../src/http/fields.js';
import { settled, ShardBench } from '../support/shard.js';

const HOUR_MS = 3_600_000;
const TAG = ['etag', '"a"'] as const;

/** What an answer's fields are understood to mean. */
async function freshness(bench: ShardBench, headers: FieldLines): Promise<object> {
  bench.ask(1, '/thing');
  await bench.fill(headers, 'text');
  return bench.the('filling', 1).descriptor.freshness;
}

t.test('a shard goes by the settings where an origin says nothing of being stale', async (t) => {
  const cache = { staleWhileRevalidate: 5_000, staleIfError: 7_000 };
  const bench = new ShardBench({ cache });
  const told = await freshness(bench, [['cache-control', 'max-age=60'], TAG]);
  t.match(told, { ttlMs: 60_000, swrMs: 5_000, sieMs: 7_000 });
});

t.test('a shard guesses a lifetime by the settings', async (t) => {
  const { ttl } = new ShardBench().config.cache;
  const rows: [fraction: number, longest: number, ttlMs: number][] = [
    [0.5, 24 * HOUR_MS, 5 * HOUR_MS],
    [0.5, 2 * HOUR_MS, 2 * HOUR_MS],
    [0.25, 24 * HOUR_MS, 2.5 * HOUR_MS],
  ];
  for (const [heuristicFraction, heuristicMax, ttlMs] of rows) {
    const bench = new ShardBench({ cache: { ttl: { ...ttl, heuristicFraction, heuristicMax } } });
    const modified = new Date(bench.nowMs - 10 * HOUR_MS).toUTCString();
    const date = new Date(bench.nowMs).toUTCString();
    const headers: FieldLines = [
      ['date', date],
      ['last-modified', modified],
    ];
    t.match(await freshness(bench, headers), { ttlMs }, JSON.stringify([heuristicFraction]));
  }
});

t.test('a shard remembers some thousands of keys, and of more the newest', async (t) => {
  const bench = new ShardBench({ limits: { fills: 5_000 } });
  const large = String(bench.config.cache.maxObject + 1);
  const keys = 4_097;
  for (let i = 0; i < keys; i += 1) {
    bench.ask(i, `/${i}.m4s`);
    bench.origin.next().answer(200, [
      ['cache-control', 'max-age=60'],
      ['content-length', large],
    ]);
  }
  await settled();
  const bypasses = (key: string, id: number): boolean => {
    bench.ask(id, key);
    return bench.kinds(id).includes('bypass');
  };
  t.notOk(bypasses('/0.m4s', 5_000), 'the oldest is forgotten');
  t.ok(bypasses('/1.m4s', 5_001));
  t.ok(bypasses(`/${keys - 1}.m4s`, 5_002));
});
