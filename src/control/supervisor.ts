/**
 * Keeps the edge workers alive: starts each as one long task, joins them to a mesh, restarts what dies
 * with back-off, gives up what hangs, and stops all in order. Main thread.
 */
import { MessageChannel } from 'node:worker_threads';
import { voidShard } from '../arena/banks.js';
import { createPool, type Pool } from '../arena/layout.js';
import { clearPins } from '../arena/pins.js';
import type { Config } from '../config/config.js';
import { asGatewayError, GatewayError } from '../errors.js';
import type { Clock } from '../runtime/clock.js';
import { sizeHeaps } from '../runtime/heaps.js';
import type { WorkerPurge } from '../runtime/worker-messages.js';
import { shardsOn } from '../runtime/hash.js';
import type { Logger } from '../telemetry/log.js';
import { readCounter } from '../telemetry/metrics.js';
import type { EdgeBoot } from '../worker/edge-boot.js';
import type { WorkerState } from './gateway-control.js';
import { Heartbeats, HUNG_MS, LOOK_MS } from './heartbeats.js';
import type { LastResort } from './last-resort.js';
import { freePort } from './listen-port.js';
import { Mourning } from './mourning.js';
import { Orders } from './orders.js';
import type { WorkerPool } from './worker-pool.js';
import { WorkerSlot } from './worker-slot.js';

