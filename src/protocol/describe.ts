/** From an origin's answer to what workers serve: which fields stay, and the facts beside them. */
import type { Descriptor } from './descriptor.js';
import { objectKey } from './slices.js';
import type { StorePlan } from '../rules/policy.js';
import type { Freshness } from '../rules/reuse.js';
import { parseHttpDate } from '../http/date.js';
import { fieldValue, type FieldLines } from '../http/fields.js';
import { guessTypeOf } from '../media/kind.js';

/** The worker writes these itself, for each response. */
const RENDERED_LATER = new Set(['age', 'date', 'content-length', 'cache-status', 'accept-ranges']);

/** True for what is no part of a descriptor's fields. */
export function isRenderedLater(name: string, status: number): boolean {
  return RENDERED_LATER.has(name) || (name === 'content-range' && status === 206);
}

export type StoringPlan = Extract<StorePlan, { store: true }>;
/** What a descriptor takes from a plan. */
export type StoringFacts = Freshness & Pick<StoringPlan, 'vary' | 'stripFields'>;

export interface Placement {
  readonly key: string;
  readonly shard: number;
  readonly slot: number;
  readonly generation: number;
  readonly extents: Descriptor['extents'];
  readonly firstByte: number;
  readonly storedBytes: number;
  readonly totalBytes: number;
  readonly sliceBytes: number;
  readonly secondary: string;
  readonly codable: boolean;
  readonly cached: boolean;
}

export function describe(
  status: number,
  originFields: FieldLines,
  plan: StoringFacts,
  place: Placement,
): Descriptor {
  const strip = new Set(plan.stripFields);
  const contentType = fieldValue(originFields, 'content-type') ?? guessTypeOf(pathOf(place.key));
  const fields = originFields.filter(
    ([name]) => !isRenderedLater(name, status) && !strip.has(name),
  );
  if (fieldValue(fields, 'content-type') === undefined && place.totalBytes !== 0) {
    fields.push(['content-type', contentType]);
  }
  // One by one, as `place` may be a whole descriptor.
  return {
    key: place.key,
    shard: place.shard,
    slot: place.slot,
    generation: place.generation,
    extents: place.extents,
    firstByte: place.firstByte,
    storedBytes: place.storedBytes,
    totalBytes: place.totalBytes,
    sliceBytes: place.sliceBytes,
    secondary: place.secondary,
    codable: place.codable,
    cached: place.cached,
    status,
    fields,
    etag: fieldValue(originFields, 'etag') ?? '',
    lastModifiedMs: timeIn(originFields, 'last-modified'),
    dateMs: timeIn(originFields, 'date'),
    contentType,
    upstreamStatus: fieldValue(originFields, 'cache-status') ?? '',
    freshness: freshnessOf(plan),
    vary: plan.vary,
    encodings: [],
    unworthy: [],
  };
}

/** The time that a field says, in ms since the epoch; NaN: none. */
export function timeIn(fields: FieldLines, name: string): number {
  return parseHttpDate(fieldValue(fields, name) ?? '') ?? NaN;
}

export function freshnessOf(plan: Freshness): Freshness {
  const { bornMs, ttlMs, swrMs, sieMs, mustRevalidate, alwaysRevalidate, anonymousOnly } = plan;
  return { bornMs, ttlMs, swrMs, sieMs, mustRevalidate, alwaysRevalidate, anonymousOnly };
}

/** The path of a key, without what its query adds or what makes it a slice's. */
export function pathOf(key: string): string {
  const whole = objectKey(key);
  const query = whole.indexOf('?');
  return query < 0 ? whole : whole.slice(0, query);
}
