/** `npm start` as people and service managers run it: its signals reach the node, and nothing stays. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { packageRoot } from '../../native/package-root.js';

const ROOT = packageRoot();

for (const [signal, whole] of [
  ['SIGTERM', false],
  ['SIGINT', true], // as Ctrl-C: the terminal signals npm, the shell and the node
] as const) {
  t.test(
    `${signal} to npm${whole ? ' and all under it' : ''} ends the node in order`,
    async (t) => {
      const npm = await startByNpm(t);
      const node = JSON.parse(/^\{.*\}$/m.exec(npm.output())?.[0] ?? '{}') as { pid?: number };
      const pid = node.pid ?? Number(childrenOf(npm.child.pid ?? 0)[0]);
      process.kill(whole ? -(npm.child.pid ?? 0) : (npm.child.pid ?? 0), signal);
      const late = delay(30_000, 'it goes on', { ref: false });
      await Promise.race([npm.closed, late]); // stdout is closed when the node has ended, too
      t.match(npm.output(), /"stopping"/);
      t.notMatch(npm.output(), /by force/);
      t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, 'nobody is left');
    },
  );
}

interface Npm {
  readonly child: ChildProcess;
  readonly closed: Promise<unknown>;
  output(): string;
}

/** The real start script in a folder where building is done: a build would disturb other tests. */
async function startByNpm(t: Test): Promise<Npm> {
  const folder = t.testdir();
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const { start = '' } = manifest.scripts;
  const scripts = { build: 'true', start };
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ ...manifest, scripts, devDependencies: {} }),
  );
  for (const name of ['dist', 'node_modules', 'native']) {
    symlinkSync(path.join(ROOT, name), path.join(folder, name));
  }
  cpSync(path.join(ROOT, 'src/web'), path.join(folder, 'src/web'), { recursive: true });
  const args = ['start', '--', '--listen', '127.0.0.1:0', '--admin', 'off', '--workers', '1'];
  const child = spawn('npm', args, {
    cwd: folder,
    detached: true, // a group of its own
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const closed = once(child, 'close');
  t.teardown(async () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      return; // all ended
    }
    await closed;
  });
  while (!/^ {2}serving /m.test(output)) await once(child.stderr, 'data');
  return { child, closed, output: () => output };
}

/** The node is a child of npm, or of its shell. */
function childrenOf(pid: number): string[] {
  const read = (of: string): string[] =>
    readFileSync(`/proc/${of}/task/${of}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return read(String(pid)).flatMap((child) => [...read(child), child]);
}
