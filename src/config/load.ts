/** Sources in rising precedence, defaults, file, environment, flags, --set, made into one Config. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { judgeCertificates } from './certificates.js';
import { CONFIG_SCHEMA, type Config } from './config.js';
import { ConfigError, describeValue, REDACTED, type Fault, type Finding } from './faults.js';
import { judgeFiles, judgeMemory, judgeRules, type FileKind, MAX_OBJECT_BYTES } from './rules.js';
import { SETTINGS, type Setting } from './settings.js';
import {
  readAssignments,
  readEnvironment,
  type Assignment,
  type SourceReading,
} from './sources.js';
import { readYaml } from './yaml-file.js';

/** One command line flag that sets `path`; `name` is how it is written, '--listen'. */
export interface Flag {
  readonly path: string;
  readonly value: string | readonly string[];
  readonly name: string;
}

export interface Sources {
  readonly file?: string | undefined; // YAML; HEADGATE_CONFIG is taken where there is none
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly flags?: readonly Flag[];
  readonly set?: readonly string[]; // 'path=value'
  readonly checkMachine?: boolean; // default true; false: its files and memory may be another one's
}

/** The machine as the loader sees it; tests hand in their own. */
export interface Surroundings {
  readonly cwd: string;
  readonly cores: number;
  readonly memoryBytes: number; // RAM, or the container's limit where that is lower
  readonly readFile: (name: string) => string;
  readonly probe: (name: string) => FileKind;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly from: ReadonlyMap<string, string>; // path to source, 'default' where nobody set it
}

const MIB = 2 ** 20;
const MAX_DEFAULT_MEMORY = 1024 * MIB;

/** @throws ConfigError GW_CONFIG_INVALID, with every fault of every source. */
export function loadConfig(sources: Sources, around: Surroundings = thisMachine()): LoadedConfig {
  const { entries, faults } = readAll(sources, around);
  const values = new Map<string, unknown>(); // as written, known to be good
  const from = new Map<string, string>([...SETTINGS.keys()].map((name) => [name, 'default']));
  const faulty = new Set<string>();
  for (const entry of entries) {
    const setting = SETTINGS.get(entry.path);
    if (setting === undefined) continue;
    const value = readValue(setting, entry);
    from.set(entry.path, entry.from);
    if (value.fault === undefined) {
      values.set(entry.path, value.written);
    } else {
      faults.push(value.fault);
      faulty.add(entry.path);
    }
  }
  const config = complete(values, around);
  const findings = judgeRules(config, faulty);
  if (sources.checkMachine !== false) {
    findings.push(...judgeMachine(config, around, values.has('cache.memory')));
  }
  for (const { of, ...finding } of findings) {
    faults.push({ ...finding, from: from.get(of ?? finding.path) ?? 'default' });
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return { config, from };
}

/** What this machine has against it: its files, and the memory that it has where somebody wrote how much. */
function judgeMachine(
  config: Config,
  { memoryBytes, probe, readFile }: Surroundings,
  memoryIsWritten: boolean,
): Finding[] {
  const files = judgeFiles(config, probe);
  const pemsAreThere = !files.some(({ path }) => path.startsWith('tls.'));
  return [
    ...(memoryIsWritten ? judgeMemory(config, memoryBytes) : []),
    ...files,
    ...(pemsAreThere ? judgeCertificates(config, readFile) : []),
  ];
}

function readValue(
  { schema, facts }: Setting,
  { path, value, from, base }: Assignment,
): { readonly written?: unknown; readonly fault?: Fault } {
  const parsed = schema.safeParse(value ?? null); // undefined would stand for the default
  if (parsed.success) return { written: facts.path ? absolute(parsed.data, base) : value };
  const got = facts.secret ? REDACTED : describeValue(value);
  return { fault: { path, want: facts.want, got, from } };
}

function readAll(
  { file, env = {}, flags = [], set = [] }: Sources,
  around: Surroundings,
): SourceReading {
  const readings = [
    file === undefined
      ? readFile(env['HEADGATE_CONFIG'] ?? '', 'env HEADGATE_CONFIG', around)
      : readFile(file, '--config', around),
    readEnvironment(env, around.cwd),
    {
      entries: flags.map(({ path, value, name }) => ({
        path,
        value,
        from: name,
        base: around.cwd,
      })),
      faults: [],
    },
    readAssignments(set, around.cwd),
  ];
  return {
    entries: readings.flatMap((reading) => reading.entries),
    faults: readings.flatMap((reading) => reading.faults),
  };
}

/** `file` '' is none. */
function readFile(file: string, from: string, around: Surroundings): SourceReading {
  if (file === '') return { entries: [], faults: [] };
  try {
    return readYaml(around.readFile(file), path.resolve(around.cwd, file));
  } catch (reason) {
    const got = describeValue(reason instanceof Error ? reason.message : reason);
    return {
      entries: [],
      faults: [{ path: file, want: 'a readable file', got, from }],
    };
  }
}

/** File names in a value made absolute; URLs and '' stay. */
function absolute(value: unknown, base: string): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => absolute(item, base));
  if (typeof value !== 'string' || value === '' || /^https?:\/\//i.test(value)) return value;
  return path.resolve(base, value);
}

/** The Config of good values, with what only the machine or another setting can tell filled in. */
function complete(values: ReadonlyMap<string, unknown>, around: Surroundings): Config {
  const quarter = Math.floor(around.memoryBytes / 4 / MIB) * MIB;
  const written = new Map<string, unknown>([
    ['workers', Math.min(64, Math.max(1, around.cores))],
    ['cache.memory', Math.min(MAX_DEFAULT_MEMORY, Math.max(16 * MIB, quarter))],
    ...values,
  ]);
  const read = (path: string): number =>
    SETTINGS.get(path)?.schema.parse(written.get(path)) as number;
  const half = Math.floor(read('cache.memory') / read('shards') / 2);
  const maxObject = { 'cache.maxObject': Math.min(MAX_OBJECT_BYTES, Math.max(4096, half)) };
  const whole = written.has('cache.maxObject')
    ? read('cache.maxObject')
    : maxObject['cache.maxObject'];
  const sliceSize = { 'cache.sliceSize': Math.min(MIB, whole) };
  const all = { ...maxObject, ...sliceSize, ...Object.fromEntries(written) };
  const config = CONFIG_SCHEMA.parse(nested(all));
  // What is sent is keyed: where the origin hears the Host, no answer is for another one.
  const key = { ...config.key, host: config.key.host || config.origin.preserveHost };
  return Object.freeze({ ...config, key: Object.freeze(key) });
}

function nested(flat: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    const names = path.split('.');
    const last = names.pop() ?? path;
    let group = root;
    for (const name of names) group = (group[name] ??= {}) as Record<string, unknown>;
    group[last] = value;
  }
  return root;
}

/** This process: its folder, its cores and its memory limit. */
export function thisMachine(): Surroundings {
  const limit = process.constrainedMemory(); // 0 or absurdly large where there is none
  const ram = os.totalmem();
  return {
    cwd: process.cwd(),
    cores: os.availableParallelism(),
    memoryBytes: limit > 0 && limit < ram ? limit : ram,
    readFile: (name) => readFileSync(name, 'utf8'),
    probe: probeFile,
  };
}

function probeFile(name: string): FileKind {
  try {
    const stats = statSync(name);
    accessSync(name, constants.R_OK);
    if (stats.isDirectory()) return 'directory';
    return stats.isFile() ? 'file' : 'unreadable';
  } catch (reason) {
    return (reason as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unreadable';
  }
}