export interface SupervisorOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: SharedArrayBuffer;
  readonly clock: Clock;
  readonly pool: WorkerPool;
  /** What every worker is given alike. */
  readonly common: Pick<EdgeBoot, 'bundled' | 'clockBaseMs'>;
  readonly lastResort: LastResort;
  /** Too many restarts, or a worker hangs: the process should end, for the service manager. */
  readonly onHopeless: (reason: GatewayError) => void;
}

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5_000;
/** A worker that ran this long starts again without delay. */
const STEADY_MS = 60_000;
/** One worker that dies as it starts comes to 17 in a minute, given its back-off. */
const MAX_RESTARTS_PER_MINUTE = 10;
/** A thread has no beat before it has loaded its modules: on a machine that is short of cores, seconds. */
const START_PATIENCE_MS = 60_000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #slots: WorkerSlot[];
  readonly #pool: Pool;
  readonly #orders: Orders;
  readonly #mourning = new Mourning();
  readonly #heartbeats: Heartbeats;
  #watch: NodeJS.Timeout | undefined;
  #address: { host: string; port: number } | undefined;
  #recentRestarts: number[] = [];
  #state: 'running' | 'stopping' = 'running';

  constructor(options: SupervisorOptions) {
    const { config, pool, metrics } = options;
    this.#options = options;
    const { cache, shards, workers } = config;
    this.#pool = createPool({ bytes: cache.memory, shards, workers: Math.max(1, workers) });
    this.#slots = Array.from({ length: pool.size }, (_, index) => new WorkerSlot(index));
    this.#heartbeats = new Heartbeats({
      beatsOf: (worker) => readCounter(metrics, worker, 'beats'),
    });
    this.#orders = new Orders({
      tell: (worker, message) => this.#slots[worker]?.tell(message) === true,
    });
    sizeHeaps();
  }

  get workers(): readonly Pick<
    WorkerState,
    'index' | 'state' | 'restarts' | 'silentMs' | 'origins'
  >[] {
    return this.#slots.map(({ index, state, restarts, origins }) => {
      const silentMs = this.#heartbeats.silentMs(index);
      const hung = state === 'up' && silentMs >= HUNG_MS;
      const told = state === 'stopped' ? 'restarting' : state;
      return { index, state: hung ? 'hung' : told, restarts, silentMs, origins };
    });
  }

  /**
   * All workers listen when this resolves, on the port that it gives. For 0 one is found when they are ready to:
   * a free port is anybody's meanwhile.
   */
  async start(host: string, port: number): Promise<number> {
    this.#watch = setInterval(() => {
      this.#look();
    }, LOOK_MS).unref();
    await Promise.all(
      this.#slots.map((slot) => this.#during(slot, 'start', this.#launch(slot, false))),
    );
    for (const slot of this.#slots) this.#joinPeers(slot, (peer) => peer.index < slot.index);
    this.#address = { host, port: port === 0 ? await freePort(host, port) : port };
    await Promise.all(this.#slots.map((slot) => this.#during(slot, 'listen', this.#listen(slot))));
    return this.#address.port;
  }

  /**
   * Objects purged. When it resolves, no request that starts from then on sees what was purged.
   * @throws GatewayError GW_WORKER_LOST: a worker does not answer, so that it may still serve it.
   */
  async purge(order: WorkerPurge): Promise<number> {
    const workers = this.#slots.map(({ index }) => index);
    const count = await this.#orders.give(workers, (id) => ({ kind: 'purge', id, order }));
    // Every shard has forgotten now. What workers asked of them before may not be joined any more.
    await this.#orders.give(workers, (id) => ({ kind: 'purge-over', id }));
    return count;
  }

  /**
   * Orderly: every worker drains up to the deadline and closes its app; when all of them have, since
   * one's clients follow fills of another's shards, the workers end; then the pool goes.
   */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#state === 'stopping') return;
    this.#state = 'stopping';
    await Promise.all(
      this.#slots.map((slot) => this.#during(slot, 'drain', this.#drain(slot, deadlineMs))),
    );
    for (const slot of this.#slots) slot.tell({ kind: 'end' });
    await Promise.all(this.#slots.map((slot) => this.#during(slot, 'end', this.#lastOf(slot))));
    await this.#options.lastResort.during('the worker pool to close', this.#options.pool.close());
    clearInterval(this.#watch);
  }

  #during<T>({ index }: WorkerSlot, what: string, work: Promise<T>): Promise<T> {
    return this.#options.lastResort.during(`worker ${index} to ${what}`, work);
  }

  /** Resolves when its thread is free. One that hangs never will be, and closing takes all of them. */
  async #lastOf(slot: WorkerSlot): Promise<void> {
    if (this.#isHopeless(slot)) this.#options.lastResort.force('a worker hangs');
    await slot.task;
  }

  #isHopeless({ index, state }: WorkerSlot): boolean {
    const { hang } = this.#options.config.shutdown;
    const patienceMs = state === 'up' ? hang : Math.max(hang, START_PATIENCE_MS);
    return this.#heartbeats.silentMs(index) >= patienceMs;
  }

  #look(): void {
    const { clock, log, onHopeless } = this.#options;
    this.#heartbeats.look(clock.now());
    for (const slot of this.#slots) {
      const silentMs = this.#heartbeats.silentMs(slot.index);
      const hangs = slot.state === 'up' && silentMs >= HUNG_MS;
      if (hangs !== slot.hung) {
        slot.hung = hangs;
        if (slot.hung) log.error({ worker: slot.index, silentMs }, 'worker hangs');
        else log.warn({ worker: slot.index }, 'worker goes on');
      }
      if (!this.#isHopeless(slot)) continue;
      slot.giveUpDrain();
      if (this.#state === 'stopping') continue;
      const detail = `worker ${slot.index} hangs for ${Math.round(silentMs)} ms`;
      onHopeless(new GatewayError('GW_HUNG', detail));
    }
  }

  async #drain(slot: WorkerSlot, deadlineMs: number): Promise<void> {
    if (!this.#isHopeless(slot)) await slot.drain(deadlineMs);
  }

  /** Runs the task and resolves when its worker is wired up. */
  async #launch(slot: WorkerSlot, restarted: boolean): Promise<void> {
    const { config, common, metrics, clock, pool } = this.#options;
    const { index } = slot;
    slot.startedMs = clock.now();
    // The first start may touch all memory before its first beat.
    if (restarted) this.#heartbeats.watch(index);
    const node = { workers: this.#slots.length, config, pool: this.#pool, metrics, restarted };
    await slot.launch({
      pool,
      boot: { index, ...node, ...common },
      onMessage: (message) => {
        if (message.kind === 'forgotten') this.#mourning.forgotten(index, message.index);
        else this.#orders.answered(message.id, message.count);
      },
      onEnded: (reason) => {
        this.#ended(slot, reason);
      },
    });
  }

  async #listen(slot: WorkerSlot): Promise<void> {
    if (this.#address === undefined) return;
    await slot.listen(this.#address);
    this.#heartbeats.watch(slot.index);
  }

  #joinPeers(slot: WorkerSlot, wanted: (peer: WorkerSlot) => boolean): void {
    for (const peer of this.#slots) {
      if (peer === slot || !peer.isConnected || !wanted(peer)) continue;
      const { port1, port2 } = new MessageChannel();
      slot.tell({ kind: 'peer', index: peer.index, port: port1 }, [port1]);
      peer.tell({ kind: 'peer', index: slot.index, port: port2 }, [port2]);
    }
  }

  #ended(slot: WorkerSlot, reason: unknown): void {
    this.#heartbeats.forget(slot.index);
    this.#mourning.onDown(slot.index);
    this.#orders.onDown(slot.index);
    slot.disconnect();
    if (this.#state === 'stopping' || reason === undefined) {
      slot.state = 'stopped';
      return;
    }
    if (slot.startedMs === 0) return;
    const wasSteady = this.#options.clock.now() - slot.startedMs > STEADY_MS;
    const first = slot.state === 'starting' && this.#address === undefined;
    slot.state = 'restarting';
    if (first) {
      this.#options.onHopeless(asGatewayError(reason));
      return;
    }
    slot.restarts = wasSteady ? 1 : slot.restarts + 1;
    this.#options.log.error(
      { err: reason, worker: slot.index, restarts: slot.restarts },
      'worker died',
    );
    if (this.#tooManyRestarts()) {
      const detail = `more than ${MAX_RESTARTS_PER_MINUTE} restarts in a minute`;
      this.#options.onHopeless(new GatewayError('GW_RESTART_LIMIT', detail, { cause: reason }));
      return;
    }
    this.#bury(slot);
    const delayMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (slot.restarts - 1));
    setTimeout(() => {
      void this.#restart(slot);
    }, delayMs).unref(); // nothing to wait for once the node has stopped
  }

  /** Nobody finds any more what the dead worker's shards had, as nobody would purge it; and tells the others. */
  #bury(slot: WorkerSlot): void {
    const { config } = this.#options;
    const living = this.#slots.filter((peer) => peer.isConnected);
    for (const shard of shardsOn(slot.index, this.#slots.length, config.shards)) {
      voidShard(this.#pool, shard);
    }
    this.#mourning.begin(
      slot.index,
      living.map(({ index }) => index),
    );
    for (const peer of living) peer.tell({ kind: 'peer-down', index: slot.index });
  }

  async #restart(slot: WorkerSlot): Promise<void> {
    await this.#mourning.untilOver(slot.index);
    clearPins(this.#pool, slot.index);
    if (this.#state === 'stopping') return;
    try {
      await this.#launch(slot, true);
      this.#joinPeers(slot, () => true);
      await this.#listen(slot);
      this.#options.log.info({ worker: slot.index }, 'worker is back');
    } catch (reason) {
      // The task's own end does the accounting; only a failed listen ends up here alone.
      this.#options.log.error({ err: reason, worker: slot.index }, 'worker could not be restarted');
    }
  }

  #tooManyRestarts(): boolean {
    const nowMs = this.#options.clock.now();
    this.#recentRestarts = this.#recentRestarts.filter((atMs) => nowMs - atMs < 60_000);
    this.#recentRestarts.push(nowMs);
    return this.#recentRestarts.length > MAX_RESTARTS_PER_MINUTE;
  }
}
