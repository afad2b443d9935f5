import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import { fillRange } from '../../../src/shard/intake/parts.js';
import { askFor, settled, ShardBench } from '../../support/shard.js';

const WHOLE = 'abcdefghijklmnopqrst';
const FILE = '/v/film.mp4';

/** What an origin says of some bytes of WHOLE. */
function partOf(first: number, last: number, tag = '"v1"'): FieldLines {
  return [
    ['cache-control', 'max-age=60'],
    ['etag', tag],
    ['content-type', 'video/mp4'],
    ['content-range', `bytes ${first}-${last}/${WHOLE.length}`],
    ['content-length', String(last - first + 1)],
  ];
}

class PartsBench extends ShardBench {
  #id = 0;

  /** Asks for bytes; the id of the ask. */
  want(first: number, last: number): number {
    const id = ++this.#id;
    const range = `bytes=${first}-${last}`;
    this.ask(id, FILE, { range, headers: [['range', range]] });
    return id;
  }

  async fetch(first: number, last: number, tag = '"v1"'): Promise<void> {
    this.want(first, last);
    await this.fill(partOf(first, last, tag), WHOLE.slice(first, last + 1), 206);
  }

  whole(headers: FieldLines = []): number {
    const id = ++this.#id;
    this.ask(id, FILE, { headers });
    return id;
  }
}

t.test('fillRange() asks for parts of large files alone, and for the rest of them whole', (t) => {
  const rows = [
    ['/v/film.mp4', 'bytes=100-199', 'bytes=100-199', 'a look into a file'],
    ['/v/film.mp4', 'bytes=-500', 'bytes=-500', 'its end, where the index may be'],
    ['/v/film.mp4', 'bytes=100-', 'bytes=100-', 'a seek'],
    ['/v/film.mp4', 'bytes=0-', '', 'all of it'],
    ['/v/film.mp4', 'bytes=0-1,5-6', '', 'several ranges are made here'],
    ['/v/film.mp4', 'lines=1-2', '', 'another unit'],
    ['/v/film.mp4', '', '', 'no range'],
    ['/v/1.m4s', 'bytes=0-99', '', 'the next viewer wants the rest'],
    ['/v/list.m3u8', 'bytes=0-99', '', 'text is small'],
    ['/v/data.bin', 'bytes=0-99', 'bytes=0-99', 'who knows how large'],
  ] as const;
  for (const [key, range, want, why] of rows) t.equal(fillRange(askFor(key, { range })), want, why);
  t.end();
});

t.test('a part is fetched once, and answers every range inside it', async (t) => {
  const bench = new PartsBench();
  await bench.fetch(5, 9);
  t.equal(bench.origin.requests[0]?.header('range'), 'bytes=5-9');
  const inside = bench.want(6, 8);
  t.match(bench.the('object', inside).descriptor, {
    status: 206,
    firstByte: 5,
    storedBytes: 5,
    totalBytes: 20,
  });
  t.equal(bench.body(inside), 'fghij');
  const beyond = bench.want(8, 12);
  t.same(bench.kinds(beyond), [], 'asked for');
});

t.test('parts that touch or overlap become one, and at last the whole', async (t) => {
  const bench = new PartsBench();
  await bench.fetch(5, 9);
  await bench.fetch(12, 15);
  await bench.fetch(8, 12);
  t.equal(bench.shard.store.count, 1);
  t.equal(bench.body(bench.want(5, 15)), 'fghijklmnop');
  await bench.fetch(16, 19);
  await bench.fetch(0, 4);
  const id = bench.whole();
  t.match(bench.the('object', id).descriptor, { status: 200, firstByte: 0, storedBytes: 20 });
  t.equal(bench.body(id), WHOLE);
  t.equal(bench.shard.store.count, 1);
  t.equal(bench.shard.store.retiredCount, 0);
  t.equal(bench.origin.requests[1]?.header('if-range'), '"v1"', 'only the same representation');
});

t.test('reading a file to its end in small ranges copies each byte a few times only', async (t) => {
  const [count, size] = [256, 1_000];
  const total = count * size;
  const bench = new ShardBench();
  const [data = new Uint8Array(0)] = bench.view(0).pool.banks;
  let copied = 0;
  const set = data.set.bind(data);
  data.set = (bytes, offset): void => {
    copied += bytes.length;
    set(bytes, offset);
  };
  const partAt = (at: number): string => String(at).padStart(size, '.');
  for (let i = 0; i < count; i += 1) {
    const [first, last] = [i * size, (i + 1) * size - 1];
    const range = `bytes=${first}-${last}`;
    bench.ask(i + 1, FILE, { range, headers: [['range', range]] });
    const head: FieldLines = [
      ['cache-control', 'max-age=60'],
      ['etag', '"v1"'],
      ['content-range', `bytes ${first}-${last}/${total}`],
    ];
    await bench.fill(head, partAt(i), 206);
    t.ok(bench.shard.store.count <= 12, `${bench.shard.store.count} parts`);
  }
  t.equal(bench.shard.store.count, 1, 'the whole');
  t.ok(copied < 16 * total, `${(copied / total).toFixed(1)} times`);
  bench.ask(1_000, FILE);
  const whole = Array.from({ length: count }, (_, i) => partAt(i)).join('');
  t.equal(bench.body(1_000), whole);
});

t.test('parts that answer a range only together are joined for it', async (t) => {
  const bench = new PartsBench();
  await bench.fetch(2, 3);
  await bench.fetch(4, 9);
  t.equal(bench.shard.store.count, 2, 'too unlike to be joined unasked');
  t.equal(bench.body(bench.want(3, 5)), 'cdefghij');
  t.equal(bench.shard.store.count, 1);
  t.equal(bench.body(bench.want(9, 9)), 'cdefghij', 'and are found again');
  await bench.fetch(0, 2);
  await bench.fetch(10, 19);
  t.equal(bench.body(bench.want(1, 12)), WHOLE, 'which may be the whole');
  t.equal(bench.origin.requests.length, 4);
  t.same(bench.kinds(bench.whole()), ['object']);
});

