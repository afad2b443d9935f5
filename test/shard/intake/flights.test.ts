/** Whose answer it is: leaders, those who wait beside them, and what each gets. */
import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import { askFor, settled, ShardBench, until } from '../../support/shard.js';

const FRESH: FieldLines = [
  ['cache-control', 'max-age=60'],
  ['content-type', 'video/iso.segment'],
];
const ALICE: FieldLines = [['cookie', 'alice']];
const BOB: FieldLines = [['cookie', 'bob']];
const PRIVATE: readonly (readonly [string, number, FieldLines])[] = [
  ['private', 200, [['cache-control', 'private']]],
  ['no-store', 200, [['cache-control', 'no-store']]],
  [
    'a cookie',
    200,
    [
      ['cache-control', 'max-age=60'],
      ['set-cookie', 'session=alice'],
    ],
  ],
  ['forbidden', 403, []],
];

for (const [name, status, fields] of PRIVATE) {
  t.test(`an answer that is its leader's goes to nobody when he has left (${name})`, async (t) => {
    const bench = new ShardBench();
    bench.ask(1, '/api/me', { headers: ALICE, credentialed: true });
    bench.ask(2, '/api/me', { headers: BOB, credentialed: true, worker: 1 });
    bench.cancel(1);
    await bench.fill(fields, 'for alice', status);
    t.same(bench.kinds(1), []);
    t.notOk(bench.kinds(2, 1).includes('head'), 'not what was made for another');
    const elected = bench.origin.requests[1];
    if (elected === undefined) t.same(bench.kinds(2, 1), ['bypass']);
    else t.match(elected.request.headers, BOB, 'now with his own credentials');
    t.equal(elected !== undefined, status >= 400);
  });
}

t.test('an answer that can be shared reaches those who wait for a leader who left', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/v/1.m4s');
  bench.ask(2, '/v/1.m4s', { worker: 1 });
  bench.cancel(1);
  await bench.fill(FRESH, 'abc');
  t.same(bench.kinds(2, 1), ['filling']);
});

t.test('whose place among the fills another has taken stores what it brings', async (t) => {
  const bench = new ShardBench();
  const page: FieldLines = [
    ['last-modified', 'Sun, 01 Nov 2026 00:00:00 GMT'],
    ['content-type', 'text/html'],
  ];
  bench.ask(1, '/page');
  const first = bench.origin.next();
  first.head(200, page);
  first.chunk('for every');
  await settled();
  t.same(bench.kinds(1), ['filling'], 'those without credentials alone may have it');
  bench.ask(2, '/page', { headers: ALICE, credentialed: true });
  await bench.fill([['cache-control', 'private']], 'for alice');
  bench.shard.tick();
  first.chunk('body');
  first.end();
  await settled();
  t.match(bench.end(bench.the('filling', 1).fill), { end: { ok: true } });
  bench.ask(3, '/page');
  t.equal(bench.body(3), 'for everybody');
  t.equal(bench.counters.fillsFailed, 0);
});

t.test('who asks when a body has come for longer than it lives begins another fill', async (t) => {
  const bench = new ShardBench();
  const fields: FieldLines = [
    ['cache-control', 'max-age=2'],
    ['etag', '"1"'],
  ];
  bench.ask(1, '/v/1.m4s');
  const old = bench.origin.next();
  old.head(200, fields);
  old.chunk('version ');
  await settled();
  bench.nowMs += 1_999;
  bench.ask(2, '/v/1.m4s');
  t.same(bench.kinds(2), ['filling'], 'it is fresh');
  bench.nowMs += 1;
  bench.ask(3, '/v/1.m4s');
  bench.ask(4, '/v/1.m4s');
  t.equal(bench.origin.requests.length, 2, 'the two ask for a new one');
  await bench.fill(fields, 'version 2');
  old.chunk('1');
  old.end();
  await settled();
  const { fill } = bench.the('filling', 3);
  t.equal(bench.the('filling', 4).fill, fill);
  t.not(bench.the('filling', 1).fill, fill);
  t.match(bench.end(bench.the('filling', 1).fill), { end: { ok: true } }, 'whole, if old');
  bench.ask(5, '/v/1.m4s');
  t.equal(bench.body(5), 'version 2', 'what is older does not replace it');
  t.equal(bench.origin.requests.length, 2);
});

