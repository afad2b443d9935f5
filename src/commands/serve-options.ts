/** The flags of `serve`, and of `config`, which shows what they come to. */
import type { Command } from 'commander';
import type { Flag } from '../config/load.js';
import { SETTINGS } from '../config/settings.js';
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

/** Flags that set one setting each; the default in their help is the schema's. */
const SINGLE = [
  ['listen', 'listen', '--listen', '[host:]port', 'where viewers are served'],
  ['admin', 'admin.listen', '--admin', '[host:]port', "health, metrics and purge, or 'off'"],
  ['workers', 'workers', '--workers', 'n', 'edge worker threads; 0: all on the main thread'],
  ['shards', 'shards', '--shards', 'n', 'partitions of the content'],
  ['cacheMemory', 'cache.memory', '--cache-memory', 'size', 'memory for the cache'],
  ['tlsCert', 'tls.cert', '--tls-cert', 'file', 'PEM certificate chain'],
  ['tlsKey', 'tls.key', '--tls-key', 'file', 'PEM private key'],
] as const satisfies readonly (readonly [keyof ServeOptions, ...string[]])[];

export function addServeOptions(command: Command): Command {
  addSourceOptions(command);
  for (const [, path, name, takes, meaning] of SINGLE) {
    const initial = SETTINGS.get(path)?.facts.initial ?? '';
    const words = initial === '' ? meaning : `${meaning} (default: ${initial})`;
    command.option(`${name} <${takes}>`, words);
  }
  const meaning = 'where objects come from, tried in order; may be repeated';
  return command.option('--origin <url|dir>', meaning, collect);
}

/** The flags that were given, as settings. `source` comes before every --origin. */
export function serveFlags(source: string | undefined, options: ServeOptions): Flag[] {
  const flags: Flag[] = SINGLE.flatMap(([option, path, name]) => {
    const value = options[option];
    return value === undefined ? [] : [{ path, value, name }];
  });
  const more = options.origin ?? [];
  const origins = [...(source === undefined ? [] : [source]), ...more];
  const names = [
    ...(source === undefined ? [] : ['source']),
    ...(more.length > 0 ? ['--origin'] : []),
  ];
  if (origins.length > 0) flags.push({ path: 'origins', value: origins, name: names.join(', ') });
  return flags;
}
