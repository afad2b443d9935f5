import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import { settled, ShardBench, until } from '../../support/shard.js';

const MIB = 1_048_576;
const FRESH: FieldLines = [
  ['cache-control', 'max-age=60'],
  ['content-type', 'video/iso.segment'],
];
const TAGGED: FieldLines = [...FRESH, ['etag', '"v1"']];
const DATE = ['date', 'Sat, 21 Nov 2026 00:00:00 GMT'] as const;

/** A shard that holds `body` under `key`, stale by now. */
async function withStale(
  headers: FieldLines,
  cache: ConstructorParameters<typeof ShardBench>[0] = {},
): Promise<ShardBench> {
  const bench = new ShardBench(cache);
  bench.ask(1, '/v/1.m4s');
  await bench.fill(headers, 'old');
  bench.nowMs += 61_000;
  return bench;
}

t.test('a relay sends no more than its client took', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/api/big');
  const request = bench.origin.next();
  request.head(200, [['cache-control', 'no-store']]);
  const chunk = 'x'.repeat(MIB / 2);
  for (let i = 0; i < 6; i += 1) request.chunk(chunk);
  request.end();
  await settled();
  const chunks = (): number => bench.kinds(1).filter((kind) => kind === 'chunk').length;
  t.equal(chunks(), 2, 'one window');
  t.ok(request.pulls <= 3, 'the origin is not pulled further');
  for (let sent = 3; sent <= 6; sent += 1) {
    bench.shard.receive({ kind: 'credit', id: 1, shard: 0, bytes: MIB / 2 }, 0);
    await settled();
    t.equal(chunks(), sent);
  }
  t.same(bench.kinds(1).at(-1), 'end');
  t.equal(bench.shard.activeFills, 0);
});

t.test('a relay passes on what each chunk said, though the origin lends its bytes', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/api/big');
  const request = bench.origin.next();
  request.head(200, [['cache-control', 'no-store']]);
  for (const text of ['first', 'second', 'third']) request.chunk(text);
  request.end();
  await settled();
  const said = bench.about(1).flatMap((message) => {
    return message.kind === 'chunk' ? [Buffer.from(message.bytes).toString()] : [];
  });
  t.same(said, ['first', 'second', 'third']);
});

t.test('a relay whose client leaves ends, also while it waits for credit', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/api/big');
  const request = bench.origin.next();
  request.head(200, [['cache-control', 'no-store']]);
  for (let i = 0; i < 4; i += 1) request.chunk('x'.repeat(MIB));
  await settled();
  bench.cancel(1);
  await until(() => bench.shard.activeFills === 0);
  t.ok(request.signal.aborted);
  t.ok(request.given);
});

t.test('a relay that breaks off tells its client so', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/api/big');
  const request = bench.origin.next();
  request.head(200, [['cache-control', 'no-store']]);
  request.chunk('half');
  await settled();
  request.fail('GW_ORIGIN_BODY_SHORT');
  await until(() => bench.shard.activeFills === 0);
  t.equal(bench.the('end', 1).code, 'GW_ORIGIN_BODY_SHORT');
});

t.test(
  'a relay whose messages cannot be delivered is not continued with a hole in it',
  async (t) => {
    const bench = new ShardBench();
    bench.ask(1, '/api/big');
    const request = bench.origin.next();
    request.head(200, [['cache-control', 'no-store']]);
    await settled();
    bench.deaf.add(0);
    request.chunk('lost');
    await settled();
    bench.deaf.delete(0);
    request.chunk('more');
    request.end();
    await settled();
    t.same(bench.kinds(1), ['head']);
    t.ok(request.given);
  },
);

t.test('a 304 renews what is stored, with the fields it brings', async (t) => {
  const bench = await withStale([...TAGGED, ['x-build', '1'], DATE]);
  const before = bench.the('filling', 1).descriptor;
  bench.ask(2, '/v/1.m4s');
  bench.ask(3, '/v/1.m4s', { worker: 1 });
  const request = bench.origin.next();
  t.equal(request.header('if-none-match'), '"v1"');
  request.answer(304, [
    ['cache-control', 'max-age=120'],
    ['etag', '"v1"'],
    ['x-build', '2'],
    ['content-length', '999'],
  ]);
  await settled();
  for (const [id, worker] of [
    [2, 0],
    [3, 1],
  ] as const) {
    const { descriptor, served } = bench.the('object', id, worker);
    t.match(served, { hit: false, fwd: 'stale', fwdStatus: 304, stored: true });
    t.equal(served.collapsed ?? false, id === 3);
    t.same(
      descriptor.fields.filter(([name]) => name === 'x-build'),
      [['x-build', '2']],
    );
    t.equal(descriptor.storedBytes, 3, 'the length is that of the body there is');
    t.equal(descriptor.freshness.ttlMs, 120_000);
    t.equal(bench.body(id, worker), 'old');
  }
  t.notOk(bench.view(1).acquire(before.slot, before.generation), 'what workers have found is void');
  bench.ask(4, '/v/1.m4s');
  t.equal(bench.the('object', 4).served.hit, true);
  t.equal(bench.counters.revalidated, 1);
});

