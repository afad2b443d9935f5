/**
 * Keeps the edge workers alive: starts each as one long piscina task, joins them to a mesh, restarts
 * what dies with back-off, and stops all in order. Main thread. Never terminates a thread, aborts a
 * task or destroys the pool while a uWS app may be open: each would take the process down.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { createArena } from '../arena/layout.js';
import type { Config } from '../config/config.js';
import { asGatewayError, GatewayError } from '../errors.js';
import type { Clock } from '../runtime/clock.js';
import { keepNurseries } from '../runtime/nursery.js';
import type { FromWorker, ToWorker, WorkerPurge } from '../runtime/worker-messages.js';
import type { Logger } from '../telemetry/log.js';
import type { EdgeBoot } from './edge-boot.js';
import type { BundledContent } from '../origin/bundled.js';

export interface SupervisorOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: SharedArrayBuffer;
  readonly clock: Clock;
  readonly clockBaseMs: number;
  readonly bundled: BundledContent;
  /** The thread entry; its default export runs one worker. */
  readonly entry: URL;
  /** Runs a worker on this thread, for `--workers 0`. */
  readonly inline: (boot: EdgeBoot) => Promise<void>;
  /** Too many restarts: the process should end, for the service manager. */
  readonly onHopeless: (reason: GatewayError) => void;
}

