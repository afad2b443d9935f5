/** What all parts of one edge worker stand on: its clock, log, counters, memory, origins. */
import { pinThreadToCore, threadCores } from '../../native/addon.js';
import { ArenaView } from '../arena/arena.js';
import type { EdgeBoot } from './edge-boot.js';
import { openOrigins, type OpenedOrigins } from '../origin/open.js';
import { SystemClock } from '../runtime/clock.js';
import { createLogger, type Logger } from '../telemetry/log.js';
import { WorkerMetrics } from '../telemetry/metrics.js';

const STANDINGS = {
  well: 'origin is back',
  resting: 'origin does not answer in time: it is asked last',
  down: 'origin fails: it is left alone',
} as const;

export class Basics {
  readonly boot: EdgeBoot;
  readonly clock: SystemClock;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly arena: ArenaView;
  readonly origin: OpenedOrigins;

  constructor(boot: EdgeBoot) {
    const { config, index } = boot;
    this.boot = boot;
    this.clock = new SystemClock(boot.clockBaseMs);
    this.log = createLogger({ level: config.log.level, name: 'headgate', worker: index });
    this.metrics = new WorkerMetrics(boot.metrics, index);
    if (config.arena.pinWorkers) this.#pin();
    this.arena = new ArenaView(boot.pool, index);
    this.origin = openOrigins(config, {
      clock: this.clock,
      random: Math.random,
      bundled: boot.bundled,
      onStanding: ({ origin, from, to }) => {
        this.log.warn({ origin, from }, STANDINGS[to]);
      },
    });
  }

  /** Runs a callback of uWS, a timer or a port; what it throws is logged and counted. */
  readonly guard = (run: () => void): void => {
    try {
      run();
    } catch (reason) {
      this.fault(reason, 'callback failed');
    }
  };

  fault(reason: unknown, what: string): void {
    this.metrics.add('handlerFaults');
    this.log.error({ err: reason }, what);
  }

  /** To one of the cores that the process was given, which need not begin at 0. */
  #pin(): void {
    const cores = threadCores();
    const core = cores[this.boot.index % cores.length];
    if (core !== undefined && pinThreadToCore(core)) return;
    const why = core === undefined ? 'its cores are not known' : `core ${core} is refused`;
    this.log.warn(`the worker is not pinned: ${why}`);
  }

  close(): void {
    this.clock.stop();
    void this.origin.close();
  }
}
