/** The supervisor over workers that do nothing but what the test has them say. */
import pino from 'pino';
import t, { type Test } from 'tap';
import { loadConfig } from '../../src/config/load.js';
import type { GatewayError } from '../../src/errors.js';
import { LastResort } from '../../src/control/last-resort.js';
import { Supervisor } from '../../src/control/supervisor.js';
import { createMetrics, WorkerMetrics } from '../../src/telemetry/metrics.js';
import { FakePool } from '../support/fake-workers.js';

t.test(
  'Supervisor starts no successor before each other worker has forgotten the dead',
  async (t) => {
    const { pool, supervisor } = await running(t, 3);
    pool.of(0).die();
    await pool.of(1).heard('peer-down');
    await pool.of(2).heard('peer-down');
    pool.of(1).say({ kind: 'forgotten', index: 0 });
    // Longer than its back-off: nothing but worker 2 keeps the successor back.
    await new Promise((resolve) => setTimeout(resolve, 300));
    t.equal(pool.runsOf(0), 1);
    t.equal(supervisor.workers[0]?.state, 'restarting');
    pool.of(2).say({ kind: 'forgotten', index: 0 });
    await pool.started(0, 2);
    await pool.of(1).heard('peer', 3); // two at the start, and the successor
    t.equal(pool.runsOf(0), 2);
  },
);

t.test('Supervisor does not wait for the mourning of a worker that ends, too', async (t) => {
  const { pool } = await running(t, 2);
  pool.of(0).die();
  await pool.of(1).heard('peer-down');
  pool.of(1).die();
  await pool.started(0, 2);
  await pool.started(1, 2);
  t.strictSame([pool.runsOf(0), pool.runsOf(1)], [2, 2]);
});

t.test(
  'Supervisor gives up a worker that hangs, but not one that takes long to start',
  async (t) => {
    const faults: string[] = [];
    const { pool, beat } = await running(t, 2, {
      more: [{ path: 'shutdown.hang', value: '2s', name: '--set' }],
      onHopeless: ({ code }) => faults.push(code),
    });
    const beats = setInterval(() => {
      beat(1);
    }, 50);
    pool.silent = true;
    pool.of(0).die();
    await pool.of(1).heard('peer-down');
    pool.of(1).say({ kind: 'forgotten', index: 0 });
    await pool.started(0, 2);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    t.same(faults, [], 'it may be on its way');
    clearInterval(beats);
    while (faults.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    t.equal(faults[0], 'GW_HUNG');
  },
);

t.test('Supervisor.start() has all workers listen on one port, and finds it for 0', async (t) => {
  const told = await running(t, 2);
  t.same([told.port, told.pool.of(0).listensOn, told.pool.of(1).listensOn], [8080, 8080, 8080]);
  const { pool, port } = await running(t, 2, { port: 0 });
  t.ok(port > 0);
  t.same([pool.of(0).listensOn, pool.of(1).listensOn], [port, port]);
});

async function running(
  t: Test,
  workers: number,
  {
    more = [],
    port = 8080,
    onHopeless = (reason) => t.fail(reason.message),
  }: {
    more?: readonly { path: string; value: string; name: string }[];
    port?: number;
    onHopeless?: (reason: GatewayError) => void;
  } = {},
): Promise<{
  pool: FakePool;
  supervisor: Supervisor;
  port: number;
  beat: (worker: number) => void;
}> {
  const flags = [
    ...more,
    { path: 'workers', value: String(workers), name: '--workers' },
    { path: 'cache.memory', value: '16MiB', name: '--cache-memory' },
  ];
  const { config } = loadConfig({ env: {}, flags });
  const log = pino({ level: 'silent' });
  const pool = new FakePool(workers);
  const metrics = createMetrics(workers);
  const now = (): number => performance.now();
  const supervisor = new Supervisor({
    config,
    log,
    metrics,
    clock: { now, coarse: now, wall: now },
    pool,
    common: { bundled: { routes: {}, prefixes: {} }, clockBaseMs: 0 },
    lastResort: new LastResort({ log, patienceMs: 60_000, end: () => undefined }),
    onHopeless,
  });
  const alive = setInterval(() => undefined, 1_000); // as threads would keep it
  t.teardown(async () => {
    clearInterval(alive);
    await supervisor.stop(0);
  });
  return {
    pool,
    supervisor,
    port: await supervisor.start('127.0.0.1', port),
    beat: (worker) => {
      new WorkerMetrics(metrics, worker).add('beats');
    },
  };
}
