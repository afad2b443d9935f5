/** Both pools over entries of a few lines in a temporary folder, on real threads. */
import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, threadId, type MessagePort } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { inlinePool, threadPool, type WorkerPool } from '../../src/control/worker-pool.js';
import type { EdgeBoot } from '../../src/worker/edge-boot.js';

/** Says which thread it is on, and ends as it is told to. */
const ENTRY = `
import { threadId } from 'node:worker_threads';
export default ({ control, index }) => new Promise((resolve, reject) => {
  control.on('message', (order) => {
    if (order === 'exit') process.exit(1);
    control.close();
    if (order === 'end') resolve('what nobody reads');
    else reject(new Error('died: ' + order));
  });
  control.postMessage({ threadId, index });
});`;

interface Hello {
  readonly threadId: number;
  readonly index: number;
}

function entry(t: Test, text = ENTRY): URL {
  return pathToFileURL(path.join(t.testdir({ 'entry.mjs': text }), 'entry.mjs'));
}

function threads(t: Test, workers: number, text?: string): WorkerPool {
  const pool = threadPool({
    entry: entry(t, text),
    workers,
    onError: (reason) => void faults.push(reason),
  });
  t.teardown(() => pool.close());
  return pool;
}
const faults: unknown[] = [];

/** What the pools look at of a boot. */
function boot(
  t: Test,
  index: number,
): { boot: EdgeBoot; port: MessagePort; hello: Promise<Hello> } {
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => {
    port1.close();
  });
  const hello = once(port1, 'message').then(([said]) => said as Hello);
  return { boot: { index, control: port2 } as unknown as EdgeBoot, port: port1, hello };
}

t.test('threadPool() runs each worker on a thread of its own, all at a time', async (t) => {
  const pool = threads(t, 2);
  t.equal(pool.size, 2);
  const boots = [boot(t, 0), boot(t, 1)];
  const runs = boots.map((one) => pool.run(one.boot));
  const hellos = await Promise.all(boots.map(({ hello }) => hello));
  t.strictSame(hellos.map(({ index }) => index).toSorted(), [0, 1]);
  t.equal(new Set([threadId, ...hellos.map((hello) => hello.threadId)]).size, 3, 'none is ours');
  for (const { port } of boots) port.postMessage('end');
  await Promise.all(runs);
  t.strictSame(faults, []);
});

t.test('threadPool() hands the control port over', (t) => {
  const pool = threads(t, 1);
  const one = boot(t, 0);
  const run = pool.run(one.boot);
  t.throws(() => {
    new MessageChannel().port1.postMessage('x', [one.boot.control]);
  }, 'no longer ours');
  one.port.postMessage('end');
  return run;
});

t.test(
  'threadPool() runs a successor when a worker has failed or its thread has gone',
  async (t) => {
    const pool = threads(t, 1);
    const failing = boot(t, 0);
    const failed = pool.run(failing.boot);
    const before = await failing.hello;
    failing.port.postMessage('of hunger');
    await t.rejects(failed, { message: 'died: of hunger' });
    const gone = boot(t, 0);
    const ended = pool.run(gone.boot);
    t.equal((await gone.hello).threadId, before.threadId, 'the thread lives on');
    gone.port.postMessage('exit');
    await t.rejects(ended);
    const successor = boot(t, 0);
    const run = pool.run(successor.boot);
    t.not((await successor.hello).threadId, before.threadId);
    successor.port.postMessage('end');
    await run;
  },
);

t.test('threadPool() closes its threads when their workers have ended', async (t) => {
  const pool = threads(t, 1);
  const one = boot(t, 0);
  const run = pool.run(one.boot);
  await one.hello;
  one.port.postMessage('end');
  await run;
  t.equal(pool.utilizations().length, 1, 'a thread for the next');
  await pool.close();
  t.strictSame(pool.utilizations(), []);
});

t.test('threadPool() tells how busy each of its threads is', async (t) => {
  const pool = threads(t, 2);
  const boots = [boot(t, 0), boot(t, 1)];
  const runs = boots.map((one) => pool.run(one.boot));
  await Promise.all(boots.map(({ hello }) => hello));
  const busy = pool.utilizations();
  t.equal(busy.length, 2);
  for (const share of busy) t.ok(share >= 0 && share <= 1, String(share));
  for (const { port } of boots) port.postMessage('end');
  await Promise.all(runs);
});

t.test('a pool rejects a run whose entry cannot be loaded', async (t) => {
  const pool = threads(t, 1, "throw new Error('broken entry')");
  await t.rejects(pool.run(boot(t, 0).boot), { message: 'broken entry' });
  const inline = inlinePool(entry(t, "throw new Error('broken entry')"));
  await t.rejects(inline.run(boot(t, 0).boot), { message: 'broken entry' });
});

t.test('inlinePool() runs one worker on this thread', async (t) => {
  const pool = inlinePool(entry(t));
  t.equal(pool.size, 1);
  t.strictSame(pool.utilizations(), [], 'the process tells it');
  const one = boot(t, 0);
  const run = pool.run(one.boot);
  t.strictSame(await one.hello, { threadId, index: 0 });
  one.port.postMessage('end');
  await run;
  const failing = boot(t, 0);
  const failed = pool.run(failing.boot);
  await failing.hello;
  failing.port.postMessage('of hunger');
  await t.rejects(failed, { message: 'died: of hunger' });
  await pool.close();
});
