/** Bodies of unknown length that are larger than may be kept. */
import t from 'tap';
import type { FieldLines } from '../../src/http/fields.js';
import { settled, ShardBench, until } from '../support/shard.js';

const FRESH: FieldLines = [['cache-control', 'max-age=60']];

/** Says that the followers of the fill have all that was sent. */
function follow(bench: ShardBench): boolean {
  const { fill } = bench.the('filling', 1);
  const last = bench.sent.findLast(({ message }) => message.kind === 'progress')?.message;
  if (last?.kind !== 'progress') return false;
  const place = { slowest: last.written, fastest: last.written };
  bench.shard.receive({ kind: 'passed', shard: 0, fill, ...place }, 0);
  return last.end !== undefined;
}

t.test('a manifest that outgrows the cache passes by like anything else', async (t) => {
  for (const name of ['live.m3u8', 'live.mpd', '1.m4s']) {
    const bench = new ShardBench({ cache: { maxObject: 131_072 } });
    bench.ask(1, `/v/${name}`);
    const request = bench.origin.next();
    request.head(200, FRESH);
    for (let i = 0; i < 10; i += 1) request.chunk('x'.repeat(32_768));
    request.end();
    await until(() => {
      if (bench.kinds(1).length > 0) follow(bench);
      return bench.shard.activeFills === 0;
    });
    const { fill } = bench.the('filling', 1);
    t.match(bench.end(fill), { written: 327_680, end: { ok: true } }, name);
    t.equal(bench.shard.store.count, 0);
    t.equal(bench.counters.outgrown, 1);
  }
});

t.test('a small bound holds for bodies of unknown length, too', async (t) => {
  for (const [bytes, kept] of [
    [4_096, 1],
    [4_097, 0],
    [40_000, 0],
  ] as const) {
    const bench = new ShardBench({ cache: { maxObject: 4_096 } });
    bench.ask(1, '/v/1.m4s');
    await bench.fill(FRESH, 'x'.repeat(bytes));
    await until(() => bench.shard.activeFills === 0);
    t.equal(bench.shard.store.count, kept, String(bytes));
  }
});

t.test('a worker that was busy hears where the bytes lie all the same', async (t) => {
  const bench = new ShardBench({ arenaBytes: 4_194_304, hintsAreLost: true });
  bench.ask(1, '/v/1.m4s');
  const request = bench.origin.next();
  request.head(200, FRESH);
  for (let i = 0; i < 4; i += 1) {
    request.chunk('x'.repeat(100_000));
    await settled();
  }
  const news = bench.sent.flatMap(({ message }) => (message.kind === 'progress' ? [message] : []));
  t.ok(
    news.some(({ extents = [], written }) => {
      const room = extents.reduce((sum, { length }) => sum + length, 0);
      return written >= 200_000 && room >= written;
    }),
    'only counts of bytes may be left out',
  );
  bench.cancel(1);
  await until(() => bench.shard.activeFills === 0);
});
