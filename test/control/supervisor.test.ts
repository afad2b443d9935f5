/** The supervisor over workers that do nothing but what the test has them say. */
import pino from 'pino';
import t, { type Test } from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { LastResort } from '../../src/control/last-resort.js';
import { Supervisor } from '../../src/control/supervisor.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
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

async function running(
  t: Test,
  workers: number,
): Promise<{ pool: FakePool; supervisor: Supervisor }> {
  const flags = [
    { path: 'workers', value: String(workers), name: '--workers' },
    { path: 'cache.memory', value: '16MiB', name: '--cache-memory' },
  ];
  const { config } = loadConfig({ env: {}, flags });
  const log = pino({ level: 'silent' });
  const pool = new FakePool(workers);
  const now = (): number => performance.now();
  const supervisor = new Supervisor({
    config,
    log,
    metrics: createMetrics(workers),
    clock: { now, coarse: now, wall: now },
    pool,
    common: { bundled: { routes: {}, prefixes: {} }, clockBaseMs: 0 },
    lastResort: new LastResort({ log, patienceMs: 60_000, end: () => undefined }),
    onHopeless: (reason) => t.fail(reason.message),
  });
  const alive = setInterval(() => undefined, 1_000); // as threads would keep it
  t.teardown(async () => {
    clearInterval(alive);
    await supervisor.stop(0);
  });
  await supervisor.start('127.0.0.1', 8080);
  return { pool, supervisor };
}
