/** `headgate warm`: brings what a playlist or manifest names into the cache of a running gateway. */
import cliProgress from 'cli-progress';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { formatDuration, formatListen, parseDuration } from '../config/units.js';
import { GatewayError } from '../errors.js';
import { reachable } from './purge.js';
import { addSourceOptions, loadFrom, type SourceOptions } from './source-options.js';
import { EXIT, type CommandOutcome, type Terminal } from './terminal.js';
import { hasUser, warm, type WarmResult } from './warm-run.js';

interface WarmOptions extends SourceOptions {
  readonly first?: number;
  readonly concurrency: number;
  readonly timeout: number;
}

const SHOWN_FAILURES = 10;

export function addWarm(program: Command, terminal: Terminal, outcome: CommandOutcome): void {
  addSourceOptions(program.command('warm'))
    .description(
      'fetch the renditions of an HLS playlist or DASH manifest through the gateway into its cache',
    )
    .argument('<playlist-url>', 'URL at the gateway, or a path on the configured listen address')
    .option(
      '--first <n>',
      'only the first n segments of each rendition; of a live one the newest n',
      whole(1, 100_000),
    )
    .option('--concurrency <n>', 'requests at a time', whole(1, 64), 4)
    .addOption(
      new Option('--timeout <duration>', 'longest time for one object')
        .argParser(timeout)
        .default(30_000, '30s'),
    )
    .action(async (playlistUrl: string, options: WarmOptions) => {
      const url = absoluteUrl(playlistUrl, options, terminal);
      const startMs = performance.now();
      const result = await withProgress(terminal, (onProgress) =>
        warm({
          url,
          first: options.first ?? Number.POSITIVE_INFINITY,
          concurrency: options.concurrency,
          timeoutMs: options.timeout,
          onProgress,
        }),
      );
      report(result, performance.now() - startMs, terminal);
      outcome.exitCode = result.failures.length === 0 ? EXIT.ok : EXIT.failure;
    });
}

/** @throws GatewayError GW_USAGE */
function absoluteUrl(given: string, options: SourceOptions, terminal: Terminal): string {
  const url = urlOf(given, options, terminal);
  if (!hasUser(url)) return url.href;
  throw new GatewayError('GW_USAGE', 'want a URL without a user or password: none is ever sent');
}

function urlOf(given: string, options: SourceOptions, terminal: Terminal): URL {
  if (/^https?:\/\//i.test(given) && URL.canParse(given)) return new URL(given);
  if (!given.startsWith('/')) throw new GatewayError('GW_USAGE', 'want an http(s) URL or a path');
  const { listen, tls } = loadFrom(options, terminal, { checkMachine: false }).config;
  const scheme = tls.cert === '' ? 'http' : 'https';
  const gateway = `${scheme}://${formatListen(reachable(listen))}`;
  if (!URL.canParse(given, gateway)) throw new GatewayError('GW_USAGE', `${given} is not a path`);
  return new URL(given, gateway);
}

/** A bar on a terminal, nothing elsewhere. */
async function withProgress<T>(
  { stderr }: Terminal,
  run: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  if (!('isTTY' in stderr) || stderr.isTTY !== true) return run(() => undefined);
  const bar = new cliProgress.SingleBar({
    stream: stderr,
    format: 'warming {bar} {value}/{total} objects, {eta_formatted} left',
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(1, 0);
  try {
    return await run((done, total) => {
      bar.setTotal(total);
      bar.update(done);
    });
  } finally {
    bar.stop();
  }
}

function report(
  { objects, bytes, hits, skipped, failures }: WarmResult,
  ms: number,
  { stdout, stderr }: Terminal,
): void {
  for (const failure of failures.slice(0, SHOWN_FAILURES)) {
    stderr.write(`headgate: GW_WARM_FAILED: ${failure}\n`);
  }
  if (failures.length > SHOWN_FAILURES) {
    stderr.write(`headgate: GW_WARM_FAILED: and ${failures.length - SHOWN_FAILURES} more\n`);
  }
  const mib = (bytes / 2 ** 20).toFixed(1);
  stdout.write(
    `fetched ${objects} objects, ${mib} MiB in ${formatDuration(Math.round(ms))}: ` +
      `${hits} were cached already, ${failures.length} failed, ${skipped} skipped\n`,
  );
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Want a whole number from ${min} to ${max}.`);
  };
}

function timeout(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 1 && ms <= 3_600_000) return ms;
  throw new InvalidArgumentError('Want a duration from 1ms to 1h, with its unit.');
}
