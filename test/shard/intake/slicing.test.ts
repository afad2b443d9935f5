import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import { sliceKeys } from '../../../src/protocol/slices.js';
import { SliceKeys } from '../../../src/shard/holdings/slice-keys.js';
import { ShardBench, settled } from '../../support/shard.js';

const FILE = '/film.mp4';
const SLICE = 65_536;
const TOTAL = 10 * SLICE;
const KEEP: FieldLines = [
  ['cache-control', 'max-age=60'],
  ['etag', '"v1"'],
];
const KEY = sliceKeys(FILE, '"v1"', 1_000)(3);
const OF = { validator: '"v1"', first: 3 * SLICE, last: 4 * SLICE - 1, total: TOTAL };
const RANGE = `bytes=${OF.first}-${OF.last}`;
const PART: FieldLines = [
  ...KEEP,
  ['content-range', `bytes ${OF.first}-${OF.last}/${TOTAL}`],
  ['content-length', String(SLICE)],
];
const BYTES = 'x'.repeat(SLICE);

const benchOf = (): ShardBench => new ShardBench({ cache: { sliceSize: SLICE } });

function askSlice(bench: ShardBench, id: number, slice = OF): void {
  bench.ask(id, KEY, { target: FILE, range: RANGE, headers: [['range', RANGE]], slice });
}

async function head(bench: ShardBench, id: number, more: FieldLines, status = 200): Promise<void> {
  bench.ask(
    id,
    FILE,
    status === 206 ? { range: 'bytes=5-6', headers: [['range', 'bytes=5-6']] } : {},
  );
  bench.origin.next().answer(status, [...KEEP, ...more]);
  await settled();
}

t.test('of a large object the head is kept, whatever part of it came first', async (t) => {
  const bench = benchOf();
  await head(bench, 1, [
    ['content-length', String(TOTAL)],
    ['accept-ranges', 'bytes'],
  ]);
  const { descriptor } = bench.the('object', 1);
  t.match(descriptor, { status: 200, storedBytes: TOTAL, totalBytes: TOTAL, sliceBytes: SLICE });
  bench.ask(2, FILE);
  t.match(bench.the('object', 2), { served: { hit: true }, descriptor: { sliceBytes: SLICE } });
  const other = benchOf();
  await head(
    other,
    1,
    [
      ['content-range', `bytes 5-6/${TOTAL}`],
      ['content-length', '2'],
    ],
    206,
  );
  t.match(other.the('object', 1).descriptor, { status: 200, totalBytes: TOTAL, firstByte: 0 });
  t.notOk(other.the('object', 1).descriptor.fields.some(([name]) => name === 'content-range'));
});

t.test('a slice is kept as an object of its own, and does not age', async (t) => {
  const bench = benchOf();
  askSlice(bench, 1);
  const request = bench.origin.requests[0];
  t.equal(request?.header('range'), RANGE);
  t.equal(request?.header('if-range'), '"v1"');
  await bench.fill(PART, BYTES, 206);
  bench.nowMs += 3_600_000;
  askSlice(bench, 2);
  t.match(bench.the('object', 2), { served: { hit: true }, descriptor: { firstByte: OF.first } });
});

t.test('an answer that is no slice of that version is told of as such', async (t) => {
  const rows: [number, FieldLines, string, string | undefined][] = [
    [
      206,
      [...PART.slice(0, 1), ['etag', '"v2"'], ...PART.slice(2)],
      'refused',
      'GW_ORIGIN_CHANGED',
    ],
    [404, [], 'refused', 'GW_ORIGIN_CHANGED'],
    [403, [], 'refused', 'GW_ORIGIN_STATUS'],
    [503, [], 'refused', 'GW_ORIGIN_STATUS'],
    [200, [...KEEP, ['content-length', String(TOTAL)]], 'bypass', undefined],
    [206, [['cache-control', 'no-store'], ...PART.slice(1)], 'bypass', undefined],
  ];
  for (const [status, fields, kind, code] of rows) {
    const bench = benchOf();
    askSlice(bench, 1);
    bench.origin.next().answer(status, fields);
    await settled();
    t.same(bench.kinds(1), [kind], String(status));
    if (code !== undefined) t.match(bench.about(1)[0], { code });
    t.equal(bench.shard.store.count, 0);
  }
});

