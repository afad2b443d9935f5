/**
 * Thread entry of an edge worker, and the inline one of `--workers 0`. Wiring only: what a worker
 * decides lives in src/edge/ and src/shard/.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  adviseHugePages,
  pinThreadToCore,
  setListenSocketBuffers,
  threadCpuTimeUs,
} from '../native/addon.js';
import { loadUws } from '../native/uws.js';
import { ArenaView } from '../src/arena/arena.js';
import { Directory } from '../src/arena/directory.js';
import { isToShard, type MeshMessage } from '../src/protocol/messages.js';
import type { EdgeBoot } from '../src/control/edge-boot.js';
import { Asks } from '../src/edge/reach/asks.js';
import { Codings } from '../src/edge/http/answer/codings.js';
import { Connections } from '../src/edge/http/connections.js';
import type { EdgeContext } from '../src/edge/http/context.js';
import { EdgeServer } from '../src/edge/http/edge-server.js';
import { Lookup } from '../src/edge/reach/lookup.js';
import { PassedFields } from '../src/edge/http/request/passed-fields.js';
import { Plans } from '../src/edge/http/answer/response-plan.js';
import { StallWheel } from '../src/edge/reach/stall-wheel.js';
import { Turns } from '../src/edge/reach/turns.js';
import { asGatewayError } from '../src/errors.js';
import { viewersPort } from '../src/http/forwarding.js';
import { openOrigins, type OpenedOrigins } from '../src/origin/open.js';
import { SystemClock } from '../src/runtime/clock.js';
import { shardsOn } from '../src/runtime/hash.js';
import { Mesh } from '../src/runtime/mesh.js';
import type { FromWorker, ToWorker, WorkerPurge } from '../src/runtime/worker-messages.js';
import { CoderThread } from '../src/shard/intake/coder-thread.js';
import { CodingQueue } from '../src/shard/intake/coding-queue.js';
import { FollowingSegments } from '../src/shard/following-segments.js';
import { openShard } from '../src/shard/open-shard.js';
import type { Shard } from '../src/shard/shard.js';
import { AccessLog } from '../src/telemetry/access-log.js';
import { createLogger, type Logger } from '../src/telemetry/log.js';
import { WorkerMetrics } from '../src/telemetry/metrics.js';
import { Gauges } from '../src/worker/gauges.js';

const STANDINGS = {
  well: 'origin is back',
  resting: 'origin does not answer in time: it is asked last',
  down: 'origin fails: it is left alone',
} as const;
const OUTBOX_LIMIT = 65_536;
const BEAT_MS = 100;
const SHARD_TICK_MS = 100;
const GAUGE_TICK_MS = 1_000;
const PURGE_SLICE_MS = 4;
/**
 * uWS reads 512 KiB at a time, and on without end while it gets as much: `pause()` takes effect only
 * behind that, so a fast upload would come to lie here whole. The kernel doubles this for itself.
 */
const RECEIVE_BUFFER_BYTES = 196_608;

/** Runs until told to stop. Rejects when the thread cannot do its work. */
export default async function runEdgeWorker(boot: EdgeBoot): Promise<void> {
  const worker = new EdgeWorker(boot);
  const closeApp = (): void => {
    worker.closeServer();
  };
  // An open uWS socket at the end of its thread aborts the process.
  process.on('exit', closeApp);
  try {
    await worker.run();
  } finally {
    worker.close();
    process.off('exit', closeApp);
  }
}

class EdgeWorker {
  readonly #boot: EdgeBoot;
  readonly #log: Logger;
  readonly #clock: SystemClock;
  readonly #metrics: WorkerMetrics;
  readonly #origin: OpenedOrigins;
  readonly #arena: ArenaView;
  readonly #mesh: Mesh<MeshMessage>;
  readonly #asks: Asks;
  readonly #lookup: Lookup;
  readonly #codings: Codings;
  readonly #codingQueue: CodingQueue;
  readonly #turns = new Turns();
  readonly #wheel: StallWheel;
  readonly #shards = new Map<number, Shard>();
  readonly #order = new FollowingSegments();
  readonly #server: EdgeServer;
  readonly #connections: Connections;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #gauges: Gauges;

