import t from 'tap';
import { ShardBench, until } from '../support/shard.js';

const FRESH = [
  ['cache-control', 'max-age=60'],
  ['content-type', 'video/iso.segment'],
] as const;
const length = (body: string): readonly ['content-length', string] => [
  'content-length',
  String(body.length),
];

t.test('Shard asks the origin once for any number of equal asks from two workers', async (t) => {
  const bench = new ShardBench();
  for (let id = 1; id <= 50; id += 1) bench.ask(id, '/v/1.m4s', { worker: id % 2 });
  t.equal(bench.origin.requests.length, 1);
  t.equal(bench.shard.activeFills, 1);
  const request = bench.origin.next();
  request.head(200, [...FRESH, length('abcdef')]);
  await until(() => bench.kinds(50, 0).length > 0);
  for (let id = 1; id <= 50; id += 1) {
    const { served } = bench.the('filling', id, id % 2);
    t.equal(served.collapsed ?? false, id !== 1, 'all but the first joined');
  }
  request.chunk('abc');
  const { fill } = bench.the('filling', 1, 1);
  await until(() => bench.view(0).written(bench.the('filling', 1, 1).descriptor.slot) === 3);
  bench.ask(51, '/v/1.m4s');
  t.same(bench.kinds(51), ['filling'], 'a late one joins the bytes that are there');
  request.chunk('def');
  request.end();
  await until(() => bench.shard.activeFills === 0);
  for (const worker of [0, 1]) {
    t.same(bench.end(fill, worker)?.end, { ok: true }, `worker ${worker}`);
  }
  bench.ask(52, '/v/1.m4s', { worker: 1 });
  t.equal(bench.body(52, 1), 'abcdef');
  t.equal(bench.the('object', 52, 1).served.hit, true);
  t.equal(bench.origin.requests.length, 1);
});

t.test('Shard tells each following worker of progress once a turn, not each ask', async (t) => {
  const bench = new ShardBench();
  for (const id of [1, 2, 3]) bench.ask(id, '/v/1.m4s');
  const request = bench.origin.next();
  request.head(200, [...FRESH, length('abcd')]);
  await until(() => bench.kinds(3).length > 0);
  await until(() => bench.sent.some(({ message }) => message.kind === 'progress'));
  const written = async (...chunks: string[]): Promise<unknown[]> => {
    const before = bench.sent.length;
    for (const chunk of chunks) request.chunk(chunk);
    await until(() => bench.sent.length > before);
    return bench.sent.slice(before).map(({ message }) => message);
  };
  t.match(await written('a'), [{ kind: 'progress', written: 1, end: undefined }], 'at once');
  t.match(await written('b', 'c'), [{ kind: 'progress', written: 3, end: undefined }]);
  request.fail('GW_ORIGIN_TIMEOUT');
  await until(() => bench.shard.activeFills === 0);
});

t.test('Shard decides anew for those whom the answer to another does not suit', async (t) => {
  const bench = new ShardBench();
  const asks = [
    [1, 'en'],
    [2, 'fr'],
    [3, 'en'],
    [4, 'fr'],
  ] as const;
  for (const [id, language] of asks) {
    bench.ask(id, '/v/list.json', { headers: [['accept-language', language]] });
  }
  t.equal(bench.origin.requests.length, 1, 'nothing was known of Vary');
  await bench.fill([...FRESH, ['vary', 'Accept-Language']], 'hello');
  t.same(bench.kinds(1), ['filling']);
  t.same(bench.kinds(3), ['filling']);
  t.same([bench.kinds(2), bench.kinds(4)], [[], []]);
  t.equal(bench.origin.requests.length, 2, 'one more for both of the other language');
  t.equal(bench.origin.requests[1]?.request.headers[0]?.[1], 'fr');
  await bench.fill([...FRESH, ['vary', 'Accept-Language']], 'bonjour');
  t.same([bench.kinds(2), bench.kinds(4)], [['filling'], ['filling']]);
  bench.ask(5, '/v/list.json', { headers: [['accept-language', 'fr']] });
  bench.ask(6, '/v/list.json', { headers: [['accept-language', 'EN']] });
  t.same([bench.body(5), bench.body(6)], ['bonjour', 'hello']);
});

t.test('Shard folds those who come while the first varying answer is under way', async (t) => {
  const bench = new ShardBench();
  const headers = [['accept-language', 'en']] as const;
  bench.ask(1, '/v/list.json', { headers });
  const request = bench.origin.next();
  request.head(200, [...FRESH, ['vary', 'Accept-Language']]);
  await until(() => bench.kinds(1).length > 0);
  bench.ask(2, '/v/list.json', { headers });
  t.same(bench.kinds(2), ['filling']);
  t.equal(bench.origin.requests.length, 1);
  bench.ask(3, '/v/list.json', { headers: [['accept-language', 'fr']] });
  t.equal(bench.origin.requests.length, 2);
  request.end();
  await until(() => bench.shard.activeFills === 1);
});