t.test('a slice without room is for its asker alone, and its origin is not asked', async (t) => {
  const bench = benchOf();
  bench.keepsLeases = true;
  const slices = bench.view(0).pool.slots; // more than fit
  for (let id = 1; id < slices && bench.kinds(id - 1)[0] !== 'bypass'; id += 1) {
    const first = id * SLICE;
    const slice = { ...OF, first, last: first + SLICE - 1, total: slices * SLICE };
    const range = `bytes=${slice.first}-${slice.last}`;
    const key = sliceKeys(FILE, '"v1"', 1_000)(id);
    const asked = bench.origin.requests.length;
    bench.ask(id, key, { target: FILE, range, headers: [['range', range]], slice });
    if (bench.kinds(id)[0] === 'bypass') {
      t.equal(bench.origin.requests.length, asked);
      t.ok(id > 8, `behind ${id - 1} slices`);
      continue;
    }
    const told = `bytes ${slice.first}-${slice.last}/${slice.total}`;
    await bench.fill([...KEEP, ['content-range', told]], BYTES, 206);
    t.same(bench.kinds(id)[0], 'object');
  }
  t.ok(bench.sent.some(({ message }) => message.kind === 'bypass'));
});

t.test('room that was taken for a slice in vain is given back', async (t) => {
  const bench = benchOf();
  const { freeBytes, bankBytes } = bench.shard.store;
  t.equal(freeBytes, bankBytes);
  askSlice(bench, 1);
  t.ok(bench.shard.store.takenBytes >= SLICE);
  bench.origin.next().answer(503, []);
  await settled();
  t.equal(bench.shard.store.takenBytes, 0);
});

t.test('a head that proved to be outdated goes, and no other', async (t) => {
  const bench = benchOf();
  await head(bench, 1, [
    ['content-length', String(TOTAL)],
    ['accept-ranges', 'bytes'],
  ]);
  const outdate = (id: number, validator: string): void => {
    bench.shard.receive({ kind: 'invalidate', id, shard: 0, key: FILE, validator }, 1);
    t.same(bench.kinds(id, 1), ['invalidated']);
  };
  outdate(2, '"v0"');
  bench.ask(3, FILE);
  t.same(bench.kinds(3), ['object']);
  outdate(4, '"v1"');
  bench.ask(5, FILE);
  t.same(bench.kinds(5), [], 'asked for anew');
});

t.test('a purge of the object takes what there is of its slices', async (t) => {
  const bench = benchOf();
  askSlice(bench, 1);
  await bench.fill(PART, BYTES, 206);
  t.equal(bench.shard.purge({ keys: ['/film'], soft: false }), 0);
  t.equal(bench.shard.purge({ keys: [FILE], soft: false }), 1);
  t.equal(bench.shard.store.count, 0);
  askSlice(bench, 2);
  bench.shard.purge({ prefix: '/fil', soft: false });
  await bench.fill(PART, BYTES, 206);
  t.equal(bench.shard.store.count, 0, 'nor is kept what was on its way');
});

t.test('SliceKeys forgets an object with its last slice', (t) => {
  const keys = new SliceKeys();
  const keyOf = sliceKeys(FILE, '"v1"', 1_000);
  for (const number of [1, 2]) keys.add(keyOf(number));
  keys.add('/whole.mp4');
  t.same(keys.of(FILE), [keyOf(1), keyOf(2)]);
  t.same(keys.of('/whole.mp4'), []);
  keys.remove(keyOf(1));
  keys.remove('/whole.mp4');
  t.equal(keys.objects, 1);
  keys.remove(keyOf(2));
  t.equal(keys.objects, 0);
  t.end();
});
