import t from 'tap';
import type { Descriptor } from '../../src/cache/descriptor.js';
import type { FieldLine } from '../../src/http/fields.js';
import { describe } from '../../src/shard/describe.js';
import { type Entry, newEntry, NO_ENCODINGS, type Stored } from '../../src/shard/entry.js';
import { LineInterner } from '../../src/shard/line-interner.js';
import { packable, packStored, unpackStored } from '../../src/shard/packed.js';

const PLACE = { shard: 3, epoch: 2 };
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
  readonly codable?: boolean;
  readonly unworthy?: Descriptor['unworthy'];
}

function storedAs(facts: Facts, interner: LineInterner): Stored {
  const { key = '/v/ü/1.m4s?a=/b', status = 200, bytes = 100, published = false } = facts;
  const stream = '/v/ü/';
  const entry = newEntry(stream, key);
  const originFields = interner.lines(facts.fields ?? FIELDS);
  const extents = Array.from({ length: facts.pieces ?? 1 }, (_, i) => {
    return { offset: 4_096 * i, length: 4_096 };
  });
  const set = facts.flags === true;
  const flags = { mustRevalidate: set, alwaysRevalidate: set, anonymousOnly: set };
  const described = describe(
    status,
    originFields,
    { ...TIMES, ...flags, vary: [], stripFields: ['x-user'] },
    {
      ...{ ...PLACE, key, stream, slot: 9, generation: -5, extents, firstByte: 0 },
      ...{ storedBytes: bytes, totalBytes: bytes, secondary: '', keep: true },
      codable: facts.codable === true,
    },
  );
  const stored: Stored = {
    ...{ entry, secondary: '', kind: 'segment', requestHeaders: [], encodings: NO_ENCODINGS },
    body: {
      ...{ slot: 9, generation: -5, extents, bytes, used: bytes },
      text: published ? { offset: 4_224, capacity: 300 } : undefined,
      published,
    },
    originFields,
    descriptor: { ...described, published, unworthy: facts.unworthy ?? [] },
    retryAtMs: 17,
  };
  entry.variants.set('', { whole: stored, parts: [] });
  return stored;
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
  ];
  for (const [why, facts] of rows) {
    const interner = new LineInterner();
    const stored = storedAs(facts, interner);
    if (facts.key !== undefined) Object.assign(stored.entry, { stream: '/' });
    const before = { ...stored, descriptor: { ...stored.descriptor, stream: stored.entry.stream } };
    const after = unpackStored(packStored(stored, interner), { ...PLACE, interner });
    t.same({ ...after, entry: undefined }, { ...before, entry: undefined }, why);
    t.same(
      { ...after.entry, variants: [...after.entry.variants.keys()] },
      { ...stored.entry, variants: [''] },
      why,
    );
    t.equal(after.entry.variants.get('')?.whole, after, 'and it is in its entry');
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

t.test('packable() gives a response only when a pack can say all of it', (t) => {
  const make = (): { stored: Stored; entry: Entry; whole: { parts: Stored[] } } => {
    const stored = storedAs({}, new LineInterner());
    const whole = stored.entry.variants.get('');
    if (whole === undefined) throw new Error('no variant');
    return { stored, entry: stored.entry, whole };
  };
  const plain = make();
  t.equal(packable(plain.entry), plain.stored);
  const { stored: one } = make();
  const faults: [string, (it: ReturnType<typeof make>) => void][] = [
    ['a fill is under way', ({ entry }) => (entry.fills = new Map([['', {} as never]]))],
    ['it varies', ({ entry }) => (entry.vary = ['accept-language'])],
    ['there is another variant', ({ entry }) => entry.variants.set('x', { whole: one, parts: [] })],
    [
      'there is nothing',
      ({ entry }) => {
        entry.variants.clear();
      },
    ],
    ['there are parts beside it', ({ whole }) => whole.parts.push(one)],
    ['it has a coding', ({ stored }) => (stored.encodings = new Map([['br', one.body]]))],
    [
      'codings are being made',
      ({ stored }) => {
        patch(stored, { keep: false });
      },
    ],
    [
      'it is a part',
      ({ stored }) => {
        patch(stored, { firstByte: 1 });
      },
    ],
    [
      'JSON has no such number',
      ({ stored }) => {
        patch(stored, { ttlMs: Infinity });
      },
    ],
  ];
  for (const [why, spoil] of faults) {
    const it = make();
    spoil(it);
    t.equal(packable(it.entry), undefined, why);
  }
  t.end();
});

function patch(
  stored: Stored,
  { ttlMs, ...facts }: { keep?: boolean; firstByte?: number; ttlMs?: number },
): void {
  const { freshness } = stored.descriptor;
  const changed = ttlMs === undefined ? freshness : { ...freshness, ttlMs };
  stored.descriptor = { ...stored.descriptor, ...facts, freshness: changed };
}
