import t from 'tap';
import { sliceKeys } from '../../../src/protocol/slices.js';
import { metadataBytes, MetadataView, METADATA_FLAGS } from '../../../src/arena/metadata.js';
import type { Descriptor } from '../../../src/protocol/descriptor.js';
import type { FieldLine } from '../../../src/http/fields.js';
import type { Rhythm } from '../../../src/media/rhythm.js';
import { describe } from '../../../src/protocol/describe.js';
import { newEntry, NO_ENCODINGS, type Stored } from '../../../src/shard/holdings/entry.js';
import type { Body } from '../../../src/shard/holdings/object-store.js';
import {
  isPublishable,
  metadataOf,
  metadataRoom,
  load,
} from '../../../src/shard/holdings/stored-metadata.js';
import { viewOf, writeMetadata } from '../../support/arena.js';

const PLACE = { shard: 3 };
const ARENA = viewOf(65_536);
const TIMES = { bornMs: 1_790_000_000_123.5, ttlMs: 60_000, swrMs: 5, sieMs: 7 };
const FIELDS: readonly FieldLine[] = [
  ['date', 'Sat, 21 Nov 2026 10:00:00 GMT'],
  ['cache-control', 'max-age=60, private="x-user"'],
  ['content-type', 'video/iso.segment'],
  ['content-length', '100'],
  ['etag', '"v1"'],
  ['last-modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
  ['x-user', 'Zoë'],
  ['age', '4'],
];

interface Facts {
  readonly key?: string;
  readonly status?: number;
  readonly fields?: readonly FieldLine[];
  readonly bytes?: number;
  readonly flags?: boolean;
  readonly pieces?: number;
  readonly ttlMs?: number;
  readonly secondary?: string;
  readonly firstByte?: number;
  readonly codings?: readonly ('br' | 'gzip')[];
  readonly codable?: boolean;
  readonly unworthy?: Descriptor['unworthy'];
  readonly rhythm?: Rhythm;
}

const PLAIN = {
  ...{ key: '/v/ü/1.m4s?a=/b', status: 200, bytes: 100 },
  ...{ secondary: '', firstByte: 0, ttlMs: TIMES.ttlMs },
};

function storedAs(facts: Facts): Stored {
  const { key, status, bytes, secondary, firstByte, ttlMs } = { ...PLAIN, ...facts };
  const vary = secondary === '' ? [] : ['accept-language'];
  const entry = newEntry(key);
  entry.vary = vary;
  const originFields = facts.fields ?? FIELDS;
  const extents = Array.from({ length: facts.pieces ?? 1 }, (_, i) => {
    return { offset: 4_096 * i, length: 4_096 };
  });
  const set = facts.flags === true;
  const flags = { mustRevalidate: set, alwaysRevalidate: set, anonymousOnly: set };
  const described = describe(
    status,
    originFields,
    { ...TIMES, ttlMs, ...flags, vary, stripFields: ['x-user'] },
    {
      ...{ ...PLACE, key, slot: 9, generation: -5, extents, firstByte },
      ...{ storedBytes: bytes, totalBytes: firstByte + bytes, secondary, cached: true },
      codable: facts.codable === true,
      sliceBytes: 0,
    },
  );
  const stored: Stored = {
    ...{ entry, secondary, kind: 'segment', encodings: NO_ENCODINGS },
    body: { slot: 9, generation: -5, extents, bytes },
    originFields,
    descriptor: { ...described, unworthy: facts.unworthy ?? [] },
    rhythm: facts.rhythm,
    retryAtMs: 17,
  };
  if (facts.codings !== undefined) code(stored, facts.codings);
  return stored;
}

function code(stored: Stored, codings: readonly ('br' | 'gzip')[]): void {
  const bodies = codings.map((coding, i) => [coding, codedBody(20 + i)] as const);
  stored.encodings = new Map(bodies);
  const encodings = bodies.map(([coding, { slot, generation, extents, bytes }]) => {
    return { coding, slot, generation, extents, bytes };
  });
  stored.descriptor = { ...stored.descriptor, encodings };
}

function codedBody(slot: number): Body {
  const extents = [{ offset: slot * 4_096, length: 4_096 }];
  return { slot, generation: 2, extents, bytes: 50 };
}

/** What comes back from the memory; the order of what is not sent does not matter. */
function wokenFrom(stored: Stored): Stored {
  writeMetadata(ARENA, 64, metadataOf(stored));
  const view = new MetadataView();
  view.goTo(ARENA, 1);
  return load(view, stored.entry, PLACE.shard);
}

function sorted(stored: Stored): Stored {
  const originFields = [...stored.originFields].sort(([a, x], [b, y]) =>
    a === b ? x.localeCompare(y) : a.localeCompare(b),
  );
  return { ...stored, originFields };
}

t.test('load() gives what metadataOf() was given', (t) => {
  const rows: [string, Facts][] = [
    ['a segment', {}],
    ['in pieces', { pieces: 3 }],
    ['nothing in it', { bytes: 0, status: 404, pieces: 0 }],
    ['a redirect without a type', { status: 301, fields: [['location', '/elsewhere']] }],
    ['no fields', { fields: [] }],
    ['to be validated', { flags: true }],
    ['that may be coded', { codable: true }],
    ['with a coding that is not worth it', { codable: true, unworthy: ['gzip'] }],
    ['with none that is', { codable: true, unworthy: ['br', 'gzip'] }],
    ['the same field twice', { fields: [...FIELDS, ['link', '<a>'], ['link', '<b>']] }],
    ['two dates', { fields: [...FIELDS, ['date', 'Sat, 21 Nov 2026 10:00:00 GMT']] }],
    ['a date of the old form', { fields: [['date', 'Sat Nov 21 10:00:00 2026']] }],
    ['a date that is none', { fields: [['date', 'today']] }],
    ['another length than it has', { fields: [['content-length', '99']] }],
    ['ranges', { fields: [['accept-ranges', 'bytes']] }],
    ['no ranges', { fields: [['accept-ranges', 'none']] }],
    ['an empty value', { fields: [['x-a', '']] }],
    ['a value with a colon', { fields: [['x-a', 'b: c:d']] }],
    ['its own rule for other sites', { fields: [['access-control-allow-origin', 'https://a']] }],
    ['behind another cache', { fields: [['cache-status', 'mid; hit']] }],
    ['its folder is the root', { key: '/1.m4s' }],
    ['one of several', { secondary: 'accept-language=en' }],
    ['of a language beyond Latin-1', { secondary: 'accept-language=\u{1f3ac}' }],
    ['a part', { status: 206, firstByte: 500 }],
    ['for ever', { ttlMs: Infinity }],
    ['with codings', { codings: ['br', 'gzip'] }],
    ['a live playlist', { rhythm: { content: 1, sinceMs: 2.5, seenMs: 3, afterMs: 1 } }],
    ['a new one', { rhythm: { content: 1, sinceMs: 2.5, seenMs: 3, afterMs: NaN } }],
  ];
  for (const [why, facts] of rows) {
    const stored = storedAs(facts);
    const before = sorted({ ...stored });
    const after = sorted(wokenFrom(stored));
    t.same(after, before, why);
    t.equal(after.entry, before.entry, why);
  }
  t.end();
});

t.test('metadataRoom() is room enough, and not much more', (t) => {
  const stored = storedAs({});
  const needed = metadataBytes(metadataOf(stored)) ?? Infinity;
  const room = metadataRoom(stored.entry.key, stored.originFields);
  t.ok(room >= needed, `${room} for ${needed}`);
  t.ok(room < needed + 256, `${room} for ${needed}`);
  t.end();
});

t.test('metadata is plain when any ordinary request gets it as it lies', (t) => {
  const rows: [Facts, boolean][] = [
    [{}, true],
    [{ status: 404 }, false],
    [{ pieces: 2 }, false],
    [{ bytes: 65_537 }, false],
    [{ flags: true }, false],
    [{ codable: true }, false],
    [{ secondary: 'accept-language=en' }, false],
    [{ status: 206, firstByte: 500 }, false],
    [{ fields: [['cache-status', 'mid; hit']] }, false],
  ];
  for (const [facts, plain] of rows) {
    t.equal(
      (metadataOf(storedAs(facts)).flags & METADATA_FLAGS.plain) !== 0,
      plain,
      JSON.stringify(facts),
    );
  }
  t.end();
});

t.test(
  'metadata says of a part that it is one, but not of a slice, which is all of its key',
  (t) => {
    const part = storedAs({ status: 206, firstByte: 500 });
    const slice = {
      ...part,
      descriptor: { ...part.descriptor, key: sliceKeys('/v/a', '"v1"', 1_000)(3) },
    };
    const flag = METADATA_FLAGS.part;
    t.same(
      [part, slice].map((stored) => metadataOf(stored).flags & flag),
      [flag, 0],
    );
    t.end();
  },
);

t.test('isPublishable() is false while somebody holds on to the response', (t) => {
  const stored = storedAs({});
  t.ok(isPublishable(stored));
  stored.descriptor = { ...stored.descriptor, cached: false };
  t.notOk(isPublishable(stored));
  t.end();
});
