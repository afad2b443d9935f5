/** What every part of one shard works with; the shard owns all of it, on one thread. */
import type { Coded, ToEdge } from '../../protocol/messages.js';
import type { PolicySettings } from '../../rules/policy.js';
import type { Config } from '../../config/config.js';
import type { Origin } from '../../origin/origin.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../telemetry/log.js';
import type { WorkerMetrics } from '../../telemetry/metrics.js';
import type { CodingQueue } from './coding-queue.js';
import type { Holdings } from '../holdings/holdings.js';
import type { KeyMemory } from './key-memory.js';

export interface ShardContext {
  readonly shard: number;
  readonly config: Config;
  readonly policy: Omit<PolicySettings, 'defaultTtlMs'>;
  readonly origin: Origin;
  readonly clock: Clock;
  readonly random: () => number; // 0..1
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly holdings: Holdings;
  readonly codings: CodingQueue; // of all shards of the worker
  readonly memory: KeyMemory;
  /** False: the worker is down or its outbox is full. */
  readonly send: (worker: number, message: ToEdge | Coded) => boolean;
  /** For what a later message says better: may be left out. */
  readonly hint: (worker: number, message: ToEdge) => void;
  /** What was sent goes out now rather than at the turn's end. */
  readonly flush: () => void;
}
