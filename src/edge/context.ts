/** What every part of one edge worker works with; built by the worker's entry, on one thread. */
import type { ArenaView } from '../arena/arena.js';
import type { Config } from '../config/config.js';
import type { Origin } from '../origin/origin.js';
import type { Clock } from '../runtime/clock.js';
import type { AccessLog } from '../telemetry/access-log.js';
import type { Logger } from '../telemetry/log.js';
import type { WorkerMetrics } from '../telemetry/metrics.js';
import type { Asks } from './asks.js';
import type { RequestRules } from './client-request.js';
import type { PassedFields } from './passed-fields.js';
import type { Codings } from './codings.js';
import type { Lookup } from './lookup.js';
import type { StallWheel } from './stall-wheel.js';
import type { Plans } from './response-plan.js';
import type { Turns } from './turns.js';

export interface EdgeContext {
  readonly worker: number;
  readonly config: Config;
  readonly rules: RequestRules;
  readonly clock: Clock;
  readonly random: () => number; // 0..1
  readonly log: Logger;
  readonly access: AccessLog;
  readonly metrics: WorkerMetrics;
  readonly plans: Plans;
  readonly lookup: Lookup;
  readonly asks: Asks;
  readonly codings: Codings;
  readonly turns: Turns;
  readonly wheel: StallWheel;
  readonly forwarding: PassedFields;
  readonly origin: Origin; // for what passes through uncached
  readonly arena: ArenaView;
  /** Runs a callback; what it throws is logged and counted, never passed on to uWS. */
  readonly guard: (run: () => void) => void;
}
