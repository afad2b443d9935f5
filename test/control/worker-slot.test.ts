import t, { type Test } from 'tap';
import { type Aside, type Launch, WorkerSlot } from '../../src/control/worker-slot.js';
import { type FakeWorker, FakePool } from '../support/fake-workers.js';

const ADDRESS = { host: '127.0.0.1', port: 8080 };

class SlotBench {
  readonly pool = new FakePool(1);
  readonly slot = new WorkerSlot(0);
  readonly asides: Aside[] = [];
  readonly ends: unknown[] = [];

  constructor(t: Test) {
    t.teardown(() => {
      this.slot.disconnect();
    });
  }

  get worker(): FakeWorker {
    return this.pool.of(0);
  }

  async launch(): Promise<void> {
    await this.slot.launch({
      pool: this.pool,
      boot: { index: 0 } as Launch['boot'],
      onMessage: (message) => this.asides.push(message),
      onEnded: (reason) => this.ends.push(reason),
    });
  }
}

t.test('nobody is there before a launch', async (t) => {
  const { slot } = new SlotBench(t);
  t.notOk(slot.isConnected);
  t.notOk(slot.tell({ kind: 'end' }));
  await slot.drain(1_000);
  t.equal(slot.state, 'starting');
});

t.test('a worker is launched, listens, drains and ends', async (t) => {
  const bench = new SlotBench(t);
  const { slot } = bench;
  await bench.launch();
  t.ok(slot.isConnected);
  t.equal(slot.state, 'starting', 'it does not listen yet');
  await slot.listen(ADDRESS);
  t.equal(slot.state, 'up');
  await slot.drain(1_000);
  t.ok(slot.tell({ kind: 'end' }));
  await slot.task;
  t.same(bench.ends, [undefined]);
});

t.test('what it says of itself is kept, what others wait for is passed on', async (t) => {
  const bench = new SlotBench(t);
  await bench.launch();
  const times = { firstByteP50Ms: undefined, firstByteP99Ms: undefined };
  const origins = [{ name: 'a', state: 'down', failures: 3, ...times }] as const;
  bench.worker.say({ kind: 'origins', origins });
  bench.worker.say({ kind: 'forgotten', index: 3 });
  bench.worker.say({ kind: 'purged', id: 7, count: 2 });
  await bench.slot.listen(ADDRESS); // what it says to that comes behind
  t.strictSame(bench.slot.origins, origins);
  t.strictSame(bench.asides, [
    { kind: 'forgotten', index: 3 },
    { kind: 'purged', id: 7, count: 2 },
  ]);
});

t.test('a worker that dies before it is ready is a failed launch', async (t) => {
  const bench = new SlotBench(t);
  bench.pool.silent = true;
  const launch = bench.launch();
  bench.worker.die();
  await t.rejects(launch, { name: 'GatewayError', code: 'GW_INTERNAL', detail: 'died' });
  await bench.slot.task;
  t.match(bench.ends, [{ message: 'died' }]);
});

t.test('a worker that cannot listen says why, and is not up', async (t) => {
  const bench = new SlotBench(t);
  await bench.launch();
  const listening = bench.slot.listen(ADDRESS);
  bench.worker.say({ kind: 'listen-failed', code: 'GW_PORT_IN_USE', detail: 'taken' });
  await t.rejects(listening, { code: 'GW_PORT_IN_USE', detail: 'taken' });
  t.equal(bench.slot.state, 'starting');
});

t.test('disconnect() ends all waiting for a worker that is gone', async (t) => {
  const bench = new SlotBench(t);
  const { slot } = bench;
  await bench.launch();
  slot.hung = true;
  const [listening, drained] = [slot.listen(ADDRESS), slot.drain(1_000)];
  slot.disconnect();
  await t.rejects(listening, { code: 'GW_WORKER_LOST' });
  await drained;
  t.equal(slot.state, 'starting');
  t.notOk(slot.hung);
  t.notOk(slot.isConnected);
  t.notOk(slot.tell({ kind: 'end' }));
  slot.disconnect();
  await bench.launch();
  await slot.listen(ADDRESS);
  t.equal(slot.state, 'up', 'its successor takes the place');
  t.equal(bench.pool.runsOf(0), 2);
});

t.test('giveUpDrain() lets go who waits for a worker that does not answer', async (t) => {
  const bench = new SlotBench(t);
  bench.slot.giveUpDrain();
  await bench.launch();
  bench.worker.die();
  await bench.slot.task;
  t.ok(bench.slot.isConnected, 'as far as the slot knows');
  const drained = bench.slot.drain(1_000);
  bench.slot.giveUpDrain();
  await drained;
});
