import t from 'tap';
import { CodingQueue } from '../../../src/shard/intake/coding-queue.js';
import { settled } from '../../support/shard.js';
import { TimedCoder } from '../../support/timed-coder.js';

/** A job begins with its name as its bytes; what becomes of it is written down. */
class QueueBench {
  readonly coder = new TimedCoder();
  readonly heard: string[] = [];
  readonly faults: string[] = [];
  readonly queue: CodingQueue;

  constructor(limit: number) {
    const onFault = (reason: unknown): void => {
      this.faults.push(String(reason));
    };
    this.queue = new CodingQueue({ coder: this.coder, limit, onFault });
  }

  offer(name: string, bytes = 1, { wanted = true, endThrows = false } = {}): boolean {
    return this.queue.offer({
      ...{ coding: 'br', bytes },
      begin: () => {
        this.heard.push(`${name} begins`);
        return wanted ? { pieces: [Buffer.from(name)] } : undefined;
      },
      end: (coded) => {
        this.heard.push(`${name}: ${coded === undefined ? 'none' : Buffer.from(coded).toString()}`);
        if (endThrows) throw new Error(`${name} fails`);
      },
    });
  }

  async answer(coded: string): Promise<void> {
    this.coder.next().answer(Buffer.from(coded));
    await settled();
  }
}

t.test('one job after the other, never on the stack of who offers', async (t) => {
  const bench = new QueueBench(5);
  t.ok(bench.offer('a'));
  t.same(bench.heard, []);
  t.equal(bench.queue.waiting, 1);
  await settled();
  t.ok(bench.offer('b'));
  await settled();
  t.same(bench.heard, ['a begins'], 'b waits');
  t.same([bench.coder.orders[0]?.coding, bench.coder.orders[0]?.text()], ['br', 'a']);
  await bench.answer('A');
  await bench.answer('B');
  t.same(bench.heard, ['a begins', 'a: A', 'b begins', 'b: B']);
  t.ok(bench.offer('c'), 'it begins again after it was idle');
  await settled();
  await bench.answer('C');
  t.equal(bench.heard.at(-1), 'c: C');
  t.same(bench.faults, []);
});

t.test('the smallest is next, and among equals the oldest', async (t) => {
  const bench = new QueueBench(9);
  const sizes = { a: 3, b: 2, c: 9, d: 2, e: 0 };
  for (const [name, bytes] of Object.entries(sizes)) bench.offer(name, bytes, { wanted: false });
  await settled();
  t.same(bench.heard, ['e begins', 'b begins', 'd begins', 'a begins', 'c begins']);
});

t.test('what is being made does not count as waiting', async (t) => {
  const bench = new QueueBench(2);
  bench.offer('a');
  await settled();
  t.same([bench.offer('b'), bench.offer('c'), bench.offer('d')], [true, true, false]);
  t.equal(bench.queue.waiting, 2);
  await bench.answer('A');
  t.ok(bench.offer('d'), 'there is room again');
  t.notOk(new QueueBench(0).offer('a'), 'no room at all');
});

t.test('a job that fails, or is not wanted any more, holds up nobody', async (t) => {
  const bench = new QueueBench(4);
  bench.offer('lost');
  bench.offer('unwanted', 1, { wanted: false });
  bench.offer('throws', 1, { endThrows: true });
  bench.offer('last');
  await settled();
  bench.coder.next().fail();
  await settled();
  t.same(bench.heard, ['lost begins', 'lost: none', 'unwanted begins', 'throws begins']);
  t.same(bench.faults, ['Error: the thread died']);
  await bench.answer('T');
  t.same(bench.faults.slice(1), ['Error: throws fails']);
  await bench.answer('L');
  t.equal(bench.heard.at(-1), 'last: L');
});

t.test('close() gives up what is being made and what waits, and takes no more', async (t) => {
  for (const fails of [true, false]) {
    const bench = new QueueBench(4);
    bench.offer('a');
    await settled();
    bench.offer('b');
    await bench.queue.close();
    t.ok(bench.coder.closed);
    t.equal(bench.queue.waiting, 0);
    const order = bench.coder.next();
    if (fails) order.fail();
    else order.answer();
    await settled();
    t.same(bench.heard, ['a begins'], 'nothing ends');
    t.same(bench.faults, [], 'which is no fault');
    t.notOk(bench.offer('c'));
  }
  const early = new QueueBench(4);
  early.offer('a');
  await early.queue.close();
  await settled();
  t.same(early.heard, [], 'nothing begins');
});
