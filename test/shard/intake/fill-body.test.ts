/** Bodies of unknown length that outgrow the limit: they go on, at their readers' pace. */
import t from 'tap';
import { settled, ShardBench, until } from '../../support/shard.js';
import type { FieldLines } from '../../../src/http/fields.js';

const FRESH: FieldLines = [['cache-control', 'max-age=60']];
const KIB = 1_024;

/** Sixteen characters that say where they are. */
function text(from: number, bytes: number): string {
  let all = '';
  for (let at = from; at < from + bytes; at += 16) all += String(at).padStart(16, '.');
  return all;
}

function ringing(): { bench: ShardBench; send: (from: number, bytes: number) => void } {
  const bench = new ShardBench({ cache: { maxObject: 128 * KIB } });
  bench.ask(1, '/v/1.m4s');
  bench.ask(2, '/v/1.m4s', { worker: 1 });
  const request = bench.origin.next();
  request.head(200, FRESH);
  return {
    bench,
    send: (from, bytes) => {
      request.chunk(text(from, bytes));
    },
  };
}

function ringOf(bench: ShardBench, worker: number): { written: number; ringBytes: number } {
  const news = bench.sent.findLast(
    ({ worker: to, message }) =>
      to === worker && message.kind === 'progress' && message.ringBytes !== undefined,
  )?.message;
  if (news?.kind !== 'progress') return { written: 0, ringBytes: 0 };
  return { written: news.written, ringBytes: news.ringBytes ?? 0 };
}

function passed(bench: ShardBench, worker: number, slowest: number, fastest = slowest): void {
  const { fill } = bench.the('filling', worker + 1, worker);
  bench.shard.receive({ kind: 'passed', shard: 0, fill, slowest, fastest }, worker);
}

t.test(
  'what outgrows the limit goes on in the room it has, behind its slowest reader',
  async (t) => {
    const { bench, send } = ringing();
    for (let at = 0; at < 256 * KIB; at += 32 * KIB) send(at, 32 * KIB);
    await until(() => ringOf(bench, 1).written === 128 * KIB);
    await settled();
    t.match(ringOf(bench, 0), { written: 128 * KIB, ringBytes: 128 * KIB }, 'nobody has read yet');
    passed(bench, 0, 100 * KIB);
    await settled();
    t.equal(ringOf(bench, 0).written, 128 * KIB, 'the other worker has not');
    passed(bench, 1, 64 * KIB);
    await until(() => ringOf(bench, 1).written === 192 * KIB);
    const { descriptor } = bench.the('filling', 1);
    const view = bench.view(0);
    t.equal(
      Buffer.from(view.view(descriptor.extents, 0, 16)).toString(),
      text(128 * KIB, 16),
      'byte n lies at n modulo the ring',
    );
    t.equal(bench.shard.store.evictions, 0);
  },
);

t.test('workers hear of a ring that is full as it begins', async (t) => {
  const { bench, send } = ringing();
  for (let at = 0; at < 128 * KIB; at += 32 * KIB) send(at, 32 * KIB);
  await settled();
  t.equal(ringOf(bench, 0).ringBytes, 0, 'all of it fits so far, and that was told');
  send(128 * KIB, 32 * KIB);
  await settled();
  for (const worker of [0, 1]) t.equal(ringOf(bench, worker).ringBytes, 128 * KIB);
  for (const worker of [0, 1]) passed(bench, worker, 128 * KIB);
  await until(() => ringOf(bench, 1).written === 160 * KIB);
});

t.test('who asks when it has outgrown gets his own, also the next time', async (t) => {
  const { bench, send } = ringing();
  for (let at = 0; at < 160 * KIB; at += 32 * KIB) send(at, 32 * KIB);
  await until(() => ringOf(bench, 1).written > 0);
  bench.ask(3, '/v/1.m4s');
  t.same(bench.kinds(3), ['bypass']);
  t.equal(bench.origin.requests.length, 1);
  bench.cancel(1);
  bench.cancel(2, 1);
  await until(() => bench.shard.activeFills === 0);
  t.equal(bench.shard.store.freeBytes, 1_048_576, 'nothing is left of it');
  t.equal(bench.shard.store.count, 0);
  bench.nowMs += 299_000;
  bench.ask(4, '/v/1.m4s');
  t.same(bench.kinds(4), ['bypass']);
});

t.test('a worker whose readers have left holds nobody up', async () => {
  const { bench, send } = ringing();
  for (let at = 0; at < 256 * KIB; at += 32 * KIB) send(at, 32 * KIB);
  await until(() => ringOf(bench, 1).written === 128 * KIB);
  passed(bench, 0, 128 * KIB);
  bench.cancel(2, 1);
  await until(() => ringOf(bench, 0).written === 256 * KIB);
  bench.shard.forgetWorker(0);
  await until(() => bench.shard.activeFills === 0);
});

t.test('one reader that hardly moves while others wait is cut in the end', async (t) => {
  const { bench, send } = ringing();
  for (let at = 0; at < 256 * KIB; at += 32 * KIB) send(at, 32 * KIB);
  await until(() => ringOf(bench, 1).written === 128 * KIB);
  passed(bench, 0, 128 * KIB);
  passed(bench, 1, 1_000);
  await settled();
  const { written } = ringOf(bench, 0);
  t.equal(written, 128 * KIB + 1_000);
  passed(bench, 0, written);
  await settled();
  bench.nowMs += 5_001;
  bench.shard.tick();
  await until(() => cutBelow(bench) > 0);
  t.equal(cutBelow(bench), written - 96 * KIB, 'those in the last quarter');
  passed(bench, 1, 100 * KIB);
  await until(() => ringOf(bench, 0).written > 200 * KIB);
});

function cutBelow(bench: ShardBench): number {
  const news = bench.sent.findLast(({ message }) => message.kind === 'progress')?.message;
  return news?.kind === 'progress' ? (news.cutBelow ?? 0) : 0;
}

t.test('nobody is cut as long as all read', async (t) => {
  const { bench, send } = ringing();
  for (let at = 0; at < 256 * KIB; at += 32 * KIB) send(at, 32 * KIB);
  await until(() => ringOf(bench, 1).written === 128 * KIB);
  passed(bench, 0, 1_000, 2_000);
  passed(bench, 1, 1_000, 2_000);
  bench.nowMs += 60_000;
  bench.shard.tick();
  await settled();
  t.notOk(
    bench.sent.some(({ message }) => message.kind === 'progress' && (message.cutBelow ?? 0) > 0),
  );
});
