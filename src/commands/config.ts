/** `headgate config check|show|schema`. */
import type { Command } from 'commander';
import {
  redactedConfig,
  renderConfig,
  renderJsonSchema,
  renderSettingsTable,
} from '../config/render.js';
import { addServeOptions, serveFlags, type ServeOptions } from './serve-options.js';
import { loadFrom } from './source-options.js';
import type { Terminal } from './terminal.js';

export function addConfig(program: Command, terminal: Terminal): void {
  const config = program.command('config').description('check, show or describe the configuration');
  addServeOptions(config.command('check'))
    .description('name every fault of the configuration; exits 2 when there is one')
    .action((options: ServeOptions) => {
      loadFrom(options, terminal, { flags: serveFlags(undefined, options) });
      terminal.stdout.write('the configuration is good\n');
    });
  addServeOptions(config.command('show'))
    .description('print the settings in force and where each comes from; secrets are left out')
    .option('--json', 'as JSON, in milliseconds and bytes')
    .action(({ json, ...options }: ServeOptions & { readonly json?: true }) => {
      const loaded = loadFrom(options, terminal, { flags: serveFlags(undefined, options) });
      const text =
        json === true
          ? `${JSON.stringify(redactedConfig(loaded.config), undefined, 2)}\n`
          : renderConfig(loaded.config, loaded.from);
      terminal.stdout.write(text);
    });
  config
    .command('schema')
    .description('print the JSON Schema of the configuration file')
    .option('--markdown', 'a table of all settings instead')
    .action(({ markdown }: { readonly markdown?: true }) => {
      const text =
        markdown === true
          ? renderSettingsTable()
          : `${JSON.stringify(renderJsonSchema(), undefined, 2)}\n`;
      terminal.stdout.write(text);
    });
}
