/** The settings of a YAML file, each with its place in it. What is at fault is named, never shown. */
import path from 'node:path';
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import type { Fault } from './faults.js';
import { GROUPS, SETTINGS } from './settings.js';
import type { SourceReading } from './sources.js';
import { unknownSetting } from './unknown.js';

const MAX_FILE_CHARS = 1_048_576;

/** Every setting of a YAML file, with 'file:line:column' of each value. */
export function readYaml(text: string, file: string): SourceReading {
  const reading: SourceReading = { entries: [], faults: [] };
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
    const from = at(error.pos[0]);
    reading.faults.push({ path: file, want: 'well-formed YAML', got: complaint(error), from });
  }
  if (reading.faults.length === 0 && document.contents !== null) {
    const base = path.dirname(path.resolve(file));
    walkYaml({ document, at, base, reading }, document.contents, '');
  }
  return reading;
}

/** The parser's words, but for what it quotes: a token may begin with '!', '|' or a backslash. */
function complaint({ code, message }: YAMLError): string {
  if (code === 'TAG_RESOLVE_FAILED' || code === 'BAD_COLLECTION_TYPE') {
    return "a tag that means nothing here; quote what begins with '!'";
  }
  if (code === 'BAD_DQ_ESCAPE') return 'an invalid escape sequence';
  return message.split(/\n|: /, 1)[0] ?? code;
}

interface YamlWalk {
  readonly document: Document;
  readonly at: (offset: number) => string;
  readonly base: string;
  readonly reading: SourceReading;
}

function walkYaml(walk: YamlWalk, node: Node, group: string): void {
  if (isMap(node)) {
    for (const { key, value } of node.items) walkPair(walk, { key, value }, group);
  } else if (!isScalar(node) || node.value !== null) {
    // null is a group with all its lines commented out
    complain(walk, node, { path: group || 'file', want: 'a map of settings', got: kindOf(node) });
  }
}

interface YamlPair {
  readonly key: unknown;
  readonly value: unknown;
}

function walkPair(walk: YamlWalk, { key, value }: YamlPair, group: string): void {
  const { document, at, reading, base } = walk;
  const name = isScalar(key) ? String(key.value) : undefined;
  const path = [...(group === '' ? [] : [group]), name ?? '?'].join('.');
  const node = isAlias(value) ? (value.resolve(document) ?? value) : value;
  const kind = kindOfName(name, path);
  if (kind === 'setting') {
    const read = plainValue(document, node);
    if ('wrong' in read) complain(walk, read.node, { path, ...read.wrong });
    else reading.entries.push({ path, value: read.plain, from: at(placeOf(node, key)), base });
  } else if (kind === 'group') {
    if (isAlias(node)) complain(walk, node, { path, ...UNRESOLVED });
    else if (isNode(node)) walkYaml(walk, node, path);
  } else if (kind === 'dotted') {
    const want = 'each group on a line of its own, what is in it indented below';
    complain(walk, key, { path, want, got: 'a name with dots' });
  } else {
    reading.faults.push(unknownName(path, name, at(placeOf(key, undefined))));
  }
}

function kindOfName(name: string | undefined, path: string): string {
  if (name === undefined || name === '') return 'unknown';
  const kind = SETTINGS.has(path) ? 'setting' : GROUPS.has(path) ? 'group' : 'unknown';
  // Two ways to write one name would let a setting be written twice.
  return kind !== 'unknown' && name.includes('.') ? 'dotted' : kind;
}

/** `?` stands for a name that is no text. */
function unknownName(path: string, name: string | undefined, from: string): Fault {
  if (name !== undefined) return unknownSetting(path, from);
  return { path, want: 'the name of a setting', got: 'no text', from };
}

function complain(walk: YamlWalk, node: unknown, fault: Omit<Fault, 'from'>): void {
  walk.reading.faults.push({ ...fault, from: walk.at(placeOf(node, undefined)) });
}

function placeOf(node: unknown, otherwise: unknown): number {
  const found = isNode(node) ? node : otherwise;
  return isNode(found) ? (found.range?.[0] ?? 0) : 0;
}

function kindOf(node: Node): string {
  if (isSeq(node)) return 'a list';
  if (!isScalar(node)) return 'something else';
  if (typeof node.value === 'string') return 'text';
  return typeof node.value === 'number' ? 'a number' : 'a single value';
}

interface Wrong {
  readonly want: string;
  readonly got: string;
}

const UNRESOLVED: Wrong = {
  want: 'a value',
  got: 'an alias (*) whose anchor (&) is not before it',
};
const CIRCULAR: Wrong = { want: 'a value', got: 'an alias (*) of what it is itself a part of' };
const TOO_MANY: Wrong = { want: 'a value', got: 'too many aliases (*) of aliases' };
const MAX_ALIASES = 100;

type PlainValue = { readonly plain: unknown } | { readonly wrong: Wrong; readonly node: unknown };

/** `value` without YAML's marks, or the node in it that cannot be had. */
function plainValue(document: Document, value: unknown): PlainValue {
  if (!isNode(value)) return { plain: null };
  let plain: unknown;
  try {
    plain = value.toJS(document, { maxAliasCount: MAX_ALIASES });
  } catch (reason) {
    if (!(reason instanceof ReferenceError)) throw reason;
    const lost = unresolvedAlias(document, value);
    return lost ? { wrong: UNRESOLVED, node: lost } : { wrong: TOO_MANY, node: value };
  }
  return isCircular(plain) ? { wrong: CIRCULAR, node: value } : { plain: plain ?? null };
}

/** Among the first so many: each is looked for in the whole document. */
function unresolvedAlias(document: Document, value: Node): Alias | undefined {
  let found: Alias | undefined;
  let looked = 0;
  visit(value, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined) found = alias;
      looked += 1;
      return found !== undefined || looked > MAX_ALIASES ? visit.BREAK : undefined;
    },
  });
  return found;
}

/** Whether a value is inside itself. Each object is looked at once, however often it is used. */
function isCircular(value: unknown, above = new Set<object>(), seen = new Set<object>()): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (above.has(value)) return true;
  if (seen.has(value)) return false;
  seen.add(value);
  above.add(value);
  const circular = Object.values(value).some((inner) => isCircular(inner, above, seen));
  above.delete(value);
  return circular;
}
