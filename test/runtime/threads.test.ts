import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { Threads } from '../../src/runtime/threads.js';

interface Scope {
  teardown(close: () => unknown): unknown;
}

const THREADS = new URL('../../src/runtime/threads.js', import.meta.url).href;
/** Says how it was loaded: only who is imported may await while loading. */
const MODULE = `await null;
export default async (task) => {
  if (task === 'throw') throw new Error('thrown');
  if (task === 'exit') process.exit(3);
  return { task };
};`;

async function moduleFor(t: Scope): Promise<URL> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-threads-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'module.mjs');
  await writeFile(file, MODULE);
  return pathToFileURL(file);
}

t.test('a thread imports its module and does tasks', async (t) => {
  const module = await moduleFor(t);
  const threads = new Threads({ module, least: 1, most: 1, idleMs: Infinity });
  const faults: unknown[] = [];
  threads.onError((reason) => faults.push(reason));
  t.same(await threads.run('one'), { task: 'one' });
  await t.rejects(threads.run('throw'), { message: 'thrown' });
  await t.rejects(threads.run('exit'), { message: /exited with code: 3/ });
  t.same(await threads.run('two'), { task: 'two' }, 'another thread has taken its place');
  t.equal(threads.utilizations().length, 1);
  await threads.close();
  t.same(faults, []);
});

t.test('threads start whatever flags the process has', async (t) => {
  const module = await moduleFor(t);
  const code = `
    import { Threads } from ${JSON.stringify(THREADS)};
    const module = new URL(${JSON.stringify(module.href)});
    const threads = new Threads({ module, least: 0, most: 1, idleMs: 0 });
    console.log(JSON.stringify(await threads.run(1)));
    await threads.destroy();`;
  const flags = ['--max-old-space-size=200', '--perf-basic-prof-only-functions'];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...flags, '--input-type=module', '-e', code],
    { cwd: path.dirname(module.pathname) },
  );
  t.same(JSON.parse(stdout), { task: 1 });
});
