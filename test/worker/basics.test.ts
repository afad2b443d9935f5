import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { threadCores } from '../../native/addon.js';
import { GatewayError } from '../../src/errors.js';
import type { Basics } from '../../src/worker/basics.js';
import { ask, ORIGIN_SETTINGS } from '../support/origin.js';
import { freePort } from '../support/ports.js';
import { testConfig } from '../support/shard.js';
import { httpServer } from '../support/upstream.js';
import { basicsOf, bootOf, countersOf } from '../support/worker.js';

/** Those of this thread, as it was begun. */
const CORES = threadCores();

/** What is logged from now on, in place of stdout. */
function listen(basics: Basics): unknown[][] {
  const lines: unknown[][] = [];
  const note =
    (level: string) =>
    (...line: unknown[]): void => {
      lines.push([level, ...line]);
    };
  Object.assign(basics.log, { warn: note('warn'), error: note('error') });
  return lines;
}

t.test('Basics.guard() lets what it runs throw, and tells of it', (t) => {
  const basics = basicsOf(t, { boot: { index: 1, workers: 2 } });
  const lines = listen(basics);
  let runs = 0;
  const reason = new GatewayError('GW_INTERNAL', 'no good');
  const { guard } = basics;
  guard(() => {
    runs += 1;
  });
  t.equal(countersOf(basics).handlerFaults, 0);
  guard(() => {
    throw reason;
  });
  basics.fault('odd', 'message handler failed');
  t.equal(runs, 1);
  t.equal(countersOf(basics).handlerFaults, 2, 'in the row of this worker');
  t.same(lines, [
    ['error', { err: reason }, 'callback failed'],
    ['error', { err: 'odd' }, 'message handler failed'],
  ]);
  t.end();
});

t.test('Basics counts time from the base of the process', (t) => {
  const base = Date.UTC(2020, 0, 1);
  const early = basicsOf(t, { boot: { clockBaseMs: 0 } });
  const late = basicsOf(t, { boot: { clockBaseMs: base } });
  const before = early.clock.now();
  const now = late.clock.now() - base;
  t.ok(now >= before && now <= early.clock.now());
  t.end();
});

t.test('Basics looks into the memory of all workers, as the one it is', (t) => {
  const boot = bootOf(t, { boot: { workers: 2 } });
  const [one, two] = [0, 1].map((index) => basicsOf(t, { boot: { ...boot, index } }));
  one?.arena.pin(3);
  t.equal(two?.arena.leases(3), 1);
  t.equal(one?.arena.pool, boot.pool);
  t.end();
});

t.test('Basics logs that an origin fails, as it is left alone', async (t) => {
  const config = testConfig({});
  const breaker = { failures: 1, share: 0.1, window: 5_000, cooldown: 10 };
  const url = `http://127.0.0.1:${await freePort()}`;
  const basics = basicsOf(t, {
    config: { origins: [url], origin: { ...config.origin, ...ORIGIN_SETTINGS, breaker } },
  });
  const lines = listen(basics);
  await t.rejects(ask(basics.origin, '/x'), { code: 'GW_ORIGIN_CONNECT' });
  const origin = new URL(url).host;
  t.same(lines, [['warn', { origin, from: 'well' }, 'origin fails: it is left alone']]);
  t.match(basics.origin.status(), [{ name: origin, state: 'down' }]);
});

t.test('Basics asks its origins nothing more when it is closed', async (t) => {
  const basics = basicsOf(t, {
    config: { origins: [await httpServer(t, (_, response) => response.end('ab'))] },
  });
  const response = await ask(basics.origin, '/x');
  t.equal(response.status, 200);
  basics.close();
  await t.rejects(ask(basics.origin, '/y'), { code: /^GW_/ });
});

t.test('Basics binds its thread to one of the cores that it may use, where that is wanted', (t) => {
  const { arena } = testConfig({});
  const pinned = { ...arena, pinWorkers: true };
  basicsOf(t);
  t.same(threadCores(), CORES);
  const index = CORES.length + 1; // more workers than cores
  basicsOf(t, { boot: { index, workers: index + 1 }, config: { arena: pinned } });
  const own = CORES[index % CORES.length] ?? 0;
  t.same(threadCores(), [own]);
  // Now it may use that one alone, as after `taskset`.
  for (const other of [0, 1, 2]) {
    basicsOf(t, { boot: { index: other, workers: 3 }, config: { arena: pinned } });
    t.same(threadCores(), [own], `worker ${other}`);
  }
  t.end();
});

t.test('Basics tells when a thread cannot be bound to a core', async (t) => {
  const script = `
    import { basicsOf } from ${JSON.stringify(import.meta.resolve('../support/worker.js'))};
    import { testConfig } from ${JSON.stringify(import.meta.resolve('../support/shard.js'))};
    const { arena, log } = testConfig({});
    const config = { arena: { ...arena, pinWorkers: true }, log: { ...log, level: 'warn' } };
    basicsOf({ teardown: () => undefined }, { config }).close();
    process.exit();
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', script],
    { env: { ...process.env, HEADGATE_NO_ADDON: '1' } },
  );
  t.match(JSON.parse(stdout), { level: 'warn', worker: 0, msg: /^the worker is not pinned/ });
});
