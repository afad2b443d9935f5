/** `headgate serve [source]`: starts the gateway, says where to look, and stops it on a signal. */
import type { Command } from 'commander';
import type { Config } from '../config/config.js';
import { redactUrls } from '../config/faults.js';
import { LastResort, STOP_GRACE_MS } from '../control/last-resort.js';
import { createLogger, type Logger } from '../telemetry/log.js';
import { addServeOptions, serveFlags, type ServeOptions } from './serve-options.js';
import { loadFrom } from './source-options.js';
import {
  EXIT,
  type CommandOutcome,
  type Served,
  type StartGateway,
  type Terminal,
} from './terminal.js';
import { VERSION } from './version.js';

/** From outside this thread, a little later than `STOP_GRACE_MS`: when it did not do so itself. */
const HANG_GRACE_MS = 4_500;
/** Ctrl-C under npm comes twice: from the terminal and from npm. */
const ONE_SIGNAL_MS = 500;

export function addServe(program: Command, terminal: Terminal, outcome: CommandOutcome): void {
  addServeOptions(program.command('serve', { isDefault: true }))
    .description('serve a directory, an origin or, without either, the bundled sample')
    .argument('[source]', 'directory or http(s) URL')
    .action(async (source: string | undefined, options: ServeOptions) => {
      const { config } = loadFrom(options, terminal, { flags: serveFlags(source, options) });
      outcome.exitCode = await serve(config, terminal);
    });
}

/** Resolves with the exit code when the gateway has stopped. */
async function serve(config: Config, terminal: Terminal): Promise<number> {
  const log = createLogger({ level: config.log.level, name: 'headgate' });
  const { deadline } = config.shutdown;
  terminal.ending.afterSignal(deadline + HANG_GRACE_MS);
  const end = (): void => {
    terminal.ending.now();
  };
  const lastResort = new LastResort({ log, patienceMs: deadline + STOP_GRACE_MS, end });
  const stopping = new Stopping(terminal, log, lastResort);
  try {
    const start = await terminal.loadGateway();
    const served = await startUnlessStopped({ config, log, start, stopping, lastResort });
    if (served === undefined) return EXIT.ok;
    announce(served, config, terminal);
    const { exitCode } = await served.closed;
    return stopping.broken ? EXIT.failure : exitCode;
  } finally {
    stopping.dispose();
  }
}

interface Startup {
  readonly config: Config;
  readonly log: Logger;
  readonly start: StartGateway;
  readonly stopping: Stopping;
  readonly lastResort: LastResort;
}

async function startUnlessStopped(startup: Startup): Promise<Served | undefined> {
  const { config, log, start, stopping, lastResort } = startup;
  const served = await lastResort.during('start-up', start(config, { log, lastResort }));
  if (stopping.reason === undefined) {
    stopping.watch(served);
    return served;
  }
  await served.stop(stopping.reason); // the signal came while it started
  await served.closed;
  return undefined;
}

/**
 * Signals and faults of the main thread, made into one orderly stop. A second signal is the way out for
 * the impatient; SIGHUP is none.
 */
class Stopping {
  readonly #terminal: Terminal;
  readonly #log: Logger;
  readonly #lastResort: LastResort;
  #signalMs: number | undefined;
  #served: Served | undefined;
  reason: string | undefined;
  broken = false;

  constructor(terminal: Terminal, log: Logger, lastResort: LastResort) {
    this.#terminal = terminal;
    this.#log = log;
    this.#lastResort = lastResort;
    terminal.process.on('SIGHUP', this.#onHangUp);
    terminal.process.on('SIGTERM', this.#onSignal);
    terminal.process.on('SIGINT', this.#onSignal);
    terminal.process.on('uncaughtException', this.#onFault);
  }

  watch(served: Served): void {
    this.#served = served;
  }

  dispose(): void {
    const { process } = this.#terminal;
    process.off('SIGHUP', this.#onHangUp);
    process.off('SIGTERM', this.#onSignal);
    process.off('SIGINT', this.#onSignal);
    process.off('uncaughtException', this.#onFault);
    this.#lastResort.standDown();
  }

  readonly #onSignal = (signal: string): void => {
    const nowMs = performance.now();
    this.#signalMs ??= nowMs;
    if (this.reason === undefined) this.#stop(signal);
    else if (nowMs - this.#signalMs > ONE_SIGNAL_MS) {
      this.#lastResort.force(`a second signal (${signal})`);
    }
  };

  readonly #onHangUp = (): void => {
    this.#log.warn('SIGHUP: nothing is loaded anew; restart to change the configuration');
  };

  /** Unhandled rejections come here too: Node raises them as uncaught exceptions. */
  readonly #onFault = (fault: unknown): void => {
    this.#log.fatal({ err: fault }, 'uncaught exception on the main thread');
    this.broken = true;
    if (this.reason === undefined) this.#stop('uncaughtException');
  };

  #stop(reason: string): void {
    this.reason = reason;
    this.#log.info({ reason }, 'stopping');
    this.#lastResort.arm();
    this.#served?.stop(reason).catch((fault: unknown) => {
      this.#log.error({ err: fault }, 'stopping failed');
      this.broken = true;
    });
  }
}

/** On stderr: stdout is for the log's JSON lines. */
function announce({ url, adminUrl }: Served, config: Config, { stderr }: Terminal): void {
  const origins = config.origins.map(redactUrls);
  const serving = origins.length === 0 ? 'the bundled sample' : origins.join(', then ');
  stderr.write(
    `Headgate ${VERSION} is up. Ctrl-C stops it.\n` +
      `  page     ${url}\n` +
      `  admin    ${adminUrl ?? 'off'}\n` +
      `  serving  ${serving}\n`,
  );
}
