/** What every server under test is to a bench: started for one measurement, proven, stopped. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { guardedFolder, removeFolder, startChild, stopChild } from './children.js';
import { get } from './fetch.js';

const START_MS = 20_000;
const POLL_MS = 20;
const SAID_LIMIT = 4_096; // characters

export interface ServerPlan {
  readonly originPort: number;
  readonly core: number | undefined; // undefined: all cores
  readonly workers: number;
  readonly cacheBytes: number;
  /** Ours is started without a flag for either: they are what it takes by itself. */
  readonly byDefault?: boolean;
}

export interface RunningServer {
  readonly port: number;
  readonly pid: number; // root of the process tree that is charged for the CPU
  /** What its cache holds now, where that can be looked at from outside. */
  readonly heldBytes?: () => number;
  /** Of a server without an origin: when it began to answer, on the monotonic clock. */
  readonly answeredNs?: () => Promise<string>;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly cache: boolean; // false: serves files, so there is no origin and no hit to prove
  /** Why it cannot take part, or undefined. */
  missing(): string | undefined;
  version(): string;
  start(plan: ServerPlan): Promise<RunningServer>;
}

export interface LaunchPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly core: number | undefined;
  readonly port: number;
  readonly folder: string; // removed after the end
}

/** Starts a server and waits until it answers HTTP, whatever the status. */
export async function launch(plan: LaunchPlan): Promise<RunningServer> {
  const child = startChild({ ...plan, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = ''; // shown only when it fails: some peers narrate their whole life
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID_LIMIT);
  });
  const stop = async (): Promise<void> => {
    await stopChild(child);
    removeFolder(plan.folder);
  };
  const deadline = Date.now() + START_MS;
  for (;;) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`${plan.command} did not start on port ${plan.port}: ${said}`);
    }
    const answered = await get(plan.port, '/ready').then(
      () => true,
      () => false, // not listening yet
    );
    if (answered) return { port: plan.port, pid: child.pid, stop };
    await delay(POLL_MS);
  }
}

/** A fresh folder; on tmpfs where there is one, so that no peer's cache waits for a disk. */
export function workFolder(name: string): string {
  const base = tmpfs() ?? tmpdir();
  return guardedFolder(join(base, `headgate-bench-${name}-`));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function tmpfs(): string | undefined {
  try {
    const probe = mkdtempSync('/dev/shm/headgate-bench-probe-');
    rmSync(probe, { recursive: true });
    return '/dev/shm';
  } catch {
    return undefined;
  }
}

/** Measures each contender once a round, one after the other, their order turned from round to round. */
export async function inTurn<S>(
  contenders: readonly Contender[],
  rounds: number,
  measure: (contender: Contender) => Promise<readonly S[]>,
): Promise<S[]> {
  const samples: S[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = round % Math.max(1, contenders.length);
    for (const contender of [...contenders.slice(start), ...contenders.slice(0, start)]) {
      samples.push(...(await measure(contender)));
    }
  }
  return samples;
}
