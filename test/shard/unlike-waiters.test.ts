/** Those who wait for one fill and turn out to want different things. */
import t from 'tap';
import type { FieldLines } from '../../src/http/fields.js';
import { settled, ShardBench, until } from '../support/shard.js';

const FRESH: FieldLines = [
  ['cache-control', 'max-age=60'],
  ['etag', '"v1"'],
];
const IN = (language: string): { headers: FieldLines } => ({
  headers: [['accept-language', language]],
});
const COOKIE: { headers: FieldLines } = { headers: [['cookie', 'a=b']] };

t.test(
  'somebody whom the head of a sliced object does not suit begins a fill of his own',
  async (t) => {
    const bench = new ShardBench({ cache: { sliceSize: 4096, maxObject: 65_536 } });
    bench.ask(1, '/v/film.zip');
    bench.ask(2, '/v/film.zip', COOKIE);
    bench.origin.next().head(200, [
      ['etag', '"v1"'],
      ['accept-ranges', 'bytes'],
      ['content-length', '400000'],
      ['content-type', 'application/zip'],
      ['last-modified', 'Sat, 21 Nov 2020 00:00:00 GMT'],
    ]);
    await settled();
    t.same(bench.kinds(1), ['object']);
    t.equal(bench.origin.requests.length, 2);
    bench.origin.next().answer(200, [['cache-control', 'private']], 'yours');
    await settled();
    t.same(bench.kinds(2), ['head', 'chunk', 'end']);
  },
);

t.test('a fill whose leader has left, and that suits none of the others, is ended', async (t) => {
  const bench = new ShardBench({ cache: { maxObject: 131_072 } });
  bench.ask(1, '/v/1.m4s', IN('en'));
  bench.ask(2, '/v/1.m4s', IN('de'));
  bench.cancel(1);
  const first = bench.origin.next();
  first.head(200, [...FRESH, ['vary', 'accept-language']]);
  await until(() => first.signal.aborted);
  t.equal(bench.shard.activeFills, 1, 'that of the other');
  bench.origin.next().answer(200, [...FRESH, ['vary', 'accept-language']], 'deutsch');
  await until(() => bench.shard.activeFills === 0);
  t.same(bench.kinds(2), ['filling']);
  t.equal(bench.shard.store.count, 1);
});

t.test('a refresh that outgrows the cache is ended when nobody reads it', async (t) => {
  for (const reads of [false, true]) {
    const bench = new ShardBench({ cache: { maxObject: 131_072 } });
    bench.ask(1, '/v/1.m4s');
    await bench.fill([['cache-control', 'max-age=60, stale-while-revalidate=600']], 'old');
    bench.nowMs += 61_000;
    bench.ask(2, '/v/1.m4s');
    bench.nowMs += reads ? 600_000 : 0;
    if (reads) bench.ask(3, '/v/1.m4s');
    const refresh = bench.origin.next();
    refresh.head(200, FRESH);
    for (let i = 0; i < 8; i += 1) refresh.chunk('x'.repeat(32_768));
    await until(() => (reads ? bench.counters.outgrown === 1 : bench.shard.activeFills === 0));
    t.equal(bench.shard.activeFills, reads ? 1 : 0);
    if (!reads) continue;
    bench.cancel(3);
    await until(() => bench.shard.activeFills === 0);
    t.ok(refresh.signal.aborted, 'the last reader of a ring ends it, whoever began it');
  }
});

t.test('a refresh does not carry the wishes of who came by', async (t) => {
  const stale: FieldLines = [
    ['cache-control', 'max-age=60, stale-while-revalidate=600'],
    ['etag', '"v1"'],
  ];
  for (const wish of ['no-store', 'no-store, max-stale', 'max-stale=600']) {
    for (const [status, body] of [
      [304, ''],
      [200, 'new'],
    ] as const) {
      const bench = new ShardBench();
      bench.ask(1, '/v/1.m4s');
      await bench.fill(stale, 'old');
      bench.nowMs += 61_000;
      bench.ask(2, '/v/1.m4s', { headers: [['cache-control', wish]] });
      const request = bench.origin.next();
      t.notOk(
        request.request.headers.some(([name]) => name === 'cache-control'),
        wish,
      );
      request.answer(status, stale, body);
      await settled();
      bench.ask(3, '/v/1.m4s');
      t.same(bench.kinds(3), ['object'], `${wish}, ${status}`);
      t.match(bench.the('object', 3).served, { hit: true, detail: undefined });
    }
  }
});

t.test(
  'what one client would take stale is not given to another when the origin fails',
  async (t) => {
    const bench = new ShardBench();
    bench.ask(1, '/v/1.m4s');
    await bench.fill(
      [
        ['cache-control', 'max-age=60, stale-if-error=0'],
        ['etag', '"v1"'],
      ],
      'old',
    );
    bench.nowMs += 61_000;
    const headers: FieldLines = [['cache-control', 'max-stale=600, stale-if-error=600']];
    bench.ask(2, '/v/1.m4s', { headers });
    t.same(bench.kinds(2), ['object']);
    bench.ask(3, '/v/1.m4s');
    bench.origin.next().fail('GW_ORIGIN_CONNECT');
    await settled();
    t.same(bench.kinds(3), ['refused']);
  },
);

t.test(
  'a 304 that brings another Vary answers those who want the same, and nobody else',
  async (t) => {
    const bench = new ShardBench();
    bench.ask(1, '/v/a.json', IN('en'));
    await bench.fill(FRESH, 'english');
    bench.nowMs += 61_000;
    for (const [id, language] of [
      [2, 'en'],
      [3, 'de'],
      [4, 'en'],
    ] as const) {
      bench.ask(id, '/v/a.json', IN(language));
    }
    bench.origin.next().answer(304, [...FRESH, ['vary', 'accept-language']], '');
    await settled();
    t.same([bench.kinds(2), bench.kinds(4)], [['object'], ['object']]);
    t.same(bench.kinds(3), []);
    bench.origin.next().answer(200, [...FRESH, ['vary', 'accept-language']], 'deutsch');
    await settled();
    bench.ask(5, '/v/a.json', IN('de'));
    t.equal(bench.body(5), 'deutsch');
    bench.ask(6, '/v/a.json', IN('en'));
    t.same(bench.kinds(6), [], 'stored under a rule that no longer holds');
  },
);

t.test('a 304 that makes an answer anonymous is given to none with credentials', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/v/a.html');
  await bench.fill([...FRESH, ['content-type', 'text/html']], 'page');
  bench.nowMs += 61_000;
  bench.ask(2, '/v/a.html');
  bench.ask(3, '/v/a.html', COOKIE);
  bench.origin.next().answer(
    304,
    [
      ['etag', '"v1"'],
      ['cache-control', 'must-understand'],
      ['last-modified', 'Sat, 21 Nov 2020 00:00:00 GMT'],
    ],
    '',
  );
  await settled();
  t.same(bench.kinds(2), ['object']);
  t.same(bench.kinds(3), []);
  bench.origin.next().answer(200, [['cache-control', 'private']], 'yours');
  await settled();
  t.same(bench.kinds(3), ['head', 'chunk', 'end']);
});
