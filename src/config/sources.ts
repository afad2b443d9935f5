/** Where values come from: YAML text, environment, flags. Each gives entries that say so, and faults. */
import path from 'node:path';
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
} from 'yaml';
import { describeValue, nearestName, type Fault } from './faults.js';
import { GROUPS, SETTINGS } from './settings.js';

export interface Entry {
  readonly path: string;
  readonly value: unknown;
  readonly from: string;
  readonly base: string; // folder that relative file names start at
}

export interface Reading {
  readonly entries: Entry[];
  readonly faults: Fault[];
}

const MAX_FILE_CHARS = 1_048_576;

/** Every setting of a YAML file, with 'file:line:column' of each value. */
export function readYaml(text: string, file: string): Reading {
  const reading: Reading = { entries: [], faults: [] };
  if (text.length > MAX_FILE_CHARS) {
    const got = `${text.length} characters`;
    reading.faults.push({ path: file, want: `at most ${MAX_FILE_CHARS}`, got, from: file });
    return reading;
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  for (const error of [...document.errors, ...document.warnings]) {
    const got = error.message.split('\n', 1)[0] ?? error.code;
    reading.faults.push({ path: file, want: 'well-formed YAML', got, from: at(error.pos[0]) });
  }
  if (reading.faults.length === 0 && document.contents !== null) {
    const base = path.dirname(path.resolve(file));
    walkYaml({ document, at, base, reading }, document.contents, '');
  }
  return reading;
}

interface YamlWalk {
  readonly document: Document;
  readonly at: (offset: number) => string;
  readonly base: string;
  readonly reading: Reading;
}

function walkYaml(walk: YamlWalk, node: Node, group: string): void {
  const { document, at, reading } = walk;
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      walkPair(walk, { key, child: resolved(document, value) }, group);
    }
  } else if (!isScalar(node) || node.value !== null) {
    // null is a group with all its lines commented out
    const got = describeValue(node.toJS(document));
    const from = at(startOf(node) ?? 0);
    reading.faults.push({ path: group || 'file', want: 'a map of settings', got, from });
  }
}

interface YamlPair {
  readonly key: unknown;
  readonly child: Node | undefined;
}

function walkPair(walk: YamlWalk, { key, child }: YamlPair, group: string): void {
  const { document, at, reading, base } = walk;
  const name = isScalar(key) ? String(key.value) : '?';
  const path = group === '' ? name : `${group}.${name}`;
  const keyStart = startOf(key) ?? 0;
  if (SETTINGS.has(path)) {
    const value: unknown = child?.toJS(document, { maxAliasCount: 100 }) ?? null;
    reading.entries.push({ path, value, from: at(startOf(child) ?? keyStart), base });
  } else if (!GROUPS.has(path)) {
    reading.faults.push(unknownSetting(path, at(keyStart)));
  } else if (child !== undefined) {
    walkYaml(walk, child, path);
  }
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function resolved(document: Document, value: unknown): Node | undefined {
  if (isAlias(value)) return value.resolve(document);
  return isNode(value) ? value : undefined;
}

/** A Kubernetes Service named headgate puts these in the environment of every pod. */
const SERVICE_LINK =
  /^HEADGATE(?:_[A-Z0-9_]+)?_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_\w+)?)$/;

/** Read elsewhere: which file there is, and what it takes to look for a fault in a native addon. */
const NO_SETTINGS: ReadonlySet<string> = new Set(['HEADGATE_CONFIG', 'HEADGATE_NO_ADDON']);

/** Every HEADGATE_ variable that is a setting; an empty one counts as unset. */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  base: string,
): Reading {
  const reading: Reading = { entries: [], faults: [] };
  const byName = new Map([...SETTINGS.values()].map((setting) => [setting.env, setting.path]));
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('HEADGATE_') || NO_SETTINGS.has(name)) continue;
    if (value === undefined || value === '') continue;
    const known = byName.get(name);
    const from = `env ${name}`;
    if (known !== undefined) reading.entries.push({ path: known, value, from, base });
    else if (!SERVICE_LINK.test(name)) {
      const hint = nearestName(name, byName.keys());
      const got = 'an unknown variable';
      const fault = { path: name, want: 'the variable of a setting', got, from };
      reading.faults.push(hint === undefined ? fault : { ...fault, hint });
    }
  }
  return reading;
}

/** `path=value` of each --set; later ones win. */
export function readAssignments(assignments: readonly string[], base: string): Reading {
  const reading: Reading = { entries: [], faults: [] };
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=');
    const name = assignment.slice(0, Math.max(0, equals)).trim();
    const from = `--set ${name}`;
    if (equals < 1) {
      const got = describeValue(assignment);
      reading.faults.push({ path: '--set', want: 'path=value', got, from: '--set' });
    } else if (SETTINGS.has(name)) {
      reading.entries.push({ path: name, value: assignment.slice(equals + 1), from, base });
    } else if (GROUPS.has(name)) {
      const inside = [...SETTINGS.keys()].filter((path) => path.startsWith(`${name}.`));
      const want = `one of ${inside.join(', ')}`;
      reading.faults.push({ path: name, want, got: 'the whole group', from });
    } else {
      reading.faults.push(unknownSetting(name, from));
    }
  }
  return reading;
}

function unknownSetting(path: string, from: string): Fault {
  const hint = nearestName(path, [...SETTINGS.keys(), ...GROUPS].filter(Boolean));
  const fault = { path, want: 'the name of a setting', got: 'an unknown name', from };
  return hint === undefined ? fault : { ...fault, hint };
}
