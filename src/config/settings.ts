/** The schema seen flat: each setting under its dotted path, with its environment name. */
import { z } from 'zod';
import { CONFIG_SCHEMA } from './config.js';
import { settingFacts, type SettingFacts } from './kinds.js';

export interface Setting {
  readonly path: string; // 'cache.ttl.playlist'
  readonly env: string; // 'HEADGATE_CACHE_TTL_PLAYLIST'
  readonly schema: z.ZodType;
  readonly facts: SettingFacts;
}

/** In the order of the schema. */
export const SETTINGS: ReadonlyMap<string, Setting> = new Map(
  [...walk(CONFIG_SCHEMA, '')].map((setting) => [setting.path, setting]),
);

/** Every path that holds settings rather than a value; '' is the root. */
export const GROUPS: ReadonlySet<string> = new Set(
  [...SETTINGS.keys()].flatMap((path) => {
    const names = path.split('.');
    return names.map((_, depth) => names.slice(0, depth).join('.'));
  }),
);

export function envName(path: string): string {
  const words = path.replaceAll('.', '_').replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2');
  return `HEADGATE_${words.toUpperCase()}`;
}

function* walk(schema: z.core.$ZodType, path: string): Generator<Setting> {
  const facts = schema instanceof z.ZodType ? settingFacts.get(schema) : undefined;
  if (facts !== undefined) {
    yield { path, env: envName(path), schema: schema as z.ZodType, facts };
  } else if (schema instanceof z.ZodObject) {
    for (const [name, child] of Object.entries<z.core.$ZodType>(schema.shape)) {
      yield* walk(child, path === '' ? name : `${path}.${name}`);
    }
  } else if (schema instanceof z.ZodPrefault || schema instanceof z.ZodReadonly) {
    const { innerType } = schema._zod.def as { innerType: z.core.$ZodType };
    yield* walk(innerType, path);
  }
}
