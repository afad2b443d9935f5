import t from 'tap';
import type { Descriptor } from '../../src/cache/descriptor.js';
import type { FieldLine } from '../../src/http/fields.js';
import type { Rhythm } from '../../src/media/rhythm.js';
import { describe } from '../../src/cache/describe.js';
import { newEntry, NO_ENCODINGS, type Stored } from '../../src/shard/entry.js';
import { LineInterner } from '../../src/shard/line-interner.js';
import type { Body } from '../../src/shard/object-store.js';
import { isPackable, packStored, unpackStored } from '../../src/shard/packed.js';

const PLACE = { shard: 3 };
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
  readonly published?: boolean;
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
  ...{ key: '/v/ü/1.m4s?a=/b', status: 200, bytes: 100, published: false },
  ...{ secondary: '', firstByte: 0, ttlMs: TIMES.ttlMs },
};

function storedAs(facts: Facts, interner: LineInterner): Stored {
  const { key, status, bytes, published, secondary, firstByte, ttlMs } = { ...PLAIN, ...facts };
  const vary = secondary === '' ? [] : ['accept-language'];
  const entry = newEntry(key);
  entry.vary = vary;
  const originFields = interner.lines(facts.fields ?? FIELDS);
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
      ...{ storedBytes: bytes, totalBytes: firstByte + bytes, secondary, keep: true },
      codable: facts.codable === true,
      sliceBytes: 0,
    },
  );
  const stored: Stored = {
    ...{ entry, secondary, kind: 'segment', encodings: NO_ENCODINGS },
    body: {
      ...{ slot: 9, generation: -5, extents, bytes, used: bytes, behind: 40 },
      text: published ? { offset: 4_224, capacity: 300 } : undefined,
      published,
    },
    originFields,
    descriptor: { ...described, published, unworthy: facts.unworthy ?? [] },
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
  const size = { bytes: 50, used: 50, behind: 0 };
  return { slot, generation: 2, extents, ...size, text: undefined, published: false };
}

t.test('unpackStored() gives what packStored() was given', (t) => {
  const rows: [string, Facts][] = [
    ['a segment', {}],
    ['published', { published: true }],
    ['in pieces', { pieces: 3 }],
    ['nothing in it', { bytes: 0, status: 404, pieces: 0 }],
    ['a redirect without a type', { status: 301, fields: [['location', '/elsewhere']] }],
    ['no fields', { fields: [] }],
    ['to be validated', { flags: true }],
    ['that may be coded', { codable: true }],
    ['with a coding that is not worth it', { codable: true, unworthy: ['gzip'] }],
    ['with none that is', { codable: true, unworthy: ['br', 'gzip'] }],
    ['the same field twice', { fields: [...FIELDS, ['link', '<a>'], ['link', '<b>']] }],
    ['its folder is the root', { key: '/1.m4s' }],
    ['one of several', { secondary: 'accept-language=en' }],
    ['a part', { status: 206, firstByte: 500 }],
    ['for ever', { ttlMs: Infinity }],
    ['with codings', { codings: ['br', 'gzip'] }],
    ['a live playlist', { rhythm: { content: 1, sinceMs: 2.5, seenMs: 3, afterMs: 1 } }],
    ['a new one', { rhythm: { content: 1, sinceMs: 2.5, seenMs: 3, afterMs: NaN } }],
  ];
  for (const [why, facts] of rows) {
    const interner = new LineInterner();
    const stored = storedAs(facts, interner);
    const before = { ...stored };
    const { entry } = before;
    const after = unpackStored(packStored(stored, interner), entry, { ...PLACE, interner });
    t.same(after, before, why);
    t.equal(after.entry, entry, why);
  }
  t.end();
});

t.test('packStored() writes common lines as numbers', (t) => {
  const interner = new LineInterner();
  const text = packStored(storedAs({}, interner), interner);
  t.notMatch(text, 'max-age=60');
  t.match(text, '\\"v1\\"', 'its own stay');
  t.ok(text.length < 400, `${text.length} characters`);
  t.end();
});

t.test('isPackable() is false while somebody holds on to the response', (t) => {
  const stored = storedAs({}, new LineInterner());
  t.ok(isPackable(stored));
  stored.descriptor = { ...stored.descriptor, keep: false };
  t.notOk(isPackable(stored));
  t.end();
});
