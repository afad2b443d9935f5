import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import type { Fill } from '../../../src/shard/intake/fill.js';
import { askerOf } from '../../../src/shard/intake/fill.js';
import { IntakeBench, waiterOf } from '../../support/intake.js';
import { settled, ShardBench } from '../../support/shard.js';

const HIT = { hit: true } as const;

/** What each worker heard of a fill's progress, in order. */
function news(bench: IntakeBench, worker = 0): { written: number; told: boolean }[] {
  return bench.sent.flatMap(({ worker: to, message }) =>
    to === worker && message.kind === 'progress'
      ? [{ written: message.written, told: message.extents !== undefined }]
      : [],
  );
}

/** Appends a piece to the body, as a fill of unknown length does. */
function grow(bench: IntakeBench, fill: Fill): void {
  if (fill.body === undefined || !bench.context.holdings.store.grow(fill.body, 4_096)) {
    throw new Error('no room');
  }
}

t.test('an object goes to its asker with a lease for his worker', (t) => {
  const bench = new IntakeBench();
  const { descriptor } = bench.keep('/v/1.m4s', 'body');
  bench.answers.object(waiterOf(7, '/v/1.m4s', { worker: 1 }), descriptor, HIT);
  t.same(bench.sent, [
    { worker: 1, hint: false, message: { kind: 'object', id: 7, descriptor, served: HIT } },
  ]);
  t.equal(bench.views[1]?.leases(descriptor.slot), 1);
  bench.deaf.add(0);
  bench.answers.object(waiterOf(8), descriptor, HIT);
  t.equal(bench.views[0]?.leases(descriptor.slot), 1, 'who cannot be told gets none');
  t.end();
});

t.test('what nobody waits for is answered to nobody', (t) => {
  const bench = new IntakeBench();
  const ahead = waiterOf(1, '/v/1.m4s', { background: true });
  const { descriptor } = bench.keep('/v/1.m4s', 'body');
  const fill = bench.fill([ahead], { descriptor, phase: 'filling' });
  bench.answers.object(ahead, descriptor, HIT);
  bench.answers.follow(fill, ahead, 200);
  bench.answers.informational(fill, { status: 103, fields: [] });
  bench.answers.refuse([ahead], { code: 'GW_ORIGIN_IO', detail: '' });
  t.same(bench.sent, []);
  t.equal(fill.subscribers.size, 0);
  t.equal(bench.views[0]?.leases(descriptor.slot), 0);
  t.end();
});

t.test('objectToAll() answers each once, and says who had joined', (t) => {
  const bench = new IntakeBench();
  const { descriptor } = bench.keep('/v/1.m4s', 'body');
  const joined = waiterOf(2, '/v/1.m4s', { worker: 1 });
  joined.collapsed = true;
  const fill = bench.fill([waiterOf(1), joined]);
  bench.answers.objectToAll(fill, descriptor, HIT);
  bench.answers.objectToAll(fill, descriptor, HIT);
  const served = bench.sent.map(({ worker, message }) => [
    worker,
    message.kind === 'object' && message.served,
  ]);
  t.same(served, [
    [0, HIT],
    [1, { collapsed: true, ...HIT }],
  ]);
  t.end();
});

t.test('followers are told where the bytes are now, and why they were fetched', async (t) => {
  const bench = new IntakeBench();
  const fill = bench.filling([waiterOf(1)], 4_096);
  grow(bench, fill);
  bench.answers.filling(fill, 200);
  bench.answers.announce(fill);
  const { descriptor, served } = bench.newest('filling');
  t.same(descriptor.extents, fill.body?.extents, 'not where they were as the head came');
  t.same(served, { hit: false, fwd: 'uri-miss', fwdStatus: 200, stored: true });
  const { stored } = { stored: bench.keep('/v/2.m4s', 'old') };
  for (const [facts, fwd] of [
    [{ range: 'bytes=5-6' }, 'partial'],
    [{ stored }, 'stale'],
  ] as const) {
    const other = bench.fill([waiterOf(2)], { ...facts, descriptor, phase: 'filling' });
    bench.answers.filling(other, 206);
    bench.answers.announce(other);
    t.equal(bench.newest('filling').served.fwd, fwd);
  }
  await settled();
});

t.test('progress goes to each worker once a turn, with extents only as they grow', async (t) => {
  const bench = new IntakeBench();
  const other = waiterOf(1, '/v/1.m4s', { worker: 1 });
  const fill = bench.filling([waiterOf(1), waiterOf(2), other], 4_096);
  bench.answers.filling(fill, 200);
  bench.answers.announce(fill);
  for (fill.written = 1; fill.written < 4; fill.written += 1) bench.answers.progressed(fill);
  await settled();
  t.same(news(bench), [{ written: 4, told: true }]);
  t.same(news(bench, 1), news(bench));
  bench.answers.progressed(fill);
  await settled();
  grow(bench, fill);
  bench.answers.progressed(fill);
  await settled();
  bench.answers.follow(fill, waiterOf(3), 200);
  await settled();
  t.same(
    news(bench).map(({ told }) => told),
    [true, false, true, true],
    'a newcomer may not have heard of it',
  );
  t.ok(
    bench.sent.every(
      ({ message, hint }) =>
        hint === (message.kind === 'progress' && message.extents === undefined),
    ),
    'only progress may be left out, and not where the bytes lie',
  );
});