t.test('an answer is good though another one has renewed or evicted it on its way', async (t) => {
  const bench = new ShardBench();
  bench.keepsLeases = true;
  bench.ask(1, '/v/1.m4s', { worker: 1 });
  await bench.fill(
    [
      ['cache-control', 'no-cache'],
      ['etag', '"a"'],
    ],
    'body',
  );
  const { slot } = bench.the('filling', 1, 1).descriptor;
  t.equal(bench.view(0).leases(slot), 1, 'of the one who is told');
  for (const id of [2, 3]) {
    bench.ask(id, '/v/1.m4s', { worker: 1 });
    bench.origin.next().answer(304, [['etag', '"a"']], '');
    await settled();
    t.equal(bench.the('object', id, 1).served.fwdStatus, 304);
  }
  t.equal(bench.view(0).leases(slot), 3);
  bench.shard.purge({ keys: ['/v/1.m4s'], soft: false });
  bench.ask(4, '/v/2.m4s', { worker: 1 });
  await bench.fill([], 'next');
  t.not(bench.the('filling', 4, 1).descriptor.slot, slot, 'its room is taken');
  for (let told = 0; told < 3; told += 1) bench.view(1).release(slot);
  bench.shard.tick();
  t.equal(bench.shard.store.retiredCount, 0);
});

t.test('an answer that could not be sent holds nothing', async (t) => {
  const bench = new ShardBench();
  bench.keepsLeases = true;
  bench.ask(1, '/v/1.m4s');
  await bench.fill([['cache-control', 'max-age=60']], 'body');
  const { slot } = bench.the('filling', 1).descriptor;
  bench.view(0).release(slot);
  bench.deaf.add(1);
  bench.ask(2, '/v/1.m4s', { worker: 1 });
  t.equal(bench.view(0).leases(slot), 0);
});

t.test('a 304 about another representation is asked again without conditions', async (t) => {
  const bench = await withStale(TAGGED);
  bench.ask(2, '/v/1.m4s');
  bench.origin.next().answer(304, [['etag', '"v2"']]);
  await settled();
  const again = bench.origin.requests[2];
  t.equal(again?.header('if-none-match'), undefined);
  await bench.fill([...FRESH, ['etag', '"v2"']], 'new');
  bench.ask(3, '/v/1.m4s');
  t.equal(bench.body(3), 'new');
});

t.test('a 304 to a request without conditions is an error, whatever is stored', async (t) => {
  const bench = await withStale(TAGGED);
  bench.ask(2, '/v/1.m4s');
  bench.origin.next().answer(304, [['etag', '"v2"']]);
  await settled();
  bench.origin.next().answer(304, [['etag', '"v1"']]);
  await settled();
  t.equal(bench.the('refused', 2).code, 'GW_ORIGIN_PROTOCOL');
  bench.ask(3, '/w/1.m4s');
  await bench.fill([], '', 304);
  t.equal(bench.the('refused', 3).code, 'GW_ORIGIN_PROTOCOL');
});

t.test('a 304 for what was evicted meanwhile is not taken for what lies there now', async (t) => {
  const bench = await withStale(TAGGED, { arenaBytes: 65_536 });
  bench.ask(2, '/v/1.m4s'); // revalidates
  const late = bench.origin.next();
  const big = 'b'.repeat(32_768);
  for (const id of [3, 4]) {
    bench.ask(id, `/w/${id}.m4s`);
    await bench.fill([...FRESH, ['content-length', String(big.length)]], big);
  }
  t.ok(bench.counters.evictions > 0, 'the old one had to go');
  late.answer(304, [['etag', '"v1"']]);
  await settled();
  t.same(bench.kinds(2), [], 'asked again');
  bench.ask(5, '/w/4.m4s');
  t.equal(bench.body(5), big, 'others are as they were');
  await bench.fill(TAGGED, 'new');
  t.same(bench.kinds(2), ['filling']);
  bench.ask(6, '/v/1.m4s');
  t.equal(bench.body(6), 'new');
});