t.test('a part that holds another takes its place', async (t) => {
  const bench = new PartsBench();
  await bench.fetch(10, 11);
  await bench.fetch(5, 16);
  t.equal(bench.shard.store.count, 1);
  t.equal(bench.body(bench.want(6, 15)), 'fghijklmnopq');
});

t.test('what was joined of parts is renewed as a whole', async (t) => {
  const bench = new PartsBench();
  await bench.fetch(0, 9);
  await bench.fetch(10, 19);
  bench.nowMs += 61_000;
  const id = bench.whole();
  t.equal(bench.origin.requests[2]?.header('if-none-match'), '"v1"');
  bench.origin.next().answer(304, [['etag', '"v1"']]);
  await settled();
  t.equal(bench.body(id), WHOLE);
  const { status, fields } = bench.the('object', id).descriptor;
  t.equal(status, 200);
  t.same(
    fields.filter(([name]) => name === 'content-range' || name === 'content-length'),
    [],
  );
});

t.test('a part of another representation replaces the parts of the old one', async (t) => {
  const bench = new PartsBench();
  await bench.fetch(0, 9);
  await bench.fetch(10, 19, '"v2"');
  t.equal(bench.shard.store.count, 1);
  const id = bench.want(0, 9);
  t.same(bench.kinds(id), [], 'asked for again');
});

t.test('an origin that answers a range with the whole is taken at its word', async (t) => {
  const bench = new PartsBench();
  const id = bench.want(5, 9);
  await bench.fill([['cache-control', 'max-age=60']], WHOLE);
  t.equal(bench.the('filling', id).descriptor.status, 200);
  t.equal(bench.body(bench.whole()), WHOLE);
});

t.test('parts that do not say what they are pass by', async (t) => {
  const heads: readonly (readonly [FieldLines, string])[] = [
    [[['content-range', 'bytes 5-9/*']], 'of unknown length'],
    [[['content-range', 'bytes 5-x/20']], 'of no range'],
    [[], 'without a range'],
    [
      [
        ['content-range', 'bytes 5-9/20'],
        ['content-length', '7'],
      ],
      'of two lengths',
    ],
  ];
  for (const [head, why] of heads) {
    const bench = new PartsBench();
    const id = bench.want(5, 9);
    await bench.fill([['cache-control', 'max-age=60'], ...head], 'fghij', 206);
    t.equal(bench.kinds(id)[0], 'head', why);
    t.equal(bench.shard.store.count, 0, why);
  }
});

t.test('the whole, once stored, takes the place of its parts', async (t) => {
  const bench = new PartsBench();
  await bench.fetch(5, 9);
  bench.whole();
  await bench.fill([['cache-control', 'max-age=60']], WHOLE);
  t.equal(bench.shard.store.count, 1);
  t.equal(bench.body(bench.want(1, 2)), WHOLE, 'the whole answers ranges too');
});

t.test('parts stay apart where the joined one would be larger than an object may be', async (t) => {
  const bench = new PartsBench({ cache: { maxObject: 12, sliceSize: 0 } });
  await bench.fetch(0, 9);
  await bench.fetch(10, 19);
  t.equal(bench.shard.store.count, 2);
  t.equal(bench.body(bench.want(3, 4)), 'abcdefghij');
  t.equal(bench.body(bench.want(13, 14)), 'klmnopqrst');
});

t.test('at most 64 parts of one object lie apart', async (t) => {
  const total = 1_000;
  const bench = new ShardBench();
  for (let i = 0; i < 70; i += 1) {
    const range = `bytes=${i * 10}-${i * 10 + 1}`;
    bench.ask(i + 1, FILE, { range, headers: [['range', range]] });
    const head: FieldLines = [
      ['cache-control', 'max-age=60'],
      ['etag', '"v1"'],
      ['content-range', `bytes ${i * 10}-${i * 10 + 1}/${total}`],
    ];
    await bench.fill(head, 'xy', 206);
  }
  t.equal(bench.shard.store.count, 64);
  bench.ask(100, FILE, { range: 'bytes=690-691' });
  t.equal(bench.body(100), 'xy', 'the oldest went');
});

t.test('what parts are joined to has no digest of one of them', async (t) => {
  const bench = new PartsBench();
  const fetch = async (first: number, last: number): Promise<void> => {
    bench.want(first, last);
    const digests: FieldLines = [
      ['content-digest', `of ${first}`],
      ['content-md5', `of ${first}`],
      ['repr-digest', 'of all'],
    ];
    const head = [...partOf(first, last), ...digests];
    await bench.fill(head, WHOLE.slice(first, last + 1), 206);
  };
  await fetch(0, 5);
  await fetch(6, 11);
  const names = (id: number): string[] =>
    bench.the('object', id).descriptor.fields.map(([name]) => name);
  const part = names(bench.want(2, 9));
  t.notOk(part.includes('content-digest') || part.includes('content-md5'));
  t.ok(part.includes('repr-digest'));
  await fetch(12, 19);
  const renewed = bench.whole();
  const whole = names(renewed);
  t.match(bench.the('object', renewed).descriptor, { status: 200 });
  t.notOk(whole.includes('content-digest') || whole.includes('content-md5'));
  t.ok(whole.includes('repr-digest'));
  bench.nowMs += 61_000;
  const id = bench.whole();
  bench.origin.next().answer(304, [['etag', '"v1"']]);
  await settled();
  t.notOk(names(id).includes('content-digest'), 'nor after it was renewed');
});
