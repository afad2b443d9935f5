/** Composition root: builds all of a node and closes it in reverse order. Main thread. */
import path from 'node:path';
import { addonAbsence, endProcess } from '../native/addon.js';
import { packageRoot } from '../native/package-root.js';
import { loadUws } from '../native/uws.js';
import type { Config } from './config/config.js';
import { startAdmin } from './control/admin.js';
import { allowedDescriptors, shareDescriptors } from './control/descriptors.js';
import type { GatewayControl, GatewayState, PurgeOrder } from './control/gateway-control.js';
import { explainPort, freePort } from './control/listen-port.js';
import { LastResort, STOP_GRACE_MS } from './control/last-resort.js';
import { Supervisor } from './control/supervisor.js';
import { inlinePool, threadPool, type WorkerPool } from './control/worker-pool.js';
import { GatewayError } from './errors.js';
import { viewersPort } from './http/forwarding.js';
import { parseHost } from './http/host.js';
import { hostPrefix } from './http/key.js';
import { normalizePrefix } from './http/purge-prefix.js';
import { normalizeReference, type KeyRules } from './http/target.js';
import type { BundledContent } from './origin/bundled.js';
import { clockBase, SystemClock } from './runtime/clock.js';
import type { WorkerPurge } from './runtime/worker-messages.js';
import type { Logger } from './telemetry/log.js';
import { createMetrics, readMetrics } from './telemetry/metrics.js';

export interface HeadgateDeps {
  readonly log: Logger;
  /** Another thread entry than workers/edge.ts, for tests that break workers on purpose. */
  readonly workerEntry?: URL;
  /** Ends the process when it does not end by itself; one of its own where none is given. */
  readonly lastResort?: LastResort;
}

export interface RunningHeadgate {
  readonly url: string; // of the page
  readonly adminUrl: string | undefined;
  /** Settles when all is closed; a non-zero code when it was not asked for. */
  readonly closed: Promise<{ readonly exitCode: number }>;
  stop(reason: string): Promise<void>;
}

/**
 * A node that listens when the promise resolves.
 * @throws GatewayError GW_PORT_IN_USE, GW_CONFIG_INVALID, GW_NATIVE_UNSUPPORTED
 */
export async function startHeadgate(config: Config, deps: HeadgateDeps): Promise<RunningHeadgate> {
  const node = new Node(config, deps);
  await node.start();
  return node;
}

class Node implements RunningHeadgate {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #pool: WorkerPool;
  readonly #supervisor: Supervisor;
  readonly #metrics: SharedArrayBuffer;
  readonly #lastResort: LastResort;
  readonly #clock: SystemClock;
  readonly #startedMs: number;
  readonly closed: Promise<{ readonly exitCode: number }>;
  #resolveClosed: (end: { exitCode: number }) => void = () => undefined;
  #phase: GatewayState['phase'] = 'starting';
  #exitCode = 0;
  #port = 0;
  #admin: { readonly url: string; close(): Promise<void> } | undefined;
  #stopping: Promise<void> | undefined;

