/**
 * Which cache directives count for us: those of CDN-Cache-Control when it is there and valid, else
 * those of Cache-Control. RFC 9213 section 2.
 */
import { parseDictionary } from 'structured-headers';
import type { Dictionary } from 'structured-headers';
import { parseCacheControl } from '../http/cache-control.js';
import type { CacheControl } from '../http/cache-control.js';
import { fieldValue, listMembers } from '../http/fields.js';
import type { FieldLines } from '../http/fields.js';

export interface EffectiveControl {
  readonly control: CacheControl;
  /** True: a targeted field rules, so Cache-Control and Expires are as good as absent. */
  readonly targeted: boolean;
}

type Kind = 'flag' | 'seconds' | 'flag-or-names';

/** What a cache in the middle reads of a response, and the type RFC 9213 section 2.1 infers. */
const DIRECTIVES: Readonly<Record<string, Kind>> = {
  'max-age': 'seconds',
  's-maxage': 'seconds',
  'stale-while-revalidate': 'seconds',
  'stale-if-error': 'seconds',
  'no-store': 'flag',
  'no-cache': 'flag-or-names',
  private: 'flag-or-names',
  public: 'flag',
  'must-revalidate': 'flag',
  'proxy-revalidate': 'flag',
  'must-understand': 'flag',
  'no-transform': 'flag',
  immutable: 'flag',
};

/** The directives that decide about this response. Malformed targeted fields do not count. */
export function effectiveControl(headers: FieldLines): EffectiveControl {
  const value = fieldValue(headers, 'cdn-cache-control');
  const text = value === undefined ? undefined : plainDirectives(value);
  if (text === undefined) return { control: parseCacheControl(headers), targeted: false };
  return { control: parseCacheControl([['cache-control', text]]), targeted: true };
}

/**
 * The dictionary in the syntax of Cache-Control; undefined when it is empty, malformed, or gives a
 * directive we read a value of the wrong type: RFC 9213 says not to consume those, and to go by
 * Cache-Control instead is the choice that can never keep what the origin wanted forgotten.
 */
function plainDirectives(value: string): string | undefined {
  let members: Dictionary;
  try {
    members = parseDictionary(value);
  } catch {
    return undefined; // "a parsing error is encountered": as if the field were not there
  }
  if (members.size === 0) return undefined;
  const decimals = decimalsOf(value);
  const directives: string[] = [];
  for (const [name, member] of members) {
    const kind = Object.hasOwn(DIRECTIVES, name) ? DIRECTIVES[name] : undefined;
    if (kind === undefined) continue;
    if (decimals.has(name)) return undefined;
    const directive = plainDirective(name, kind, member[0]);
    if (directive === undefined) return undefined;
    if (directive !== '') directives.push(directive);
  }
  return directives.join(', ');
}

const NO_NAMES: ReadonlySet<string> = new Set();

/**
 * The members of a well-formed dictionary whose value is a Decimal. 60.0 is one, and no Integer (RFC 9651
 * section 3.3), but the parser makes the same number of both.
 */
function decimalsOf(value: string): ReadonlySet<string> {
  if (!value.includes('.')) return NO_NAMES;
  const names = new Set<string>();
  for (const member of listMembers(value)) {
    const [, name = '', decimal] = /^([^=;]+)(=-?\d+\.)?/.exec(member) ?? [];
    if (decimal === undefined)
      names.delete(name); // the last of one name counts
    else names.add(name);
  }
  return names;
}

/** 'max-age=60'; '' when the member is boolean false; undefined when the type does not fit. */
function plainDirective(name: string, kind: Kind, value: unknown): string | undefined {
  if (kind === 'seconds') return Number.isInteger(value) ? `${name}=${String(value)}` : undefined;
  if (typeof value === 'boolean') return value ? name : '';
  if (kind !== 'flag-or-names' || typeof value !== 'string') return undefined;
  // No field name has a quote in it: what cannot be read holds for all of them.
  return /["\\]/.test(value) ? name : `${name}="${value}"`;
}
