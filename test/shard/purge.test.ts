import t from 'tap';
import type { FieldLines } from '../../src/http/fields.js';
import { settled, ShardBench } from '../support/shard.js';

const FRESH: FieldLines = [
  ['cache-control', 'max-age=60'],
  ['content-type', 'video/iso.segment'],
  ['etag', '"v1"'],
];

async function holding(...keys: string[]): Promise<ShardBench> {
  const bench = new ShardBench();
  for (const [i, key] of keys.entries()) {
    bench.ask(i + 1, key);
    await bench.fill(FRESH, `body of ${key}`);
  }
  return bench;
}

t.test('purge names keys exactly, a prefix, or everything', async (t) => {
  const keys = ['/a/1.m4s', '/a/1.m4s?v=2', '/a/2.m4s', '/ab/1.m4s', '/b/c/d.m4s?x=/y'];
  const rows = [
    [{ keys: ['/a/1.m4s'] }, ['/a/1.m4s'], 'the query is part of the key'],
    [{ keys: ['/b/c/d.m4s?x=/y', '/none'] }, ['/b/c/d.m4s?x=/y'], 'a slash in the query'],
    [{ keys: [] }, [], 'none'],
    [{ prefix: '/a/' }, ['/a/1.m4s', '/a/1.m4s?v=2', '/a/2.m4s'], 'a folder, not its namesakes'],
    [{ prefix: '' }, keys, 'everything'],
  ] as const;
  for (const [order, gone, why] of rows) {
    const bench = await holding(...keys);
    t.equal(bench.shard.purge({ ...order, soft: false }), gone.length, why);
    const left = keys.filter((key, i) => {
      bench.ask(100 + i, key, { headers: [['cache-control', 'only-if-cached']] });
      return bench.kinds(100 + i)[0] === 'object';
    });
    t.same(
      left,
      keys.filter((key) => !(gone as readonly string[]).includes(key)),
      why,
    );
    t.equal(bench.counters.purged, gone.length);
  }
});

t.test('where hosts are apart, purge names paths of one or of every host', async (t) => {
  const keys = ['//a.tv/v/1.m4s', '//b.tv/v/1.m4s', '//b.tv/v/2.m4s', '//b.tv:81/v/1.m4s'];
  const rows = [
    [{ keys: ['//b.tv/v/1.m4s'] }, [1]],
    [{ prefix: '//b.tv/' }, [1, 2]],
    [{ keys: ['/v/1.m4s'], everyHost: true }, [0, 1, 3]],
    [{ prefix: '/v/2', everyHost: true }, [2]],
    [{ prefix: '/', everyHost: true }, [0, 1, 2, 3]],
    [{ prefix: 'b.tv/', everyHost: true }, []],
  ] as const;
  for (const [order, gone] of rows) {
    const bench = await holding(...keys);
    const why = JSON.stringify(order);
    t.equal(bench.shard.purge({ ...order, soft: false }), gone.length, why);
    for (const [i, key] of keys.entries()) {
      bench.ask(100 + i, key, { headers: [['cache-control', 'only-if-cached']] });
      const held = bench.kinds(100 + i)[0] === 'object';
      t.equal(held, !(gone as readonly number[]).includes(i), `${why}: ${key}`);
    }
  }
});

t.test(
  'a hard purge is in force at once for what workers have found, and frees the room',
  async (t) => {
    const bench = await holding('/a/1.m4s');
    const { slot, generation } = bench.the('filling', 1).descriptor;
    t.ok(bench.view(1).acquire(slot, generation), 'one still reads');
    bench.shard.purge({ prefix: '', soft: false });
    t.notOk(bench.view(1).acquire(slot, generation));
    t.equal(bench.shard.store.retiredCount, 1);
    bench.view(1).release(slot);
    bench.shard.tick();
    t.equal(bench.shard.store.retiredCount, 0);
    t.equal(bench.shard.store.freeBytes, 1_048_576);
    t.equal(bench.shard.knownKeys, 0);
  },
);

t.test('a soft purge makes the next request validate', async (t) => {
  const bench = await holding('/a/1.m4s');
  bench.nowMs += 10_000;
  t.equal(bench.shard.purge({ keys: ['/a/1.m4s'], soft: true }), 1);
  bench.ask(2, '/a/1.m4s');
  const request = bench.origin.next();
  t.equal(request.header('if-none-match'), '"v1"');
  request.answer(304, [['etag', '"v1"']]);
  await settled();
  t.equal(bench.body(2), 'body of /a/1.m4s');
  bench.ask(3, '/a/1.m4s');
  t.equal(bench.the('object', 3).served.hit, true, 'fresh again');
});

t.test('a fill that a purge overtakes serves who waited and keeps nothing', async (t) => {
  for (const soft of [false, true]) {
    const bench = new ShardBench();
    bench.ask(1, '/a/1.m4s');
    const request = bench.origin.next();
    request.head(200, [...FRESH, ['content-length', '6']]);
    request.chunk('old');
    await settled();
    bench.shard.purge({ keys: ['/a/1.m4s'], soft });
    bench.ask(2, '/a/1.m4s');
    t.equal(bench.origin.requests.length, 2, 'who asks after the purge gets what is there now');
    request.chunk('old');
    request.end();
    await settled();
    t.same(bench.end(bench.the('filling', 1).fill)?.end, { ok: true });
    await bench.fill(FRESH, 'new');
    bench.ask(3, '/a/1.m4s');
    t.equal(bench.body(3), 'new');
    t.equal(bench.shard.store.count, 1);
  }
});

t.test('a revalidation that a purge overtakes is not answered by the 304 to it', async (t) => {
  for (const soft of [false, true]) {
    const bench = await holding('/a/1.m4s');
    bench.nowMs += 61_000;
    bench.ask(2, '/a/1.m4s');
    bench.shard.purge({ keys: ['/a/1.m4s'], soft });
    bench.origin.next().answer(304, [['etag', '"v1"']]);
    await settled();
    t.same(bench.kinds(2), [], 'asked again, without conditions');
    await bench.fill(FRESH, 'new');
    t.same(bench.kinds(2), ['filling']);
  }
});

t.test('an invalidation is confirmed when nobody can get the old any more', async (t) => {
  const bench = await holding('/a/1.m4s');
  bench.shard.receive({ kind: 'invalidate', id: 9, shard: 0, key: '/a/1.m4s', validator: '' }, 1);
  t.same(bench.kinds(9, 1), ['invalidated']);
  bench.ask(2, '/a/1.m4s');
  t.equal(bench.origin.requests.length, 2);
});
