/** Attribute lists and numbers of HLS tags. Pure; what is malformed is undefined or left out, and never throws. */
import { HLS_LIMITS } from './hls-playlist.js';

export type Attributes = ReadonlyMap<string, string>;

/** An attribute list (RFC 8216 section 4.2); reading stops at the first thing that is none. */
export function parseAttributes(value: string): Attributes {
  const attributes = new Map<string, string>();
  const pair = /\s*([A-Z0-9-]+)=(?:"([^"]*)"|([^",\s]*))\s*(?:,|$)/y;
  for (let match = pair.exec(value); match !== null; match = pair.exec(value)) {
    const [, name = '', quoted, bare] = match;
    attributes.set(name, quoted ?? bare ?? '');
  }
  return attributes;
}

/** Those attributes that are there, under our names. */
export function pick<K extends string>(
  from: Attributes,
  names: Record<K, string>,
): Partial<Record<K, string>> {
  const found: Partial<Record<K, string>> = {};
  for (const key in names) {
    const value = from.get(names[key]);
    if (value !== undefined) found[key] = value;
  }
  return found;
}

/** Whole milliseconds of a decimal number of seconds; undefined when malformed or over a week. */
export function secondsToMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*\d{1,9}(?:\.\d{0,15})?\s*$/.test(text)) return undefined;
  const ms = Math.round(Number(text) * 1_000);
  return ms <= HLS_LIMITS.durationMs ? ms : undefined;
}

/** At most 2^53 - 1, so that sums in JavaScript stay exact. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*\d{1,20}\s*$/.test(text)) return undefined;
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}