t.test('a purge reaches a fill whose place another has taken', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/page');
  const first = bench.origin.next();
  first.head(200, [
    ['last-modified', 'Sun, 01 Nov 2026 00:00:00 GMT'],
    ['content-type', 'text/html'],
  ]);
  await settled();
  bench.ask(2, '/page', { headers: ALICE, credentialed: true });
  t.equal(bench.origin.requests.length, 2);
  bench.shard.purge({ keys: ['/page'], soft: false });
  first.chunk('outdated');
  first.end();
  await settled();
  t.equal(bench.shard.store.count, 0);
  bench.ask(3, '/page');
  t.equal(bench.origin.requests.length, 3);
});

t.test('who has no credentials does not suffer from an answer to one who has', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/page', { headers: ALICE, credentialed: true });
  for (const id of [2, 3]) bench.ask(id, '/page');
  bench.ask(4, '/page', { headers: BOB, credentialed: true });
  await bench.fill([['cache-control', 'private']], 'for alice');
  t.same(bench.kinds(4), ['bypass']);
  const names = bench.origin.requests[1]?.request.headers.map(([name]) => name);
  t.notOk(names?.includes('cookie'));
  t.equal(bench.origin.requests.length, 2, 'one of the two leads');
  await bench.fill(FRESH, 'for all');
  for (const id of [2, 3]) t.same(bench.kinds(id), ['filling']);
});

t.test('what a leader brings upon himself is his alone', async (t) => {
  for (const [how, told] of [
    ['GW_BAD_REQUEST', 'refused'],
    ['GW_ORIGIN_IO', 'refused'],
  ] as const) {
    const bench = new ShardBench();
    for (const id of [1, 2, 3]) bench.ask(id, '/v/1.m4s');
    bench.origin.requests[0]?.fail(how);
    await until(() => bench.origin.requests.length === 2);
    t.same([bench.kinds(1), bench.kinds(2), bench.kinds(3)], [[told], [], []]);
    bench.origin.requests[1]?.answer(200, FRESH, 'abc');
    await settled();
    t.same([bench.kinds(2), bench.kinds(3)], [['filling'], ['filling']], how);
  }
});

t.test('a crowd before an origin that fails costs it three requests', async (t) => {
  const bench = new ShardBench();
  for (let id = 1; id <= 100; id += 1) bench.ask(id, '/v/1.m4s');
  for (let i = 0; i < 3; i += 1) await bench.fill([], 'down', 503);
  await until(() => bench.shard.activeFills === 0);
  t.equal(bench.origin.requests.length, 3);
  for (let id = 4; id <= 100; id += 1) t.equal(bench.the('refused', id).code, 'GW_ORIGIN_STATUS');
});

t.test('answers that are one requester’s own do not touch what is stored', async (t) => {
  for (const status of [401, 403, 407, 429, 500, 503, 416, 400]) {
    const bench = new ShardBench();
    bench.ask(1, '/v/1.m4s');
    await bench.fill(FRESH, 'abc');
    const headers: FieldLines = [['cache-control', 'no-cache']];
    bench.ask(2, '/v/1.m4s', { headers });
    await bench.fill([], 'no', status);
    bench.ask(3, '/v/1.m4s');
    t.equal(bench.body(3), 'abc', `${status}`);
  }
  const bench = new ShardBench();
  bench.ask(1, '/v/1.m4s');
  await bench.fill(FRESH, 'abc');
  bench.ask(2, '/v/1.m4s', {
    headers: [['cache-control', 'no-cache'], ...ALICE],
    credentialed: true,
  });
  await bench.fill([['cache-control', 'private']], 'for alice');
  bench.ask(3, '/v/1.m4s');
  t.equal(bench.body(3), 'abc', 'nor what is made for one person');
});

t.test(
  'clients have a fresh object refreshed once a second, as often as they like, or never',
  async (t) => {
    const headers: FieldLines = [['cache-control', 'no-cache']];
    for (const [clientRefresh, requests] of [
      ['honour', 5],
      ['damp', 3],
      ['ignore', 1],
    ] as const) {
      const bench = new ShardBench({ cache: { clientRefresh } });
      bench.ask(1, '/v/1.m4s');
      await bench.fill(FRESH, 'abc');
      for (const id of [2, 3, 4, 5]) {
        if (id === 4) bench.nowMs += 1_000;
        bench.ask(id, '/v/1.m4s', { headers });
        if (bench.kinds(id).length === 0) await bench.fill(FRESH, 'abc');
      }
      t.equal(bench.origin.requests.length, requests, clientRefresh);
    }
  },
);

