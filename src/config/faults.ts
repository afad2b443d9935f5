/** What is wrong with a configuration: all of it at once, each fault with its path and its source. */
import { GatewayError } from '../errors.js';

export interface Fault {
  readonly path: string; // dotted path, variable name or file name
  readonly want: string;
  readonly got: string; // never a secret
  readonly from: string; // 'headgate.yaml:3:11', 'env HEADGATE_SHARDS', '--shards', 'default'
  readonly hint?: string; // a name that may have been meant
}

/** A fault before it is known where the setting came from. */
export type Finding = Omit<Fault, 'from'> & { readonly of?: string }; // `of`: the setting to blame

/** Thrown with every fault found; the message holds one line for each. */
export class ConfigError extends GatewayError {
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    const number = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    const lines = faults.map((fault) => `\n  ${formatFault(fault)}`).join('');
    super('GW_CONFIG_INVALID', `${number} in the configuration${lines}`);
    this.faults = faults;
  }
}

export function formatFault({ path, want, got, from, hint }: Fault): string {
  const meant = hint === undefined ? '' : `; did you mean '${hint}'?`;
  return `${path}: want ${want}, got ${got} (${from})${meant}`;
}

export const REDACTED = '<redacted>';

/** A value as a fault shows it: one line, short, credentials in URLs removed. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  const text = typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
  const line = redactUrls(text).replaceAll(/[\p{Cc}\s]+/gu, ' ');
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

/** 'http://user:password@host' without the user part: up to the last `@`, as WHATWG's URL reads it. */
export function redactUrls(text: string): string {
  return text.replaceAll(/(\/\/)[^/?#]+@/g, `$1${REDACTED}@`);
}

/** The known name nearest to `name`, undefined when none is near. A right last word counts as near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const wanted = bare(name);
  let best: string | undefined;
  let bestDistance =
    (wanted.length < 4 ? 1 : Math.min(3, Math.max(2, Math.floor(wanted.length / 3)))) + 1;
  for (const candidate of known) {
    const sameWord = lastWord(candidate) === lastWord(name);
    const distance = sameWord ? 1 : editDistance(wanted, bare(candidate), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function bare(name: string): string {
  return name.slice(0, 64).replaceAll(/[._-]/g, '').toLowerCase();
}

function lastWord(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).toLowerCase();
}

/** Levenshtein distance; `limit` when it is that or more. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const insertion = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(substitution, insertion, (previous[column] ?? 0) + 1));
    }
    previous = current;
  }
  return Math.min(limit, previous[b.length] ?? limit);
}
