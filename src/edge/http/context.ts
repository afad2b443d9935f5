/** What every part of one edge worker works with; built by the worker's entry, on one thread. */
import type { ArenaView } from '../../arena/arena.js';
import type { Config } from '../../config/config.js';
import type { Origin } from '../../origin/origin.js';
import type { Clock } from '../../runtime/clock.js';
import type { AccessLog } from '../../telemetry/access-log.js';
import type { Logger } from '../../telemetry/log.js';
import type { WorkerMetrics } from '../../telemetry/metrics.js';
import type { Asks } from '../reach/asks.js';
import type { RequestRules } from './request/client-request.js';
import type { PassedFields } from './request/passed-fields.js';
import type { Codings } from './answer/codings.js';
import type { Lookup } from '../reach/lookup.js';
import type { StallWheel } from '../reach/stall-wheel.js';
import type { Plans } from './answer/response-plan.js';
import type { Turns } from '../reach/turns.js';

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