t.test('stale-if-error answers for an origin that fails, and gives it a pause', async (t) => {
  const failures = [
    [
      'status',
      (bench: ShardBench) => {
        bench.origin.next().answer(503, [], 'down');
      },
    ],
    [
      'connect',
      (bench: ShardBench) => {
        bench.origin.next().fail('GW_ORIGIN_CONNECT');
      },
    ],
  ] as const;
  for (const [why, failing] of failures) {
    const bench = await withStale([
      ['cache-control', 'max-age=60, stale-if-error=600'],
      ['etag', '"v1"'],
    ]);
    bench.ask(2, '/v/1.m4s');
    bench.ask(3, '/v/1.m4s');
    failing(bench);
    await settled();
    for (const id of [2, 3]) {
      t.equal(bench.body(id), 'old', why);
      t.equal(bench.the('object', id).served.hit, true);
    }
    bench.ask(4, '/v/1.m4s');
    t.equal(bench.body(4), 'old', 'not asked again at once');
    t.equal(bench.origin.requests.length, 2);
    bench.nowMs += 1_000;
    bench.ask(5, '/v/1.m4s');
    t.equal(bench.origin.requests.length, 3, 'but a second later');
    bench.nowMs += 600_000;
    failing(bench);
    await settled();
    t.not(bench.kinds(5)[0], 'object', 'the window has passed');
  }
});

t.test("one request's stale-if-error does not speak for the next one", async (t) => {
  const bench = await withStale(TAGGED);
  bench.ask(2, '/v/1.m4s', { headers: [['cache-control', 'stale-if-error=600']] });
  bench.origin.next().fail('GW_ORIGIN_CONNECT');
  await settled();
  t.equal(bench.body(2), 'old');
  bench.ask(3, '/v/1.m4s');
  t.same(bench.kinds(3), [], 'it asks the origin');
  bench.origin.next().fail('GW_ORIGIN_CONNECT');
  await settled();
  t.equal(bench.the('refused', 3).code, 'GW_ORIGIN_CONNECT');
});

t.test('must-revalidate keeps stale content from an outage', async (t) => {
  const bench = await withStale([
    ['cache-control', 'max-age=60, must-revalidate, stale-if-error=600'],
    ['etag', '"v1"'],
  ]);
  bench.ask(2, '/v/1.m4s');
  bench.origin.next().fail('GW_ORIGIN_CONNECT');
  await settled();
  t.equal(bench.the('refused', 2).code, 'GW_ORIGIN_CONNECT');
});

t.test('a client that leaves during a revalidation is no failure of the origin', async (t) => {
  const bench = await withStale([
    ['cache-control', 'max-age=60, stale-if-error=600'],
    ['etag', '"v1"'],
  ]);
  bench.ask(2, '/v/1.m4s');
  bench.cancel(2);
  await settled();
  t.ok(bench.origin.next().signal.aborted);
  bench.ask(3, '/v/1.m4s');
  t.same(bench.kinds(3), [], 'the next one asks at once');
  t.equal(bench.origin.requests.length, 3);
  t.equal(bench.counters.originErrors, 0);
});

t.test(
  'stale-while-revalidate serves the old and fetches once, for nobody in particular',
  async (t) => {
    const bench = await withStale([
      ['cache-control', 'max-age=60, stale-while-revalidate=600'],
      ['etag', '"v1"'],
    ]);
    for (const id of [2, 3]) {
      bench.ask(id, '/v/1.m4s');
      t.equal(bench.body(id), 'old');
      t.match(bench.the('object', id).served, { hit: true, detail: 'stale-while-revalidate' });
    }
    t.equal(bench.origin.requests.length, 2);
    await bench.fill(FRESH, 'new');
    bench.ask(4, '/v/1.m4s');
    t.equal(bench.body(4), 'new');
    t.equal(bench.about(2).length, 1, 'who was answered hears no more');
  },
);

t.test('a body that is short or over-long is never stored', async (t) => {
  const bodies = [
    ['abc', 'GW_ORIGIN_BODY_SHORT'],
    ['abcdef', 'GW_ORIGIN_PROTOCOL'],
  ] as const;
  for (const [body, code] of bodies) {
    const bench = new ShardBench();
    bench.ask(1, '/v/1.m4s');
    await bench.fill([...FRESH, ['content-length', '4']], body);
    const { fill, descriptor } = bench.the('filling', 1);
    t.match(bench.end(fill)?.end, { ok: false, code });
    t.notOk(bench.view(0).acquire(descriptor.slot, descriptor.generation));
    t.equal(bench.shard.store.storedBytes, 0);
    t.equal(bench.shard.store.freeBytes, 1_048_576, 'the room is free again');
    bench.ask(2, '/v/1.m4s');
    t.equal(bench.origin.requests.length, 2);
  }
});

