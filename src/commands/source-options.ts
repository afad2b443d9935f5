/** The options every command shares: where the configuration comes from. */
import type { Command } from 'commander';
import { loadConfig, type Flag, type LoadedConfig } from '../config/load.js';
import type { Terminal } from './terminal.js';

export interface SourceOptions {
  readonly config?: string;
  readonly set?: readonly string[];
  readonly logLevel?: string;
}

export function addSourceOptions(command: Command): Command {
  return command
    .option('--config <file>', 'YAML file to read settings from (also HEADGATE_CONFIG)')
    .option('--set <path=value>', 'set any setting; may be repeated', collect)
    .option('--log-level <level>', 'trace, debug, info, warn, error or silent');
}

/** Collects a repeatable option. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

export interface LoadOptions {
  readonly flags?: readonly Flag[];
  readonly checkMachine?: boolean;
}

/** @throws ConfigError */
export function loadFrom(
  options: SourceOptions,
  { env }: Terminal,
  { flags = [], checkMachine = true }: LoadOptions = {},
): LoadedConfig {
  const level = options.logLevel;
  const own = level === undefined ? [] : [{ path: 'log.level', value: level, name: '--log-level' }];
  return loadConfig({
    file: options.config,
    env,
    flags: [...flags, ...own],
    set: options.set ?? [],
    checkMachine,
  });
}