t.test('a 204 has no body, whatever length it gives', async (t) => {
  const bench = new ShardBench();
  for (const id of [1, 2]) bench.ask(id, '/v/1.m4s');
  await bench.fill([...FRESH, ['content-length', '100']], '', 204);
  t.equal(bench.the('object', 1).descriptor.totalBytes, 0);
  await until(() => bench.shard.activeFills === 0);
  bench.ask(3, '/v/1.m4s');
  t.equal(bench.body(3), '');
  t.equal(bench.origin.requests.length, 1);
});

t.test('a crowd leaves in linear time', (t) => {
  const bench = new ShardBench();
  const CROWD = 40_000;
  for (let id = 1; id <= CROWD; id += 1) {
    bench.shard.receive({ kind: 'ask', id, shard: 0, request: askFor('/v/1.m4s') }, 0);
  }
  const startedMs = performance.now();
  for (let id = 1; id <= CROWD; id += 1) bench.cancel(id);
  const ms = performance.now() - startedMs;
  t.ok(ms < 2_000, `${ms} ms for ${CROWD}`);
  t.ok(bench.origin.requests[0]?.signal.aborted);
  t.end();
});

t.test('a range past the end of what is stored asks the origin, which may have more', async (t) => {
  const bench = new ShardBench();
  const etag = (tag: string): FieldLines => [...FRESH, ['etag', `"${tag}"`]];
  bench.ask(1, '/live/1.ts');
  await bench.fill([...etag('a'), ['content-length', '3']], 'abc');
  const headers: FieldLines = [['range', 'bytes=3-5']];
  const beyond = { headers, range: 'bytes=3-5', beyond: true };
  bench.ask(2, '/live/1.ts', beyond);
  const sent = bench.origin.requests[1]?.request.headers ?? [];
  t.equal(sent.find(([name]) => name === 'range')?.[1], 'bytes=3-5');
  await bench.fill([...etag('b'), ['content-range', 'bytes 3-5/6']], 'def', 206);
  t.match(bench.the('object', 2).descriptor, { status: 206, firstByte: 3, totalBytes: 6 });
  bench.ask(3, '/live/1.ts', { range: 'bytes=0-2' });
  t.equal(bench.origin.requests.length, 3, 'what was stored was of another state of the file');
});

t.test('that nothing lies behind the end is believed for a second of what is old', async (t) => {
  const bench = new ShardBench();
  const dated = (lastModified: string): FieldLines => [
    ...[...FRESH, ['content-length', '3'] as const],
    ['date', 'Sat, 21 Nov 2026 00:01:00 GMT'],
    ['last-modified', lastModified],
  ];
  bench.ask(1, '/live/1.ts');
  await bench.fill(dated('Sat, 21 Nov 2026 00:00:00 GMT'), 'abc');
  const headers: FieldLines = [['range', 'bytes=3-5']];
  const beyond = { headers, range: 'bytes=3-5', beyond: true };
  bench.ask(2, '/live/1.ts', beyond);
  await bench.fill([['content-range', 'bytes */3']], '', 416);
  t.equal(bench.the('head', 2).head.status, 416);
  bench.ask(3, '/live/1.ts', beyond);
  t.equal(bench.body(3), 'abc', 'its end is known');
  bench.nowMs += 1_000;
  bench.ask(4, '/live/1.ts', beyond);
  t.equal(bench.origin.requests.length, 3);
  bench.ask(5, '/live/2.ts');
  await bench.fill([['content-range', 'bytes */3']], '', 416);
  await bench.fill(dated('Sat, 21 Nov 2026 00:00:01 GMT'), 'abc');
  for (const id of [6, 7]) {
    const before = bench.origin.requests.length;
    bench.ask(id, '/live/2.ts', beyond);
    t.equal(bench.origin.requests.length, before + 1, 'what may be growing is asked for each time');
    await bench.fill([['content-range', 'bytes */3']], '', 416);
  }
});
