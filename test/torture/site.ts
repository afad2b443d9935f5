/** One gateway under torture, before one half of the world: its HTTP origin or its directory. */
import { setTimeout as delay } from 'node:timers/promises';
import { FAULTY_CLI, type Gateway, startGateway, workersOf } from '../support/gateway.js';
import { RawClient } from '../support/raw-client.js';
import { MAX_OBJECT_BYTES, SLICE_BYTES } from './kinds.js';
import { nowMs, type WorldObject } from './world-object.js';

/** A cache that holds a fraction of the world, in pieces that just hold its largest objects. */
const ARGS = [
  ...['--cache-memory', '8MiB', '--shards', '3', '--log-level', 'warn'],
  ...['--set', `cache.maxObject=${MAX_OBJECT_BYTES}`, '--set', 'origin.connections=256'],
  ...['--set', 'origin.breaker.failures=1000', '--set', `cache.sliceSize=${SLICE_BYTES}`],
] as const;
/** Slow readers stall their writers, which hold leases, instead of the kernel. */
const ENV = { SEND_BUFFER: '32768' } as const;
const EXIT_MS = 500; // until the exit of a process is heard of that refuses connections
const AFTERMATH_MS = 500; // of a lost worker: what it was doing is found out about

interface Scope {
  teardown(close: () => unknown): unknown;
}

export class Site {
  readonly gateway: Gateway;
  readonly objects: readonly WorldObject[];
  /** The gateway's process has ended: with which code. */
  exitCode: number | undefined;
  readonly #losses: { fromMs: number; untilMs: number }[] = [];

  /** `ca`: a file of certificates that it trusts. */
  static async start(
    scope: Scope,
    options: { source: string; workers: number; objects: readonly WorldObject[]; ca: string },
  ): Promise<Site> {
    const { source, workers, objects, ca } = options;
    const env = { ...ENV, NODE_EXTRA_CA_CERTS: ca };
    const args = [source, ...ARGS, '--workers', String(workers)];
    return new Site(await startGateway(scope, { entry: FAULTY_CLI, env, args }), objects);
  }

  constructor(gateway: Gateway, objects: readonly WorldObject[]) {
    this.gateway = gateway;
    this.objects = objects;
    void gateway.exited.then((code) => {
      this.exitCode = code;
    });
  }

  /** Whether a worker was missing at some moment from `fromMs` to `untilMs`. */
  lostWorker(fromMs: number, untilMs: number): boolean {
    return this.#losses.some((loss) => loss.fromMs <= untilMs && loss.untilMs >= fromMs);
  }

  /** Lines of the gateway's log since then. */
  logSince(fromMs: number): string[] {
    const sinceMs = Date.now() - (nowMs() - fromMs);
    const lines = this.gateway.log().split('\n');
    return lines.filter((line) => {
      const time = /"time":"([^"]+)"/.exec(line)?.[1];
      return time !== undefined && Date.parse(time) >= sinceMs;
    });
  }

  /** Ends one worker, whichever takes the connection; resolves when all are there again. */
  async crash(): Promise<void> {
    const loss = { fromMs: nowMs(), untilMs: Infinity };
    this.#losses.push(loss);
    try {
      const restarts = total(await workersOf(this.gateway));
      const client = await RawClient.open(this.gateway.port);
      client.send('GET /fault/exit HTTP/1.1\r\nHost: test\r\n\r\n');
      await client.rest();
      for (let i = 0; i < 100; i += 1) {
        const workers = await workersOf(this.gateway);
        if (total(workers) > restarts && workers.every(({ state }) => state === 'up')) return;
        await delay(50);
      }
    } catch (reason) {
      await delay(EXIT_MS);
      if (this.exitCode === undefined) throw reason; // else that is what is told
    } finally {
      loss.untilMs = nowMs() + AFTERMATH_MS;
    }
  }
}

function total(workers: readonly { restarts: number }[]): number {
  return workers.reduce((sum, { restarts }) => sum + restarts, 0);
}