t.test('Shard survives an origin that changes its mind about Vary while fills run', async (t) => {
  const bench = new ShardBench();
  const english = [['accept-language', 'en']] as const;
  const french = [['accept-language', 'fr']] as const;
  bench.ask(1, '/v/list.json', { headers: english });
  const first = bench.origin.next();
  first.head(200, [...FRESH, ['vary', 'Accept-Language']]);
  await until(() => bench.kinds(1).length > 0);
  bench.ask(2, '/v/list.json', { headers: french });
  bench.origin.next().head(200, FRESH);
  await until(() => bench.kinds(2).length > 0);
  bench.ask(3, '/v/list.json', { headers: french });
  bench.ask(4, '/v/list.json', { headers: english });
  t.same([bench.kinds(3), bench.kinds(4)], [['filling'], ['filling']]);
  t.equal(bench.the('filling', 4).fill, bench.the('filling', 2).fill);
  t.not(bench.the('filling', 4).fill, bench.the('filling', 1).fill);
});

t.test(
  'Shard relays an uncacheable answer to the leader and lets the others go alone',
  async (t) => {
    const bench = new ShardBench();
    bench.ask(1, '/api/me');
    bench.ask(2, '/api/me');
    bench.ask(3, '/api/me', { worker: 1 });
    await bench.fill([['cache-control', 'private']], 'secret');
    t.same(bench.kinds(1), ['head', 'chunk', 'end']);
    t.match(bench.the('head', 1), {
      head: { status: 200 },
      served: { hit: false, fwd: 'uri-miss', fwdStatus: 200, detail: 'private' },
    });
    t.equal(Buffer.from(bench.the('chunk', 1).bytes).toString(), 'secret');
    t.equal(bench.the('end', 1).code, undefined);
    t.same([bench.kinds(2), bench.kinds(3, 1)], [['bypass'], ['bypass']]);
    bench.ask(4, '/api/me');
    t.equal(bench.origin.requests.length, 2, 'one at a time still leads');
    bench.ask(5, '/api/me');
    t.same(bench.kinds(5), ['bypass'], 'but nobody waits for him');
    await bench.fill(FRESH, 'public');
    bench.ask(6, '/api/me');
    t.equal(bench.body(6), 'public');
    bench.nowMs += 61_000;
    bench.ask(7, '/api/me');
    bench.ask(8, '/api/me');
    t.same(bench.kinds(8), [], 'an answer that can be shared ends it');
  },
);

t.test('Shard lets a request with no-store go alone, and joins nobody to it', (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/v/1.m4s', { headers: [['cache-control', 'no-store']] });
  t.same(bench.kinds(1), ['bypass']);
  t.equal(bench.origin.requests.length, 0);
  t.end();
});

t.test('Shard answers a crowd when the origin fails', async (t) => {
  const bench = new ShardBench();
  for (const id of [1, 2, 3]) bench.ask(id, '/v/1.m4s');
  await bench.fill([['retry-after', '9']], 'down', 503);
  t.same(bench.kinds(1), ['head', 'chunk', 'end'], 'the leader gets what the origin said');
  t.equal(bench.origin.requests.length, 2, 'the others elect another, whose fault it was not');
  bench.ask(5, '/v/1.m4s');
  bench.origin.requests[1]?.fail('GW_ORIGIN_CONNECT');
  await until(() => bench.shard.activeFills === 0);
  for (const id of [2, 3, 5]) t.equal(bench.the('refused', id).code, 'GW_ORIGIN_CONNECT');
  t.equal(bench.counters.fillsFailed, 1);
});

t.test('Shard passes a 1xx on to the leader, whose request it answers', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/v/1.m4s');
  bench.ask(2, '/v/1.m4s');
  bench.origin.requests[0]?.request.onInformational?.(103, [['link', '</a>']]);
  t.same(bench.the('informational', 1).head, { status: 103, fields: [['link', '</a>']] });
  t.same(bench.kinds(2), []);
  await bench.fill(FRESH, 'x');
});

t.test('Shard answers only-if-cached from what it has, or not at all', async (t) => {
  const bench = new ShardBench();
  const headers = [['cache-control', 'only-if-cached']] as const;
  bench.ask(1, '/v/1.m4s', { headers });
  t.equal(bench.the('refused', 1).code, 'GW_ONLY_IF_CACHED');
  t.equal(bench.origin.requests.length, 0);
  bench.ask(2, '/v/1.m4s');
  await bench.fill(FRESH, 'abc');
  bench.ask(3, '/v/1.m4s', { headers });
  t.equal(bench.body(3), 'abc');
  bench.nowMs += 61_000;
  bench.ask(4, '/v/1.m4s', { headers });
  t.equal(bench.the('refused', 4).code, 'GW_ONLY_IF_CACHED', 'stale, and asking is forbidden');
  t.equal(bench.origin.requests.length, 1);
});

t.test('Shard refuses everything once closed, and aborts what is under way', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/v/1.m4s');
  bench.shard.close();
  t.ok(bench.origin.next().signal.aborted);
  bench.ask(2, '/v/2.m4s');
  t.equal(bench.the('refused', 2).code, 'GW_SHUTTING_DOWN');
  await until(() => bench.shard.activeFills === 0);
  t.same(bench.kinds(1), ['refused'], 'who waited is told');
});

t.test('Shard keeps no trace of keys that it neither stores nor fetches', async (t) => {
  const bench = new ShardBench({ limits: { fills: 1, queue: 2 } });
  const index = (): number => bench.shard.purge({ prefix: '/nothing', soft: false });
  bench.ask(1, '/v/1.m4s');
  for (let id = 2; id < 20; id += 1) bench.ask(id, `/v/${id}.m4s`);
  bench.nowMs += 60_000;
  bench.shard.tick();
  await bench.fill([['cache-control', 'no-store']], 'x');
  t.equal(index(), 0);
  t.equal(bench.shard.knownKeys, 0);
});
