import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { Threads } from '../../src/runtime/threads.js';

interface Scope {
  teardown(close: () => unknown): unknown;
}

const THREADS = new URL('../../src/runtime/threads.js', import.meta.url).href;
const MODULE = `export default async (task) => {
  if (task === 'throw') throw new Error('thrown');
  if (task === 'exit') process.exit(3);
  return { task };
};`;

/** `awaits` while it loads, as only who is imported may. */
async function moduleFor(t: Scope, awaits: boolean): Promise<URL> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-threads-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'module.mjs');
  await writeFile(file, awaits ? `await null;\n${MODULE}` : MODULE);
  return pathToFileURL(file);
}

for (const loadsBy of ['import', 'require'] as const) {
  t.test(`a thread loads its module (${loadsBy}) and does tasks`, async (t) => {
    const module = await moduleFor(t, loadsBy === 'import');
    const threads = new Threads({ module, least: 1, most: 1, idleMs: Infinity, loadsBy });
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

  t.test(`threads start whatever flags the process has (${loadsBy})`, async (t) => {
    const module = await moduleFor(t, false);
    const main = new URL('./main.mjs', module);
    await writeFile(
      main,
      `import { Threads } from ${JSON.stringify(THREADS)};
      const module = new URL(${JSON.stringify(module.href)});
      const threads = new Threads({ module, least: 0, most: 1, idleMs: 0, loadsBy: '${loadsBy}' });
      console.log(JSON.stringify(await threads.run(1)));
      await threads.destroy();`,
    );
    const flags = ['--max-old-space-size=200', '--perf-basic-prof-only-functions'];
    const args = [...flags, fileURLToPath(main)];
    const options = { cwd: path.dirname(fileURLToPath(module)), env: { NODE_OPTIONS: '' } };
    const { stdout } = await promisify(execFile)(process.execPath, args, options);
    t.same(JSON.parse(stdout), { task: 1 });
  });
}