interface WorkerSlot {
  readonly index: number;
  state: 'starting' | 'up' | 'restarting' | 'stopped';
  restarts: number;
  control: MessagePort | undefined;
  task: Promise<void>;
  startedMs: number;
  ready: (() => void) | undefined;
  listening: ((message: FromWorker) => void) | undefined;
  drained: (() => void) | undefined;
}

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5_000;
/** A worker that ran this long starts again without delay. */
const STEADY_MS = 60_000;
/** One worker that dies as it starts comes to 17 in a minute, given its back-off. */
const MAX_RESTARTS_PER_MINUTE = 10;
/** Workers purge in slices between requests; a million objects on a busy one take a while. */
const PURGE_PATIENCE_MS = 60_000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #pool: Piscina | undefined;
  readonly #slots: WorkerSlot[];
  readonly #arenas: { epoch: number; buffer: SharedArrayBuffer }[];
  readonly #purges = new Map<number, { slot: WorkerSlot; settle: (count: number) => void }>();
  #address: { host: string; port: number } | undefined;
  #nextPurge = 1;
  #recentRestarts: number[] = [];
  #state: 'running' | 'stopping' = 'running';

  constructor(options: SupervisorOptions) {
    const { config, entry } = options;
    this.#options = options;
    const count = Math.max(1, config.workers);
    this.#arenas = Array.from({ length: config.shards }, () => this.#freshArena(0));
    this.#slots = Array.from({ length: count }, (_, index) => ({
      index,
      state: 'starting' as const,
      restarts: 0,
      control: undefined,
      task: Promise.resolve(),
      startedMs: 0,
      ready: undefined,
      listening: undefined,
      drained: undefined,
    }));
    keepNurseries();
    this.#pool =
      config.workers === 0
        ? undefined
        : new Piscina({
            filename: entry.href,
            minThreads: count,
            maxThreads: count,
            concurrentTasksPerWorker: 1,
            // 'sync' parks an idle thread in Atomics.wait, and its sockets with it.
            atomics: 'disabled',
            idleTimeout: Infinity,
            closeTimeout: 5_000,
            recordTiming: false,
          });
    this.#pool?.on('error', (reason) => {
      options.log.error({ err: reason }, 'worker pool error');
    });
  }

  get workers(): readonly Pick<WorkerSlot, 'index' | 'state' | 'restarts'>[] {
    return this.#slots;
  }

  get utilizations(): readonly number[] {
    return (
      this.#pool?.threads.map((thread) => thread.performance.eventLoopUtilization().utilization) ??
      []
    );
  }

  /** All workers listen when this resolves. */
  async start(host: string, port: number): Promise<number> {
    await Promise.all(this.#slots.map((slot) => this.#launch(slot, false)));
    for (const slot of this.#slots) this.#joinPeers(slot, (peer) => peer.index < slot.index);
    this.#address = { host, port };
    await Promise.all(this.#slots.map((slot) => this.#listen(slot)));
    return this.#address.port;
  }

  /**
   * Objects purged. When it resolves, no request that starts from then on sees what was purged.
   * @throws GatewayError GW_WORKER_LOST: a worker does not answer, so that it may still serve it.
   */
  async purge(order: WorkerPurge): Promise<number> {
    const count = await this.#orderAll((id) => ({ kind: 'purge', id, order }));
    // Every shard has forgotten now. What workers asked of them before may not be joined any more.
    await this.#orderAll((id) => ({ kind: 'purge-over', id }));
    return count;
  }

  /** Tells every worker, and adds up what they answer. */
  async #orderAll(message: (id: number) => ToWorker): Promise<number> {
    const counts = this.#slots.map(
      (slot) =>
        new Promise<number>((resolve, reject) => {
          // A worker that is down has lost all it held: nothing is left to purge there.
          if (slot.control === undefined) {
            resolve(0);
            return;
          }
          const id = this.#nextPurge++;
          const timer = setTimeout(() => {
            this.#purges.delete(id);
            const detail = `worker ${slot.index} did not purge in ${PURGE_PATIENCE_MS} ms`;
            reject(new GatewayError('GW_WORKER_LOST', detail));
          }, PURGE_PATIENCE_MS);
          const settle = (count: number): void => {
            clearTimeout(timer);
            this.#purges.delete(id);
            resolve(count);
          };
          this.#purges.set(id, { slot, settle });
          this.#tell(slot, message(id));
        }),
    );
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  /**
   * Orderly: every worker drains up to the deadline and closes its app; when all of them have, since
   * one's clients follow fills of another's shards, the workers end; then the pool goes.
   */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#state === 'stopping') return;
    this.#state = 'stopping';
    await Promise.all(this.#slots.map((slot) => this.#drain(slot, deadlineMs)));
    for (const slot of this.#slots) this.#tell(slot, { kind: 'end' });
    await Promise.allSettled(this.#slots.map((slot) => slot.task));
    await this.#pool?.close();
  }

  async #drain(slot: WorkerSlot, deadlineMs: number): Promise<void> {
    if (slot.control === undefined) return;
    await new Promise<void>((resolve) => {
      slot.drained = resolve;
      this.#tell(slot, { kind: 'stop', deadlineMs });
    });
  }

  /** Runs the task and resolves when its worker is wired up. */
  async #launch(slot: WorkerSlot, restarted: boolean): Promise<void> {
    const { config, bundled, metrics, inline, clock, clockBaseMs } = this.#options;
    const { port1, port2 } = new MessageChannel();
    slot.control = port1;
    slot.startedMs = clock.now();
    port1.on('message', (message: FromWorker) => {
      this.#receive(slot, message);
    });
    const boot: EdgeBoot = {
      index: slot.index,
      workers: this.#slots.length,
      config,
      bundled,
      arenas: this.#arenas,
      metrics,
      clockBaseMs,
      control: port2,
      restarted,
    };
    const ready = new Promise<void>((resolve) => {
      slot.ready = resolve;
    });
    const run =
      this.#pool === undefined
        ? inline(boot)
        : (this.#pool.run(boot, { transferList: [port2] }) as Promise<void>);
    slot.task = run.then(
      () => {
        this.#ended(slot, undefined);
      },
      (reason: unknown) => {
        this.#ended(slot, reason);
      },
    );
    await Promise.race([ready, run]).catch((reason: unknown) => {
      throw asGatewayError(reason);
    });
  }

  #receive(slot: WorkerSlot, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        slot.ready?.();
        return;
      case 'listening':
      case 'listen-failed':
        slot.listening?.(message);
        return;
      case 'drained':
        slot.drained?.();
        return;
      case 'purged':
        this.#purges.get(message.id)?.settle(message.count);
        return;
      default:
        message satisfies never;
    }
  }

  async #listen(slot: WorkerSlot): Promise<void> {
    const address = this.#address;
    if (address === undefined) return;
    const answer = await new Promise<FromWorker>((resolve) => {
      slot.listening = resolve;
      this.#tell(slot, { kind: 'listen', ...address });
    });
    if (answer.kind === 'listen-failed') throw new GatewayError(answer.code, answer.detail);
    slot.listening = undefined;
    slot.state = 'up';
  }

  #joinPeers(slot: WorkerSlot, wanted: (peer: WorkerSlot) => boolean): void {
    for (const peer of this.#slots) {
      if (peer === slot || peer.control === undefined || !wanted(peer)) continue;
      const { port1, port2 } = new MessageChannel();
      this.#tell(slot, { kind: 'peer', index: peer.index, port: port1 }, [port1]);
      this.#tell(peer, { kind: 'peer', index: slot.index, port: port2 }, [port2]);
    }
  }

  /** Nobody waits any more for what the thread would have said. */
  #unwire(slot: WorkerSlot): void {
    slot.control?.close();
    slot.control = undefined;
    slot.drained?.();
    for (const purge of [...this.#purges.values()]) if (purge.slot === slot) purge.settle(0);
    slot.listening?.({ kind: 'listen-failed', code: 'GW_WORKER_LOST', detail: 'its worker ended' });
    slot.listening = undefined;
  }

  #ended(slot: WorkerSlot, reason: unknown): void {
    this.#unwire(slot);
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

  /** Tells the others, and gives the dead worker's shards new arenas: the old books are lost. */
  #bury(slot: WorkerSlot): void {
    const { config } = this.#options;
    const living = this.#slots.filter((peer) => peer !== slot);
    for (const peer of living) this.#tell(peer, { kind: 'peer-down', index: slot.index });
    for (let shard = slot.index; shard < config.shards; shard += this.#slots.length) {
      const arena = this.#freshArena((this.#arenas[shard]?.epoch ?? 0) + 1);
      this.#arenas[shard] = arena;
      for (const peer of living) this.#tell(peer, { kind: 'arena', shard, ...arena });
    }
  }

  async #restart(slot: WorkerSlot): Promise<void> {
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

  #freshArena(epoch: number): { epoch: number; buffer: SharedArrayBuffer } {
    const { cache, shards, workers } = this.#options.config;
    return { epoch, buffer: createArena(cache.memory / shards, Math.max(1, workers)) };
  }

  #tell(slot: WorkerSlot, message: ToWorker, transfer: MessagePort[] = []): void {
    slot.control?.postMessage(message, transfer);
  }
}
