/** What a shard does when clients, workers and patience run out: cancel, forgetWorker, the queue. */
import t from 'tap';
import type { FieldLines } from '../../src/http/fields.js';
import { askFor, settled, ShardBench, until } from '../support/shard.js';

const FRESH: FieldLines = [
  ['cache-control', 'max-age=60'],
  ['content-type', 'video/iso.segment'],
];
const sized = (length: number): FieldLines => [...FRESH, ['content-length', String(length)]];

t.test('a fill goes on while anyone waits for it', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/v/1.m4s');
  bench.ask(2, '/v/1.m4s', { worker: 1 });
  bench.cancel(1);
  t.notOk(bench.origin.requests[0]?.signal.aborted, 'the leader alone has left');
  bench.cancel(2, 1);
  t.ok(bench.origin.requests[0]?.signal.aborted);
  await until(() => bench.shard.activeFills === 0);
  t.same([bench.kinds(1), bench.kinds(2, 1)], [[], []], 'nobody is told, as nobody is there');
  t.equal(bench.counters.originErrors, 0);
});

t.test('an abandoned fill goes on when nearly done, and is aborted otherwise', async (t) => {
  const MIB = 1_048_576;
  const rows = [
    [8 * MIB, 4 * MIB, true, 'half is here'],
    [8 * MIB, 3 * MIB, false, 'more than half is missing'],
    [2 * MIB, MIB / 2, false, '1.5 MiB are missing'],
    [MIB, 1, true, 'at most 1 MiB is missing'],
    [-1, MIB, false, 'nobody knows how much is missing'],
  ] as const;
  for (const [total, sent, goesOn, why] of rows) {
    const bench = new ShardBench({ arenaBytes: 32 * MIB });
    bench.ask(1, '/v/1.m4s');
    const request = bench.origin.next();
    request.head(200, total < 0 ? FRESH : sized(total));
    request.chunk('x'.repeat(sent));
    await settled();
    bench.cancel(1);
    t.equal(request.signal.aborted, !goesOn, why);
    if (goesOn) {
      request.chunk('x'.repeat(total - sent));
      request.end();
    }
    await until(() => bench.shard.activeFills === 0);
    t.equal(bench.shard.store.count, goesOn ? 1 : 0, why);
    t.equal(bench.shard.store.retiredCount, 0);
  }
});

t.test('an ask that comes right behind the last cancel gets a fill of its own', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/v/1.m4s');
  bench.cancel(1);
  bench.ask(2, '/v/1.m4s');
  t.equal(bench.origin.requests.length, 2, 'not the one that is being aborted');
  await settled();
  bench.origin.requests[1]?.answer(200, FRESH, 'abc');
  await settled();
  t.same(bench.kinds(2), ['filling']);
  bench.ask(3, '/v/1.m4s');
  t.equal(bench.body(3), 'abc');
});

t.test('fills beyond the limit wait, by lane, and start as others end', async (t) => {
  const bench = new ShardBench({ limits: { fills: 1 } });
  bench.ask(1, '/v/1.m4s');
  bench.ask(2, '/v/2.m4s', { lane: 2 });
  bench.ask(3, '/v/3.m4s', { lane: 1 });
  bench.ask(4, '/v/4.m4s', { lane: 0 });
  t.equal(bench.shard.queued, 3);
  const order: (string | undefined)[] = [];
  for (let i = 0; i < 4; i += 1) {
    order.push(bench.origin.requests[i]?.request.target);
    await bench.fill(FRESH, 'x');
  }
  t.same(order, ['/v/1.m4s', '/v/4.m4s', '/v/3.m4s', '/v/2.m4s']);
  t.equal(bench.shard.queued, 0);
});

t.test('what waited is not held up by one that the cache could answer', async (t) => {
  const bench = new ShardBench({ limits: { fills: 1 } });
  bench.ask(1, '/v/1.m4s');
  for (const id of [2, 3]) bench.ask(id, '/v/2.m4s');
  bench.ask(4, '/v/4.m4s');
  await bench.fill(FRESH, 'one');
  await bench.fill(FRESH, 'two');
  bench.shard.tick();
  t.equal(bench.body(3), 'two');
  t.equal(bench.origin.requests[2]?.request.target, '/v/4.m4s');
});