  constructor(given: Config, { log, workerEntry, lastResort }: HeadgateDeps) {
    const config = withinDescriptors(given, log);
    this.#config = config;
    this.#log = log;
    const patienceMs = config.shutdown.deadline + STOP_GRACE_MS;
    this.#lastResort = lastResort ?? new LastResort({ log, patienceMs, end: endProcess });
    const clockBaseMs = clockBase();
    this.#clock = new SystemClock(clockBaseMs);
    this.#startedMs = this.#clock.now();
    const absence = addonAbsence();
    if (absence !== undefined) log.info({ absence }, 'running without the native addon');
    // The header limit belongs to the process: the main thread loads first and sets it.
    loadUws({ maxHeaderBytes: config.limits.header });
    this.#metrics = createMetrics(Math.max(1, config.workers));
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#supervisor = new Supervisor({
      config,
      log,
      metrics: this.#metrics,
      clock: this.#clock,
      pool: (this.#pool = this.#openPool(workerEntry)),
      common: { bundled: bundledContent(), clockBaseMs },
      lastResort: this.#lastResort,
      onHopeless: (reason) => {
        log.fatal({ code: reason.code, detail: reason.detail }, 'giving up');
        this.#exitCode = 1;
        void this.stop(reason.code);
      },
    });
  }

  #openPool(entry = new URL('../workers/edge.js', import.meta.url)): WorkerPool {
    const { workers } = this.#config;
    if (workers === 0) return inlinePool(entry);
    const onError = (reason: unknown): void => {
      this.#log.error({ err: reason }, 'worker pool error');
    };
    return threadPool({ entry, workers, onError });
  }

  get url(): string {
    const { listen, tls } = this.#config;
    return `${tls.cert === '' ? 'http' : 'https'}://${displayHost(listen.host)}:${this.#port}/`;
  }

  get adminUrl(): string | undefined {
    return this.#admin?.url;
  }

  async start(): Promise<void> {
    const { listen, admin } = this.#config;
    try {
      if (listen.port !== 0) await freePort(listen.host, listen.port); // before anything is started
      if (admin.listen !== false) {
        this.#admin = await startAdmin({
          listen: admin.listen,
          token: admin.token,
          maxUrl: this.#config.limits.url,
          control: this.#control(),
          log: this.#log,
        });
      }
      this.#port = await this.#supervisor.start(listen.host, listen.port);
      this.#phase = 'ready';
    } catch (reason) {
      await this.stop('start failed');
      throw await explainPort(listen.host, listen.port, reason);
    }
  }

  async stop(reason: string): Promise<void> {
    this.#stopping ??= this.#close(reason);
    await this.#stopping;
  }

  async #close(reason: string): Promise<void> {
    this.#log.debug({ reason }, 'draining');
    this.#phase = 'draining';
    this.#lastResort.arm();
    await this.#supervisor.stop(this.#config.shutdown.deadline);
    this.#phase = 'stopped';
    if (this.#admin) await this.#lastResort.during('the admin port to close', this.#admin.close());
    this.#clock.stop();
    this.#lastResort.standDown();
    this.#resolveClosed({ exitCode: this.#exitCode });
  }

  #control(): GatewayControl {
    return {
      state: () => this.#state(),
      purge: async (order) => ({
        purged: await this.#supervisor.purge(this.#purgeOrder(order)),
      }),
      counters: () => readMetrics(this.#metrics),
    };
  }

  #state(): GatewayState {
    const gauges = readMetrics(this.#metrics).map((row) => row.gauges);
    const utilizations = this.#pool.utilizations();
    return {
      phase: this.#phase,
      uptimeMs: this.#clock.now() - this.#startedMs,
      url: this.url,
      workers: this.#supervisor.workers.map((worker) => ({
        ...worker,
        connections: gauges[worker.index]?.connections ?? 0,
        elu: utilizations[worker.index] ?? 0,
      })),
    };
  }

  /** @throws GatewayError GW_ADMIN_BAD_REQUEST */
  #purgeOrder({ scope, path, host, soft }: PurgeOrder): WorkerPurge {
    const apart = this.#config.key.host;
    if (scope === 'all' && host !== undefined && !apart) {
      throw new GatewayError('GW_ADMIN_BAD_REQUEST', 'host: hosts share what is cached (key.host)');
    }
    const where = { soft, everyHost: apart && host === undefined };
    const under = host === undefined ? '' : hostPrefix(apart, this.#normalHost(host));
    if (scope === 'exact') return { ...where, keys: [under + this.#normal(path, keyOf)] };
    const prefix = scope === 'all' ? '' : this.#normal(path, normalizePrefix);
    // `//host` alone would be the beginning of longer names, too.
    return { ...where, prefix: under === '' ? prefix : under + (prefix || '/') };
  }

  #normalHost(host: string): string {
    const normal = parseHost(host, viewersPort(this.#config));
    if (normal === undefined) throw new GatewayError('GW_ADMIN_BAD_REQUEST', 'host: not a host');
    return normal;
  }

  /** @throws GatewayError GW_ADMIN_BAD_REQUEST: no viewer can ask for such a thing */
  #normal(target: string, normalize: typeof normalizePrefix): string {
    const written = target.replaceAll(' ', '%20'); // people may write one, requests cannot
    const normal = normalize(written, { ...this.#config.key, maxUrl: this.#config.limits.url });
    if (typeof normal === 'string') return normal;
    throw new GatewayError('GW_ADMIN_BAD_REQUEST', `path: ${normal.error}`);
  }
}

function keyOf(target: string, rules: KeyRules): ReturnType<typeof normalizePrefix> {
  const normal = normalizeReference(target, rules);
  return 'error' in normal ? normal : normal.key;
}

/** As many clients as there are descriptors for, whatever the configuration allows. */
function withinDescriptors(config: Config, log: Logger): Config {
  const allowed = allowedDescriptors();
  if (allowed === undefined) return config;
  const { connections, wanted } = shareDescriptors(config, allowed);
  if (connections >= config.limits.connections) return config;
  log.warn(
    { allowed, wanted, connections },
    'too few file descriptors for limits.connections: each worker takes this many connections; raise LimitNOFILE',
  );
  return { ...config, limits: { ...config.limits, connections } };
}

function bundledContent(): BundledContent {
  const root = packageRoot();
  const web = path.join(root, 'src/web');
  return {
    routes: {
      '/': path.join(web, 'player.html'),
      '/headgate/player.js': path.join(web, 'player.js'),
      '/headgate/player.css': path.join(web, 'player.css'),
      '/headgate/hls.mjs': path.join(root, 'node_modules/hls.js/dist/hls.mjs'),
    },
    prefixes: { '/sample/': path.join(web, 'sample') },
  };
}

function displayHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
