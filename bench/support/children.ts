/**
 * Processes of a run and their end. Each leads its own process group and is ended as a group, so
 * that the workers of a peer go with their master. A guard, which notices by the end of its input
 * that we are gone, ends what a killed run would leave behind.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const STOP_MS = 5_000;
const GUARD = `groups=''
folders=''
while read -r kind value; do
  case $kind in
    group) groups="$groups $value" ;;
    folder) folders="$folders $value" ;;
    done) exit 0 ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
for folder in $folders; do rm -rf -- "$folder"; done`;

export interface SpawnPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly core: number | undefined; // undefined: any core
  readonly stdio?: StdioOptions;
}

const running = new Set<ChildProcess>();
const folders = new Set<string>();
let guard: ChildProcess | undefined;

/** Starts a process in its own group, pinned when asked; it will not outlive the run. */
export function startChild(plan: SpawnPlan): ChildProcess & { pid: number } {
  const pinned = plan.core !== undefined;
  const command = pinned ? 'taskset' : plan.command; // taskset execs: the pid stays the child's
  const args = pinned ? ['-c', String(plan.core), plan.command, ...plan.args] : [...plan.args];
  const stdio = plan.stdio ?? ['ignore', 'ignore', 'inherit'];
  const child = spawn(command, args, { detached: true, stdio });
  child.on('error', () => undefined); // seen as a missing pid below, or as an early exit
  if (child.pid === undefined) throw new Error(`${command} could not be started`);
  watch(child, child.pid);
  return child as ChildProcess & { pid: number };
}

/** A fresh folder (its path has no spaces) that a killed run does not leave behind. */
export function guardedFolder(prefix: string): string {
  const folder = mkdtempSync(prefix);
  tellGuard(`folder ${folder}`);
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** Ends one child and its group: TERM, and KILL for what is left after five seconds. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit');
    signalGroup(child, 'SIGTERM');
    const timer = setTimeout(() => {
      signalGroup(child, 'SIGKILL');
    }, STOP_MS);
    await gone;
    clearTimeout(timer);
  }
  signalGroup(child, 'SIGKILL'); // what ignored the end of its leader
  running.delete(child);
}

/** Ends everything; call it last on every path, signals included. */
export async function stopAllChildren(): Promise<void> {
  await Promise.all([...running].map(stopChild));
  for (const folder of folders) removeFolder(folder);
  guard?.stdin?.end('done\n');
  guard = undefined;
}

/** The full path of a program, or undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function watch(child: ChildProcess, pid: number): void {
  tellGuard(`group ${pid}`);
  running.add(child);
}

function tellGuard(line: string): void {
  guard ??= startGuard();
  guard.stdin?.write(`${line}\n`);
}

function startGuard(): ChildProcess {
  const shell = spawn('sh', ['-c', GUARD], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  shell.unref();
  shell.stdin.on('error', () => undefined); // a guard that is gone guards nothing; the run goes on
  return shell;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== 'ESRCH') throw reason;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