t.test('a full lane refuses, and says when to come back', (t) => {
  const bench = new ShardBench({ limits: { fills: 1, queue: 2 } });
  for (let id = 1; id <= 4; id += 1) bench.ask(id, `/v/${id}.m4s`);
  t.same(bench.kinds(3), [], 'waits');
  t.match(bench.the('refused', 4), { code: 'GW_MAILBOX_FULL', retryAfterS: 2 });
  bench.ask(5, '/v/5.m4s', { lane: 1 });
  t.same(bench.kinds(5), [], 'another lane has room');
  bench.ask(6, '/v/1.m4s');
  t.same(bench.kinds(6), [], 'joining a fill needs no place in the queue');
  t.equal(bench.shard.queued, 3);
  t.end();
});

t.test('each lane has its own patience', (t) => {
  const bench = new ShardBench({ limits: { fills: 1 } });
  bench.ask(1, '/v/1.m4s');
  for (const lane of [0, 1, 2] as const) bench.ask(10 + lane, `/v/lane-${lane}.m4s`, { lane });
  const refused = (): number[] =>
    [10, 11, 12].filter((id) => bench.kinds(id).includes('refused')).map((id) => id - 10);
  for (const [ms, want] of [
    [999, []],
    [1, [2]],
    [3_999, [2]],
    [1, [1, 2]],
    [4_999, [1, 2]],
    [1, [0, 1, 2]],
  ] as const) {
    bench.nowMs += ms;
    bench.shard.tick();
    t.same(refused(), want);
  }
  t.equal(bench.the('refused', 10).code, 'GW_MAILBOX_FULL');
  t.end();
});

t.test('who leaves the queue is not fetched for', async (t) => {
  const bench = new ShardBench({ limits: { fills: 1 } });
  bench.ask(1, '/v/1.m4s');
  for (const id of [2, 3, 4]) bench.ask(id, `/v/${id}.m4s`);
  bench.cancel(3);
  t.equal(bench.shard.queued, 2);
  for (let i = 0; i < 3; i += 1) await bench.fill(FRESH, 'x');
  t.same(
    bench.origin.requests.map(({ request }) => request.target),
    ['/v/1.m4s', '/v/2.m4s', '/v/4.m4s'],
  );
});

t.test('too many who wait for one object are refused', async (t) => {
  const bench = new ShardBench({ limits: { waiters: 2 } });
  for (const id of [1, 2, 3]) bench.ask(id, '/v/1.m4s');
  t.equal(bench.the('refused', 3).code, 'GW_MAILBOX_FULL');
  await bench.fill(FRESH, 'x');
  t.same(bench.kinds(2), ['filling']);
});

t.test('forgetWorker() stops what only a dead worker wanted', async (t) => {
  const bench = new ShardBench({ limits: { fills: 2 } });
  bench.ask(1, '/v/1.m4s', { worker: 1 });
  bench.ask(2, '/v/2.m4s', { worker: 1 });
  bench.ask(3, '/v/2.m4s');
  bench.ask(4, '/v/4.m4s', { worker: 1 }); // queued
  bench.ask(5, '/v/5.m4s');
  const first = bench.origin.next();
  const second = bench.origin.next();
  second.head(200, sized(3));
  second.chunk('ab');
  await settled();
  const before = bench.sent.length;
  bench.shard.forgetWorker(1);
  t.ok(first.signal.aborted, 'only the dead one wanted it');
  t.notOk(second.signal.aborted);
  second.chunk('c');
  second.end();
  await settled();
  bench.origin.requests[2]?.answer(200, FRESH, 'five');
  await settled();
  t.same(
    bench.sent.slice(before).filter(({ worker }) => worker === 1),
    [],
    'its successor is not sent answers to questions it never asked',
  );
  t.same(
    bench.origin.requests.map(({ request }) => request.target),
    ['/v/1.m4s', '/v/2.m4s', '/v/5.m4s'],
  );
});

t.test('slices that were queued and find no room are all sent on, however many', async (t) => {
  const bench = new ShardBench({ limits: { fills: 1, queue: 4_096 } });
  bench.shard.store.reserve(900_000); // what readers hold
  bench.ask(1, '/v/1.m4s');
  const slice = { validator: '"v"', first: 0, last: 524_287, total: 50_000_000 };
  const request = { range: 'bytes=0-524287', slice };
  for (let id = 2; id <= 4_000; id += 1) {
    const asked = askFor(`/film.mp4\0x\0${id}`, request);
    bench.shard.receive({ kind: 'ask', id, shard: 0, request: asked }, 1);
  }
  bench.origin.next().answer(200, sized(2), 'ok');
  await settled();
  t.equal(bench.sent.filter(({ message }) => message.kind === 'bypass').length, 3_999);
  t.same([bench.shard.queued, bench.shard.activeFills], [0, 0]);
});
