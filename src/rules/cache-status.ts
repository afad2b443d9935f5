/** The Cache-Status field, RFC 9211: how this cache handled the request. */
import { parseList } from 'structured-headers';

/** `hit` and `fwd` exclude each other: section 2. Absent parameters are not written. */
export type CacheStatusItem = (
  | { readonly hit: true; readonly fwd?: never }
  | { readonly hit?: false; readonly fwd?: ForwardReason }
) & {
  readonly fwdStatus?: number; // what the origin answered, when it was not what we answer
  readonly ttl?: number; // seconds of freshness left; negative when stale
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly key?: string; // tells what the cache holds: for operators only, section 6
  readonly detail?: string;
};

export type ForwardReason =
  'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial';

const TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/;
const UNPRINTABLE = /[^\x20-\x7e]/g;
const MAX_INTEGER = 999_999_999_999_999; // RFC 8941 section 3.3.1

/** Our member of the list. `name` is this cache's; text above ASCII becomes '?'. */
export function cacheStatus(name: string, item: CacheStatusItem): string {
  let member = tokenOrString(name);
  if (item.hit === true) member += '; hit';
  else if (item.fwd !== undefined) member += `; fwd=${item.fwd}`;
  if (item.fwdStatus !== undefined) member += `; fwd-status=${item.fwdStatus}`;
  if (item.ttl !== undefined) member += `; ttl=${integer(item.ttl)}`;
  if (item.stored === true) member += '; stored';
  if (item.collapsed === true) member += '; collapsed';
  if (item.key !== undefined) member += `; key=${quoted(item.key)}`;
  if (item.detail !== undefined) member += `; detail=${tokenOrString(item.detail)}`;
  return member;
}

/** By name of the cache; a process has one. */
const hitLeads = new Map<string, string>();

/** As `cacheStatus` of a hit, up to the seconds of freshness left: what never changes of it is made once. */
export function hitLead(name: string): string {
  let lead = hitLeads.get(name);
  if (lead === undefined) {
    lead = `${cacheStatus(name, { hit: true })}; ttl=`;
    hitLeads.set(name, lead);
  }
  return lead;
}

/** As `cacheStatus` of a hit with so many seconds of freshness left. */
export function hitStatus(name: string, ttlS: number): string {
  return `${hitLead(name)}${integer(ttlS)}`;
}

/**
 * The whole field: caches nearer to the origin first, ours last. A value that is no valid list is
 * dropped, since one bad member would make every reader discard ours with it.
 */
export function appendCacheStatus(existing: string | undefined, ours: string): string {
  if (existing === undefined || existing === '') return ours;
  try {
    return parseList(existing).length === 0 ? ours : `${existing}, ${ours}`;
  } catch {
    return ours;
  }
}

function tokenOrString(text: string): string {
  return TOKEN.test(text) ? text : quoted(text);
}

function quoted(text: string): string {
  return `"${text.replace(UNPRINTABLE, '?').replace(/["\\]/g, '\\$&')}"`;
}

function integer(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.min(MAX_INTEGER, Math.max(-MAX_INTEGER, Math.floor(value)));
}