  constructor(boot: EdgeBoot) {
    const { config, index, control } = boot;
    this.#boot = boot;
    this.#clock = new SystemClock(boot.clockBaseMs);
    this.#log = createLogger({ level: config.log.level, name: 'headgate', worker: index });
    this.#metrics = new WorkerMetrics(boot.metrics, index);
    if (config.arena.pinWorkers) pinThreadToCore(index);
    const uws = loadUws({ maxHeaderBytes: config.limits.header });
    this.#origin = openOrigins(config, {
      clock: this.#clock,
      random: Math.random,
      bundled: boot.bundled,
      onStanding: ({ origin, from, to }) => {
        this.#log.warn({ origin, from }, STANDINGS[to]);
      },
    });
    this.#arena = new ArenaView(boot.pool, index);
    this.#lookup = new Lookup({
      directories: boot.pool.tables.map((_, shard) => new Directory(this.#arena, shard)),
      arena: this.#arena,
      cacheName: config.cache.name,
    });
    this.#mesh = new Mesh({
      self: index,
      outboxLimit: OUTBOX_LIMIT,
      deliver: (message, from) => {
        if (isToShard(message)) this.#shards.get(message.shard)?.receive(message, from);
        else if (message.kind === 'coded') this.#codings.receive(message);
        else if (message.kind === 'order') this.#order.hear(message);
        else this.#asks.receive(message, from);
      },
      onError: (reason) => {
        this.#fault(reason, 'message handler failed');
      },
    });
    this.#asks = this.#openAsks();
    this.#codings = this.#openCodings();
    this.#codingQueue = this.#openCodingQueue();
    this.#wheel = new StallWheel(
      config.limits,
      () => this.#clock.now(),
      () => {
        this.#metrics.add('cutSlow');
      },
    );
    this.#connections = new Connections(config.limits, this.#metrics);
    const context = this.#edgeContext();
    this.#server = new EdgeServer({ context, uws, connections: this.#connections });
    this.#openShards();
    this.#gauges = this.#openGauges();
    control.on('message', (message: ToWorker) => {
      this.#control(message);
    });
  }

  #openAsks(): Asks {
    const { config, workers } = this.#boot;
    return new Asks({
      shards: config.shards,
      workers,
      turns: this.#turns,
      now: () => this.#clock.now(),
      send: (to, message) => this.#mesh.send(to, message),
      insist: (to, message) => this.#mesh.reply(to, message),
      isUp: (worker) => this.#mesh.isUp(worker),
      arena: this.#arena,
      guard: this.#guard,
    });
  }

  #openCodings(): Codings {
    const { config, workers } = this.#boot;
    return new Codings({
      shards: config.shards,
      workers,
      now: () => this.#clock.now(),
      send: (to, message) => this.#mesh.send(to, message),
    });
  }

  #openGauges(): Gauges {
    return new Gauges({
      metrics: this.#metrics,
      shards: this.#shards,
      connections: this.#connections,
      wheel: this.#wheel,
      lookup: this.#lookup,
      codings: this.#codingQueue,
      origin: this.#origin,
      cpuTimeUs: () => threadCpuTimeUs() ?? 0,
      onOrigins: (origins) => {
        this.#tell({ kind: 'origins', origins });
      },
    });
  }

  #openCodingQueue(): CodingQueue {
    const { brotliQuality, gzipLevel, queue } = this.#boot.config.compression;
    const entry = new URL('./coder.js', import.meta.url);
    return new CodingQueue({
      coder: new CoderThread(entry, { br: brotliQuality, gzip: gzipLevel }),
      limit: queue,
      onFault: (reason) => {
        this.#log.error({ err: reason }, 'a coding could not be made');
      },
    });
  }

  #edgeContext(): EdgeContext {
    const { config, index } = this.#boot;
    return {
      worker: index,
      config,
      rules: {
        key: { maxUrl: config.limits.url, ...config.key },
        credentials: config.origin.credentials,
        fields: { maxBytes: config.limits.header, maxLines: 100 },
        defaultPort: viewersPort(config),
      },
      clock: this.#clock,
      random: Math.random,
      log: this.#log,
      access: new AccessLog({ log: this.#log, fraction: config.log.access, random: Math.random }),
      metrics: this.#metrics,
      plans: new Plans(),
      lookup: this.#lookup,
      asks: this.#asks,
      codings: this.#codings,
      turns: this.#turns,
      wheel: this.#wheel,
      forwarding: new PassedFields(config),
      origin: this.#origin,
      arena: this.#arena,
      guard: this.#guard,
    };
  }

  readonly #guard = (run: () => void): void => {
    try {
      run();
    } catch (reason) {
      this.#fault(reason, 'callback failed');
    }
  };

  /** Resolves when the worker was told to stop and has drained. */
  async run(): Promise<void> {
    this.#timers.push(
      setInterval(() => {
        this.#metrics.add('beats');
      }, BEAT_MS),
      setInterval(() => {
        for (const shard of this.#shards.values()) shard.tick();
      }, SHARD_TICK_MS),
      setInterval(() => {
        this.#asks.tick();
        this.#codings.tick();
        this.#gauges.take();
      }, GAUGE_TICK_MS),
    );
    this.#tell({ kind: 'ready' });
    await new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
  }

  #stopped: () => void = () => undefined;

  closeServer(): void {
    this.#server.close();
  }

  close(): void {
    this.#server.close();
    for (const timer of this.#timers) clearInterval(timer);
    this.#wheel.stop();
    this.#asks.close();
    for (const shard of this.#shards.values()) shard.close();
    this.#mesh.close();
    this.#clock.stop();
    this.#boot.control.close();
    void this.#codingQueue.close();
    void this.#origin.close();
  }

  #openShards(): void {
    const { config, index, workers, restarted, pool } = this.#boot;
    for (const [number, bank] of pool.banks.entries()) {
      if (number % workers !== index || restarted) continue;
      if (config.arena.hugePages) adviseHugePages(bank.buffer as SharedArrayBuffer);
      // First touch costs 0.4 s of CPU a GiB: now rather than under the first viewers.
      if (config.arena.pretouch) touchPages(bank);
    }
    for (const shard of shardsOn(index, workers, config.shards)) {
      this.#shards.set(
        shard,
        openShard({
          shard,
          arena: this.#arena,
          config,
          origin: this.#origin,
          clock: this.#clock,
          random: Math.random,
          log: this.#log,
          metrics: this.#metrics,
          codings: this.#codingQueue,
          send: (to, message) => this.#mesh.reply(to, message),
          hint: (to, message) => {
            this.#mesh.hint(to, message);
          },
          urge: () => {
            this.#mesh.urge();
          },
          order: this.#order,
          spread: (order) => {
            for (let to = 0; to < workers; to += 1) this.#mesh.hint(to, order);
          },
          ahead: (request) => {
            this.#asks.prefetch(request);
          },
        }),
      );
    }
  }

  #control(message: ToWorker): void {
    switch (message.kind) {
      case 'peer':
        this.#mesh.connect(message.index, message.port);
        this.#asks.onPeerUp(message.index);
        return;
      case 'peer-down':
        this.#mesh.disconnect(message.index);
        for (const shard of this.#shards.values()) shard.forgetWorker(message.index);
        this.#asks.onPeerDown(message.index);
        this.#arena.pins.forget(message.index);
        this.#tell({ kind: 'forgotten', index: message.index });
        return;
      case 'listen':
        void this.#listen(message.host, message.port);
        return;
      case 'purge':
        void this.#purge(message.id, message.order);
        return;
      case 'purge-over':
        this.#asks.joinNoMore();
        this.#tell({ kind: 'purged', id: message.id, count: 0 });
        return;
      case 'stop':
        void this.#stop(message.deadlineMs);
        return;
      case 'end':
        this.#stopped();
        return;
      default:
        message satisfies never;
    }
  }

  async #listen(host: string, port: number): Promise<void> {
    try {
      const localPort = await this.#server.listen(host, port);
      setListenSocketBuffers({ localPort, receiveBufferBytes: RECEIVE_BUFFER_BYTES });
      this.#tell({ kind: 'listening', port: localPort });
    } catch (reason) {
      const { code, detail } = asGatewayError(reason);
      this.#tell({ kind: 'listen-failed', code, detail });
    }
  }

  async #stop(deadlineMs: number): Promise<void> {
    await this.#server.stop(deadlineMs);
    this.#tell({ kind: 'drained' });
  }

  /** A few milliseconds at a time: who watches must not notice that a million titles go. */
  async #purge(id: number, order: WorkerPurge): Promise<void> {
    let count = 0;
    let sliceEndsMs = performance.now() + PURGE_SLICE_MS;
    for (const shard of this.#shards.values()) {
      for (const purged of shard.purging(order)) {
        count += purged;
        if (performance.now() < sliceEndsMs) continue;
        await nextTurn();
        sliceEndsMs = performance.now() + PURGE_SLICE_MS;
      }
    }
    this.#tell({ kind: 'purged', id, count });
  }

  #fault(reason: unknown, what: string): void {
    this.#metrics.add('handlerFaults');
    this.#log.error({ err: reason }, what);
  }

  #tell(message: FromWorker): void {
    this.#boot.control.postMessage(message);
  }
}

function touchPages(data: Uint8Array): void {
  for (let at = 0; at < data.length; at += 4_096) data[at] = 0;
}
