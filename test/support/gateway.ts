/**
 * The built gateway as a child process on free ports, and its admin port. Needs `dist/`, which the
 * step before the tests builds.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../native/package-root.js';

const ROOT = packageRoot();
const CLI = 'dist/src/cli.js';
/** The same command line with a thread entry that breaks on request. */
export const FAULTY_CLI = 'dist/test/support/threads/faulty-cli.js';

/** Where what is started is ended: a test, or whoever else calls what it is given. */
interface Scope {
  teardown(close: () => unknown): unknown;
}

const START_PATIENCE_MS = 30_000;
const STOP_PATIENCE_MS = 30_000; // then it is killed, and the test fails by its exit code

export interface GatewayOptions {
  /** After `serve`: origins and flags. Free ports and two workers unless they say otherwise. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly openFiles?: number; // descriptors that it may have
  readonly entry?: string; // script below the root; the command line by default
}

export interface GatewayProcess {
  readonly pid: number;
  /** Resolves with the exit code, 128 + number for a signal: 134 is an abort. */
  readonly exited: Promise<number>;
  /** What it has written to stdout (the log) and stderr so far. */
  log(): string;
  kill(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' | 'SIGHUP' | 'SIGSTOP' | 'SIGCONT'): void;
}

export interface Gateway extends GatewayProcess {
  readonly url: string; // without a last '/'
  readonly adminUrl: string;
  readonly port: number;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
}

/** Starts it without waiting for anything; ended with the test. */
export function spawnGateway(t: Scope, options: GatewayOptions = {}): GatewayProcess & ChildOf {
  const flags = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--workers', '2'];
  // Clients of tests leave idle connections behind, which nobody wants to wait for.
  flags.push('--set', 'shutdown.idle=0s');
  const args = [options.entry ?? CLI, 'serve', ...flags, ...(options.args ?? [])];
  const { openFiles } = options;
  const limited = openFiles === undefined ? [] : ['prlimit', `--nofile=${openFiles}:${openFiles}`];
  const [command = '', ...words] = [...limited, process.execPath, ...args];
  const child = spawn(command, words, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', ...options.env },
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => void output.push(text));
  }
  // 'close' comes after the last output.
  const exited = once(child, 'close').then(([code, signal]) =>
    code === null ? 128 + constants.signals[signal as NodeJS.Signals] : (code as number),
  );
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    child,
    pid: child.pid ?? 0,
    exited,
    log: () => output.join(''),
    kill: (signal) => void child.kill(signal),
  };
}

interface ChildOf {
  readonly child: ChildProcess;
}

/** Resolves when it listens, by its announcement. Rejects with its output when it ends instead. */
export async function startGateway(t: Scope, options: GatewayOptions = {}): Promise<Gateway> {
  const { child, ...running } = spawnGateway(t, options);
  const announced = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`the gateway does not start: ${running.log()}`));
    }, START_PATIENCE_MS);
    const look = (): void => {
      if (!/^ {2}serving /m.test(running.log())) return;
      clearTimeout(timer);
      resolve();
    };
    child.stderr?.on('data', look);
    void running.exited.then((code) => {
      clearTimeout(timer);
      reject(new Error(`the gateway exited with ${code}: ${running.log()}`));
    });
  });
  await announced;
  const url = announcedUrl(running.log(), 'page');
  return {
    ...running,
    url,
    adminUrl: announcedUrl(running.log(), 'admin'),
    port: Number(new URL(url).port),
    stop: async () => {
      running.kill('SIGTERM');
      const timer = setTimeout(() => {
        running.kill('SIGKILL');
      }, STOP_PATIENCE_MS);
      const code = await running.exited;
      clearTimeout(timer);
      return code;
    },
  };
}

function announcedUrl(log: string, name: string): string {
  return new RegExp(`^ {2}${name} +(\\S+?)/?$`, 'm').exec(log)?.[1] ?? '';
}

/** Sums of all workers, by metric name without `headgate_`. */
export async function metricsOf({ adminUrl }: Gateway): Promise<(name: string) => number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const sums = new Map<string, number>();
  for (const [, name = '', value] of text.matchAll(/^headgate_(\w+)(?:\{[^}]*\})? (\S+)$/gm)) {
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return (name) => sums.get(name) ?? NaN;
}

/** Resolves when the metrics are as wanted; some of them are told once a second. */
export async function untilMetric(
  gateway: Gateway,
  holds: (metric: (name: string) => number) => boolean,
): Promise<void> {
  for (let i = 0; !holds(await metricsOf(gateway)); i += 1) {
    if (i > 200) throw new Error('it never comes to that');
    await delay(50);
  }
}

export interface WorkerStatus {
  readonly index: number;
  readonly state: string;
  readonly restarts: number;
}

export async function workersOf({ adminUrl }: Gateway): Promise<readonly WorkerStatus[]> {
  const status = (await (await fetch(`${adminUrl}/status`)).json()) as {
    workers: readonly WorkerStatus[];
  };
  return status.workers;
}

export interface PurgeOrder {
  readonly scope: 'exact' | 'prefix' | 'all';
  readonly path?: string;
  readonly soft?: boolean;
}

/** Resolves with the count when the gateway has acknowledged the order; undefined: with a 503. */
export async function tryPurge(
  { adminUrl }: Gateway,
  order: PurgeOrder,
): Promise<number | undefined> {
  const response = await fetch(`${adminUrl}/purge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order),
  });
  const text = await response.text();
  if (response.status === 503) return undefined;
  if (response.status !== 200) throw new Error(`purge: ${response.status} ${text}`);
  return (JSON.parse(text) as { purged: number }).purged;
}

/** The same, where an order is never refused. */
export async function purge(gateway: Gateway, order: PurgeOrder): Promise<number> {
  const count = await tryPurge(gateway, order);
  if (count === undefined) throw new Error('the gateway did not purge');
  return count;
}