t.test('a body of unknown length grows piece by piece and is cut to what it is', async (t) => {
  const bench = new ShardBench({ arenaBytes: 4 * MIB });
  bench.ask(1, '/v/1.m4s');
  const request = bench.origin.next();
  request.head(200, FRESH);
  const piece = 'abcdefgh'.repeat(5_000);
  for (let i = 0; i < 20; i += 1) request.chunk(piece);
  request.end();
  await settled();
  const { fill, descriptor } = bench.the('filling', 1);
  t.match([descriptor.storedBytes, descriptor.totalBytes], [-1, -1]);
  const told = bench.sent.flatMap(({ message }) =>
    message.kind === 'progress' && message.fill === fill ? [message] : [],
  );
  t.ok((told.at(-1)?.extents?.length ?? 0) > 1, 'followers hear of the new extents');
  bench.ask(2, '/v/1.m4s');
  t.equal(bench.body(2), piece.repeat(20));
  t.equal(bench.the('object', 2).descriptor.totalBytes, piece.length * 20);
  t.ok(4 * MIB - bench.shard.store.freeBytes < piece.length * 20 + 131_072, 'little is wasted');
});

t.test('an object larger than the limit is relayed', async (t) => {
  const bench = new ShardBench({ cache: { maxObject: 4_096 } });
  bench.ask(1, '/v/1.m4s');
  await bench.fill([...FRESH, ['content-length', '5000']], 'x'.repeat(5_000));
  t.same(bench.kinds(1), ['head', 'chunk', 'end']);
  t.equal(bench.the('head', 1).served.detail, 'too-large');
  bench.ask(2, '/v/1.m4s');
  t.same(bench.kinds(2), ['bypass'], 'the next one need not find out');
  bench.nowMs += 60_000;
  bench.ask(3, '/v/1.m4s');
  t.equal(bench.origin.requests.length, 2);
});

t.test('an arena held by readers passes objects by, and takes them again later', async (t) => {
  const bench = new ShardBench({ arenaBytes: 73_728 }); // two, each with room for its text
  const body = 'x'.repeat(32_768);
  const headers: FieldLines = [...FRESH, ['content-length', '32768']];
  for (const id of [1, 2]) {
    bench.ask(id, `/v/${id}.m4s`);
    await bench.fill(headers, body);
    const { slot, generation } = bench.the('object', id).descriptor;
    t.ok(bench.view(1).acquire(slot, generation));
  }
  bench.ask(3, '/v/3.m4s');
  await bench.fill(headers, body);
  t.same(bench.kinds(3), ['head', 'chunk', 'end']);
  bench.view(1).release(bench.the('object', 1).descriptor.slot);
  bench.ask(4, '/v/4.m4s');
  await bench.fill(headers, body);
  t.same(bench.kinds(4), ['object']);
});

t.test('a growing body waits for room until readers leave', async (t) => {
  const bench = new ShardBench({ arenaBytes: 262_144, cache: { maxObject: 262_144 } });
  bench.ask(1, '/v/1.m4s');
  await bench.fill([...FRESH, ['content-length', '131072']], 'x'.repeat(131_072));
  const { slot, generation } = bench.the('object', 1).descriptor;
  t.ok(bench.view(1).acquire(slot, generation));
  bench.ask(2, '/v/2.m4s');
  const request = bench.origin.next();
  request.head(200, FRESH);
  request.chunk('y'.repeat(65_536));
  request.chunk('y'.repeat(100_000));
  request.end();
  await settled();
  t.equal(bench.shard.activeFills, 1, 'no room yet');
  bench.view(1).release(slot);
  bench.shard.tick();
  await until(() => bench.shard.activeFills === 0);
  bench.ask(3, '/v/2.m4s');
  t.equal(bench.body(3), 'y'.repeat(165_536));
});

t.test('a growing body gives up when readers hold the room for too long', async (t) => {
  const bench = new ShardBench({ arenaBytes: 262_144, cache: { maxObject: 262_144 } });
  bench.ask(1, '/v/1.m4s');
  await bench.fill([...FRESH, ['content-length', '131072']], 'x'.repeat(131_072));
  const { slot, generation } = bench.the('object', 1).descriptor;
  bench.view(1).acquire(slot, generation);
  bench.ask(2, '/v/2.m4s');
  const request = bench.origin.next();
  request.head(200, FRESH);
  request.chunk('y'.repeat(165_536));
  await settled();
  bench.nowMs += 11_000;
  bench.shard.tick();
  await until(() => bench.shard.activeFills === 0);
  t.match(bench.end(bench.the('filling', 2).fill)?.end, { ok: false, code: 'GW_ARENA_FULL' });
});
