/** Descriptors with what a test cares about; the rest is a fresh, whole, plain 200. */
import type { Descriptor } from '../../src/protocol/descriptor.js';
import type { Freshness } from '../../src/rules/reuse.js';

export const FRESHNESS: Freshness = {
  bornMs: 0,
  ttlMs: 60_000,
  swrMs: 0,
  sieMs: 0,
  mustRevalidate: false,
  alwaysRevalidate: false,
  anonymousOnly: false,
};

export function describedAs(facts: Partial<Descriptor>): Descriptor {
  const key = facts.key ?? '/v/1.m4s';
  return {
    key,
    shard: 0,
    slot: 0,
    generation: 0,
    status: 200,
    extents: [{ offset: 0, length: 4_096 }],
    firstByte: 0,
    storedBytes: 100,
    totalBytes: 100,
    sliceBytes: 0,
    fields: [['content-type', 'video/iso.segment']],
    etag: '',
    lastModifiedMs: NaN,
    dateMs: NaN,
    contentType: 'video/iso.segment',
    upstreamStatus: '',
    freshness: FRESHNESS,
    vary: [],
    secondary: '',
    codable: false,
    encodings: [],
    unworthy: [],
    cached: true,
    ...facts,
  };
}
