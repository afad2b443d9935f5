/** What one edge worker stands on, with memory, origins and settings as a test wants them. */
import { MessageChannel } from 'node:worker_threads';
import type { Test } from 'tap';
import { createPool } from '../../src/arena/layout.js';
import type { Config } from '../../src/config/config.js';
import { createMetrics, type MetricsSnapshot, readMetrics } from '../../src/telemetry/metrics.js';
import { Basics } from '../../src/worker/basics.js';
import type { EdgeBoot } from '../../src/worker/edge-boot.js';
import { testConfig } from './shard.js';

const KIB = 1_024;

export interface WorkerSettings {
  readonly boot?: Partial<EdgeBoot>;
  readonly config?: Partial<Config>;
}

/** Of worker 0, alone, with four shards and four banks of 64 KiB. */
export function bootOf(t: Test, { boot = {}, config = {} }: WorkerSettings = {}): EdgeBoot {
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => {
    port1.close();
    port2.close();
  });
  const { workers = 1 } = boot;
  const settings = testConfig({});
  const shards = 4;
  return {
    ...{ index: 0, workers, restarted: false, control: port1, clockBaseMs: 0 },
    bundled: { routes: {}, prefixes: {} },
    pool: createPool({ bytes: 256 * KIB, shards, workers, bankBytes: 64 * KIB }),
    metrics: createMetrics(workers),
    config: { ...settings, shards, log: { ...settings.log, level: 'silent' }, ...config },
    ...boot,
  };
}

export function basicsOf(t: Test, settings: WorkerSettings = {}): Basics {
  const basics = new Basics(bootOf(t, settings));
  t.teardown(() => {
    basics.close();
  });
  return basics;
}

/** What the worker has counted. */
export function countersOf({ boot }: Basics): MetricsSnapshot['counters'] {
  const row = readMetrics(boot.metrics)[boot.index];
  if (row === undefined) throw new RangeError('no metrics');
  return row.counters;
}
