/**
 * How many clients the descriptors of the process are enough for. When a process has none left, accept()
 * fails and the listening socket stays readable: its thread would turn without end and answer nobody.
 * So clients get what is surely not needed by others, and whoever comes beyond is closed at once.
 */
import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.js';
import { OPEN_FILES } from '../origin/files/directory.js';
import { MAX_CONNECTIONS } from './admin.js';

export interface DescriptorShare {
  readonly connections: number; // of clients, for each worker
  readonly allowed: number; // descriptors of the process
  readonly wanted: number; // for all that the configuration allows
}

/** Event loops, logs, listening sockets, pipes between threads; twice what was counted. */
const OF_THE_PROCESS = 128;
const OF_A_WORKER = 32;
/** Connections of the admin port that are on their way while older ones make room. */
const ADMIN_SPARE = 64;

/** Node has raised the soft limit to the hard one as it started. Undefined: not to be learned here. */
export function allowedDescriptors(): number | undefined {
  try {
    const [, soft] =
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? undefined : Number(soft); // 'unlimited' is none
  } catch {
    return undefined; // no Linux
  }
}

export function shareDescriptors(config: Config, allowed: number): DescriptorShare {
  const workers = Math.max(1, config.workers);
  const { limits, origin, origins } = config;
  const upstream = Math.max(1, origins.length) * origin.connections;
  const node = OF_THE_PROCESS + MAX_CONNECTIONS + ADMIN_SPARE;
  const others = node + workers * (OF_A_WORKER + OPEN_FILES + upstream);
  // Origins rarely need all their connections: of few descriptors clients have half.
  const left = Math.max(allowed - others, Math.floor(allowed / 2));
  const connections = Math.min(limits.connections, Math.max(1, Math.floor(left / workers)));
  return { connections, allowed, wanted: others + workers * limits.connections };
}
