/** The flags of `serve`, and of `config`, which shows what they come to. */
import type { Command } from 'commander';
import type { Flag } from '../config/load.js';
import { addSourceOptions, collect, type SourceOptions } from './source-options.js';

export interface ServeOptions extends SourceOptions {
  readonly listen?: string;
  readonly admin?: string;
  readonly workers?: string;
  readonly shards?: string;
  readonly cacheMemory?: string;
  readonly origin?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export function addServeOptions(command: Command): Command {
  return addSourceOptions(command)
    .option('--listen <[host:]port>', 'where viewers are served (0.0.0.0:8080)')
    .option('--admin <[host:]port>', "health, metrics and purge, or 'off' (127.0.0.1:9090)")
    .option('--workers <n>', 'edge worker threads; 0: all on the main thread (cores)')
    .option('--shards <n>', 'partitions of the content (16)')
    .option('--cache-memory <size>', 'memory for the cache (a quarter of RAM, at most 1GiB)')
    .option('--origin <url|dir>', 'where objects come from, tried in order; repeatable', collect)
    .option('--tls-cert <file>', 'PEM certificate chain')
    .option('--tls-key <file>', 'PEM private key');
}

const SINGLE = [
  ['listen', 'listen', '--listen'],
  ['admin', 'admin.listen', '--admin'],
  ['workers', 'workers', '--workers'],
  ['shards', 'shards', '--shards'],
  ['cacheMemory', 'cache.memory', '--cache-memory'],
  ['tlsCert', 'tls.cert', '--tls-cert'],
  ['tlsKey', 'tls.key', '--tls-key'],
] as const satisfies readonly (readonly [keyof ServeOptions, string, string])[];

/** The flags that were given, as settings. `source` comes before every --origin. */
export function serveFlags(source: string | undefined, options: ServeOptions): Flag[] {
  const flags: Flag[] = SINGLE.flatMap(([option, path, name]) => {
    const value = options[option];
    return value === undefined ? [] : [{ path, value, name }];
  });
  const origins = [...(source === undefined ? [] : [source]), ...(options.origin ?? [])];
  if (origins.length > 0) {
    flags.push({
      path: 'origins',
      value: origins,
      name: source === undefined ? '--origin' : 'source',
    });
  }
  return flags;
}
