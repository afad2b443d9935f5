/**
 * Ends connections that send a request too slowly (slow-loris): uWS re-arms its own time-out with
 * every byte, so it never does. Main thread; needs the addon, which sees the sockets of all workers.
 *
 * A connection is slow when its last answer (or its opening) is longer ago than the limit and, from
 * one look to the next, it sent something, but less than the minimum rate. One that sends nothing
 * waits for its answer, or is idle and uWS's to end; a faster one uploads.
 */
import {
  shutdownSocket,
  type UnansweredConnection,
  unansweredConnections,
} from '../../native/addon.js';
import type { Logger } from '../telemetry/log.js';

export interface SlowRequestLimits {
  readonly headersTimeout: number; // ms without an answer before a connection is looked at
  readonly bodyMinRate: number; // bytes per second
}

const LOOK_MS = 5_000;

export class SlowRequests {
  readonly #limits: SlowRequestLimits;
  readonly #port: number;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #seen: ReadonlyMap<number, Sighting> = new Map();

  constructor(port: number, limits: SlowRequestLimits, log: Logger) {
    this.#port = port;
    this.#limits = limits;
    this.#log = log;
    this.#timer = setInterval(() => {
      this.look(Date.now());
    }, LOOK_MS);
    this.#timer.unref();
  }

  /** One round; the timer calls it. Returns how many connections were ended. */
  look(nowMs: number): number {
    const open = unansweredConnections(this.#port, this.#limits.headersTimeout) ?? [];
    const { slow, seen } = judgeConnections(open, this.#seen, {
      nowMs,
      minRate: this.#limits.bodyMinRate,
    });
    this.#seen = seen;
    const cut = slow.filter((connection) => shutdownSocket(connection)).length;
    if (cut > 0) this.#log.warn({ cut }, 'connections ended that sent a request too slowly');
    return cut;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

export interface Sighting {
  readonly bytesReceived: number;
  readonly atMs: number;
}

/** Pure: which of the connections seen twice are slow, and what to remember for the next look. */
export function judgeConnections(
  open: readonly UnansweredConnection[],
  before: ReadonlyMap<number, Sighting>,
  { nowMs, minRate }: { nowMs: number; minRate: number },
): { slow: UnansweredConnection[]; seen: Map<number, Sighting> } {
  const seen = new Map<number, Sighting>();
  const slow: UnansweredConnection[] = [];
  for (const connection of open) {
    const { inode, bytesReceived } = connection;
    const first = before.get(inode);
    seen.set(inode, first ?? { bytesReceived, atMs: nowMs });
    if (first === undefined || nowMs <= first.atMs) continue;
    const grown = bytesReceived - first.bytesReceived;
    const rate = (grown * 1_000) / (nowMs - first.atMs);
    if (grown > 0 && rate < minRate) slow.push(connection);
  }
  return { slow, seen };
}