t.test('what came whole in one turn is one message to each, an object', async (t) => {
  const bench = new ShardBench();
  bench.ask(1, '/v/1.m4s');
  bench.ask(2, '/v/1.m4s', { worker: 1 });
  const headers: FieldLines = [['cache-control', 'max-age=60']];
  await bench.fill([...headers, ['content-length', '4']], 'body');
  t.same([bench.kinds(1), bench.kinds(2, 1)], [['object'], ['object']]);
  t.equal(bench.sent.length, 2, 'and no progress');
  const served = { hit: false, fwd: 'uri-miss', fwdStatus: 200, stored: true } as const;
  t.same(bench.the('object', 1).served, served);
  t.same(bench.the('object', 2, 1).served, { collapsed: true, ...served });
  t.match(bench.the('object', 1).descriptor, { cached: true, totalBytes: 4 });
  t.equal(bench.body(2, 1), 'body');
});

t.test(
  'what is still coming at the end of a turn is said to be, and so is what is not kept',
  async (t) => {
    const bench = new ShardBench();
    bench.ask(1, '/v/1.m4s');
    const slow = bench.origin.next();
    slow.head(200, [['cache-control', 'max-age=60']]);
    await settled();
    t.same(bench.kinds(1), ['filling'], 'a client sees the head before there is a byte');
    slow.chunk('body');
    slow.end();
    await settled();
    t.match(bench.end(bench.the('filling', 1).fill), { written: 4, end: { ok: true } });
    bench.ask(2, '/v/2.m4s');
    const request = bench.origin.next();
    bench.shard.purge({ keys: ['/v/2.m4s'], soft: false });
    request.answer(200, [['cache-control', 'max-age=60']], 'purged');
    await settled();
    t.same(bench.kinds(2), ['filling']);
    t.match(bench.end(bench.the('filling', 2).fill), { written: 6, end: { ok: true } });
    t.equal(bench.shard.store.count, 1);
  },
);

t.test('a fill that nobody follows tells of no progress', async (t) => {
  const bench = new IntakeBench();
  const fill = bench.filling([waiterOf(1)], 100);
  bench.answers.progressed(fill);
  await settled();
  t.same(bench.sent, []);
});

t.test('followers hear the end once, behind which there is no progress', async (t) => {
  const bench = new IntakeBench();
  const other = waiterOf(1, '/v/1.m4s', { worker: 1 });
  const fill = bench.filling([waiterOf(1), other], 100);
  bench.answers.filling(fill, 200);
  bench.answers.announce(fill);
  fill.written = 100;
  bench.answers.progressed(fill);
  const end = { ok: false, code: 'GW_ORIGIN_IO', detail: 'why' } as const;
  bench.answers.ended(fill, end);
  bench.answers.ended(fill, end);
  await settled();
  for (const worker of [0, 1]) {
    t.equal(news(bench, worker).length, 1);
    t.match(bench.newest('progress', worker), { written: 100, extents: fill.body?.extents, end });
  }
  t.same([fill.waiters.size, fill.subscribers.size], [0, 0]);
  t.ok(
    bench.sent.every(({ hint }) => !hint),
    'an end must not be lost',
  );
});

t.test('who follows a ring hears its size and who is cut, also at its end', async (t) => {
  const bench = new IntakeBench();
  const fill = bench.filling([waiterOf(1)], 100);
  bench.answers.filling(fill, 200);
  bench.answers.announce(fill);
  fill.ring.bytes = 64;
  fill.ring.cutBelow = 32;
  await settled();
  t.match(bench.newest('progress'), { ringBytes: 64, cutBelow: 32, end: undefined });
  bench.answers.ended(fill, { ok: true });
  t.match(bench.newest('progress'), { ringBytes: 64, cutBelow: 32, end: { ok: true } });
});

t.test('a 1xx goes to the leader, or to nobody once he has left', (t) => {
  const bench = new IntakeBench();
  const fill = bench.fill([waiterOf(1), waiterOf(2)]);
  const head = { status: 103, fields: [['link', '</a>']] } as const;
  bench.answers.informational(fill, head);
  fill.waiters.delete(askerOf(fill.leader));
  bench.answers.informational(fill, head);
  t.same(
    bench.sent.map(({ message }) => message),
    [{ kind: 'informational', id: 1, head }],
  );
  t.end();
});

t.test('the refused are told to come back at different times, a second or more away', (t) => {
  const bench = new IntakeBench();
  const rows: [random: number, retryAfterS: number][] = [
    [0, 1],
    [0.34, 2],
    [0.999, 3],
  ];
  for (const [random, retryAfterS] of rows) {
    bench.random = random;
    bench.answers.refuse([waiterOf(1)], { code: 'GW_MAILBOX_FULL', detail: 'full' });
    const { code, others, ...rest } = bench.newest('refused');
    t.same([rest.retryAfterS, code, others], [retryAfterS, 'GW_MAILBOX_FULL', 'refused']);
  }
  bench.answers.refuse([waiterOf(1)], { code: 'GW_ORIGIN_IO', detail: '', others: 'elect' });
  t.equal(bench.newest('refused').others, 'elect');
  t.end();
});

t.test('chunk() says whether it was sent', (t) => {
  const bench = new IntakeBench();
  t.ok(bench.answers.chunk(waiterOf(1), Buffer.from('x')));
  bench.deaf.add(0);
  t.notOk(bench.answers.chunk(waiterOf(1), Buffer.from('x')));
  t.end();
});
