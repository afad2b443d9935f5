/** What may become of an origin's answer to a fill, its media kind counted in. */
import { type ExchangeTimes, storePlan, type StorePlan } from '../../rules/policy.js';
import { fieldValue, type FieldLines } from '../../http/fields.js';
import { defaultTtlMs, isMaybeLive, leastTtlMs, type ObjectFacts } from '../../media/defaults.js';
import { isVagueType, mediaKind } from '../../media/kind.js';
import { nextRhythm } from '../../media/rhythm.js';
import type { OriginResponse } from '../../origin/origin.js';
import type { ShardContext } from './context.js';
import { pathOf, type StoringPlan } from '../../protocol/describe.js';
import type { Stored } from '../holdings/entry.js';
import type { Fill } from './fill.js';
import { readBody } from './read-body.js';
import type { BorrowedBytes } from '../../runtime/bytes.js';

export interface Arrival extends ExchangeTimes {
  readonly response: OriginResponse;
}

export interface Answered {
  readonly fill: Fill;
  readonly arrival: Arrival;
}

/** With how a manifest has changed that came, or that a 304 confirmed. */
export function withRhythm(
  { fill, arrival }: Answered,
  facts: Omit<ObjectFacts, 'rhythm'>,
): ObjectFacts {
  const { content } = facts;
  if (content === undefined) return facts;
  const of = nextRhythm(fill.stored?.rhythm, content, arrival.requestMs);
  return { rhythm: { of, nowMs: arrival.responseMs }, ...facts };
}

/** `fields`: in place of those of the answer, which is a 304 then. */
export function planOf(
  { config, policy }: ShardContext,
  { fill, arrival }: Answered,
  facts: ObjectFacts,
  fields?: FieldLines,
): StorePlan {
  const { response } = arrival;
  const { forEveryone = false, settling = false } = response;
  const headers = fields ?? response.headers;
  const type = fieldValue(headers, 'content-type') ?? '';
  const kind = mediaKind(pathOf(fill.entry.key), type);
  // Where files are served by their names, a name is a declaration.
  const known = { undeclared: !forEveryone && isVagueType(type), ...facts };
  const { ttl } = config.cache;
  return storePlan(
    { method: 'GET', headers: fill.leader.request.headers },
    { status: facts.status, headers, forEveryone, settling },
    arrival,
    {
      defaultTtlMs: defaultTtlMs(kind, ttl, known),
      leastTtlMs: leastTtlMs(kind, ttl, known),
      ...policy,
      // Expired means held for the revalidation that all share; stale only while the origin fails.
      ...(isMaybeLive(kind, facts.manifest) ? { staleWhileRevalidateMs: 0 } : {}),
    },
  );
}

/** What a body means, where that decides its lifetime. */
export type FactsOf = (
  object: { path: string; kind: string },
  status: number,
  body: BorrowedBytes,
) => ObjectFacts;

/** A longer manifest is an archive's: parsing it would hold up the shard's turn. */
const MAX_MANIFEST_BYTES = 2_097_152;

/** Only manifests are looked into. */
export function factsOfStored(
  { holdings }: ShardContext,
  { kind, descriptor }: Pick<Stored, 'kind' | 'descriptor'>,
  factsOf: FactsOf,
): ObjectFacts {
  const { key, status, extents, storedBytes } = descriptor;
  const isManifest = kind === 'playlist' || kind === 'mpd';
  if (!isManifest || storedBytes > MAX_MANIFEST_BYTES) return { status };
  const bytes = readBody(holdings.store.arena, extents, storedBytes);
  return factsOf({ path: pathOf(key), kind }, status, bytes);
}

/** What may be kept: a later answer may name fewer fields, and must not bring them back (RFC 9111 section 5.2.2.7). */
export function storedFields(headers: FieldLines, { stripFields }: StoringPlan): FieldLines {
  return stripFields.length === 0
    ? headers
    : headers.filter(([name]) => !stripFields.includes(name));
}
