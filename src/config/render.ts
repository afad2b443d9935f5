/** The configuration for people and tools: README's table, `config show`, JSON Schema. */
import { stringify } from 'yaml';
import { z } from 'zod';
import { CONFIG_SCHEMA, type Config } from './config.js';
import { REDACTED, redactUrls } from './faults.js';
import { settingFacts } from './kinds.js';
import { SETTINGS, type Setting } from './settings.js';

/** A Markdown table of every setting, the same on every machine. */
export function renderSettingsTable(): string {
  const rows = [...SETTINGS.values()].map(({ path, facts }) => {
    const initial = facts.initial === '' ? 'none' : facts.initial;
    return [`\`${path}\``, initial, facts.takes, facts.doc];
  });
  return [['Setting', 'Default', 'Takes', 'What it does'], ['---', '---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll(/[|*]/g, '\\$&')).join(' | ')} |\n`)
    .join('');
}

/**
 * The configuration in force as YAML that can be loaded again, each value with its source; secrets
 * are left out of it.
 */
export function renderConfig(config: Config, from: ReadonlyMap<string, string>): string {
  const lines: string[] = [];
  let open: readonly string[] = [];
  for (const setting of SETTINGS.values()) {
    const names = setting.path.split('.');
    const groups = names.slice(0, -1);
    groups.forEach((group, depth) => {
      if (groups.slice(0, depth + 1).join('.') !== open.slice(0, depth + 1).join('.')) {
        lines.push(`${'  '.repeat(depth)}${group}:`);
      }
    });
    open = groups;
    const written = stringify(shown(config, setting), { collectionStyle: 'flow', lineWidth: 0 });
    const source = from.get(setting.path) ?? 'default';
    const comment = source === 'default' ? '' : ` # ${source}`;
    const indent = '  '.repeat(groups.length);
    lines.push(`${indent}${names.at(-1) ?? ''}: ${written.trimEnd()}${comment}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The configuration in force as plain values, secrets redacted. */
export function redactedConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    [...SETTINGS.values()].map((setting) => [setting.path, redacted(config, setting)]),
  );
}

/** JSON Schema (2020-12) of the YAML file, for editors. */
export function renderJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(CONFIG_SCHEMA, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      delete jsonSchema.readOnly; // zod's word for frozen; here it would mean 'do not write it'
      if (zodSchema instanceof z.ZodObject) delete jsonSchema.required; // all have defaults
      const facts = settingFacts.get(zodSchema as unknown as z.ZodType);
      if (facts === undefined) return;
      jsonSchema.description = `${facts.doc} Takes ${facts.want}. Default: ${facts.initial || 'none'}.`;
    },
  });
}

function valueAt(config: Config, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((group, name) => (group as Record<string, unknown>)[name], config);
}

function redacted(config: Config, { path, facts }: Setting): unknown {
  const value = valueAt(config, path);
  if (facts.secret) return value === '' ? '' : REDACTED;
  if (Array.isArray(value)) return value.map((item) => redactUrls(String(item)));
  return value;
}

function shown(config: Config, setting: Setting): unknown {
  const value = redacted(config, setting);
  return setting.facts.secret ? value : setting.facts.show(value as never);
}
