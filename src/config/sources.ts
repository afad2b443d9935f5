/** Where values come from beside files: environment and --set. Each gives entries that say so, and faults. */
import { isIP } from 'node:net';
import type { Fault } from './faults.js';
import { GROUPS, SETTINGS } from './settings.js';
import { nameIn, unknownSetting, unknownVariable } from './unknown.js';

export interface Assignment {
  readonly path: string;
  readonly value: unknown;
  readonly from: string;
  readonly base: string; // folder that relative file names start at
}

export interface SourceReading {
  readonly entries: Assignment[];
  readonly faults: Fault[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What Kubernetes puts in the environment of every pod for a Service named headgate, or headgate-…. */
const SERVICE_LINK =
  /^(HEADGATE(?:_[A-Z0-9_]+?)??)_(?:SERVICE_(HOST|PORT)(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(PROTO|PORT|ADDR))?)?)$/;

/** Read elsewhere: which file there is, and what it takes to look for a fault in a native addon. */
const NO_SETTINGS: ReadonlySet<string> = new Set(['HEADGATE_CONFIG', 'HEADGATE_NO_ADDON']);

/** Every HEADGATE_ variable that is a setting; an empty one counts as unset. */
export function readEnvironment(env: Environment, base: string): SourceReading {
  const reading: SourceReading = { entries: [], faults: [] };
  const byName = new Map([...SETTINGS.values()].map((setting) => [setting.env, setting.path]));
  const known = new Set(byName.keys());
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('HEADGATE_') || NO_SETTINGS.has(name)) continue;
    if (value === undefined || value === '') continue;
    const path = byName.get(name);
    const from = `env ${name}`;
    if (path !== undefined) reading.entries.push({ path, value, from, base });
    else if (!isServiceLink(name, value, env)) {
      reading.faults.push(unknownVariable(name, from, known));
    }
  }
  return reading;
}

/** By the value, too: HEADGATE_PORT=9000 and HEADGATE_LISTEN_PORT=81 are wishes of people's. */
function isServiceLink(name: string, value: string, env: Environment): boolean {
  const [found, service = '', ofService, ofPort] = SERVICE_LINK.exec(name) ?? [];
  if (found === undefined) return false;
  if (ofService === 'HOST') return name.endsWith('_HOST') && isIP(value) !== 0;
  // Without a host there is no Service: somebody means ours.
  if (ofService === 'PORT')
    return isPort(value) && isIP(env[`${service}_SERVICE_HOST`] ?? '') !== 0;
  if (ofPort === 'PORT') return isPort(value);
  if (ofPort === 'ADDR') return isIP(value) !== 0;
  if (ofPort === 'PROTO') return /^(?:tcp|udp|sctp)$/.test(value);
  return /^(?:tcp|udp|sctp):\/\/[\da-f.:[\]]+:\d{1,5}$/.test(value);
}

function isPort(value: string): boolean {
  return /^\d{1,5}$/.test(value);
}

/** `path=value` of each --set; later ones win. */
export function readAssignments(assignments: readonly string[], base: string): SourceReading {
  const reading: SourceReading = { entries: [], faults: [] };
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=');
    const name = assignment.slice(0, Math.max(0, equals)).trim();
    const from = `--set ${nameIn(name)}`;
    if (name === '') {
      const got = equals < 0 ? `'${nameIn(assignment.trim())}' without '='` : "no name before '='";
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
