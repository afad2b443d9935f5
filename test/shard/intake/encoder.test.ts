import { randomFillSync } from 'node:crypto';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { isPlain } from '../../../src/protocol/descriptor.js';
import type { FieldLine, FieldLines } from '../../../src/http/fields.js';
import { settled, ShardBench, type ShardSettings, until } from '../../support/shard.js';

const TEXT = '#EXTM3U\n'.repeat(500);
const JSON_HEAD: FieldLines = [
  ['cache-control', 'max-age=60'],
  ['content-type', 'application/json'],
  ['etag', '"v1"'],
];
const PATH = '/a/list.json';
const FILE = '/a/data.bin'; // the only kind of name whose parts are fetched as such
const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync };

function encodingBench(settings: ShardSettings = {}): ShardBench {
  const compression = { enabled: true, minSize: 100, ...settings.compression };
  return new ShardBench({ ...settings, compression });
}

/** A bench with the text stored, and told to worker 0 in answer to 1. */
async function storedBench(settings: ShardSettings = {}): Promise<ShardBench> {
  const bench = encodingBench(settings);
  bench.ask(0, PATH);
  await bench.fill(JSON_HEAD, TEXT);
  bench.ask(1, PATH);
  return bench;
}

/** Orders codings of what `id` was answered with, and waits until all of them are made. */
async function encoded(bench: ShardBench, id: number, codings = ['br', 'gzip'] as const) {
  const before = bench.coded.length;
  for (const coding of codings) {
    bench.order(id, coding);
    await settled();
    bench.coder.next().answer();
    await settled();
  }
  await until(() => bench.coded.length === before + codings.length);
}

/** What clients of worker 1 would read of the codings, by way of leases. */
function decodedOf(t: Test, bench: ShardBench, id: number): (readonly [string, string])[] {
  return bench.the('object', id).descriptor.encodings.map((one) => {
    const { coding, slot, generation, extents, bytes } = one;
    t.ok(bench.view(1).acquire(slot, generation));
    const body = Buffer.from(bench.view(1).view(extents, 0, bytes));
    bench.view(1).release(slot);
    return [coding, DECODERS[coding](body).toString()] as const;
  });
}

t.test('a fill makes no coding, and its object is told at once', async (t) => {
  const bench = encodingBench();
  bench.ask(1, PATH, { headers: [['accept-encoding', 'br, gzip']] });
  await bench.fill(JSON_HEAD, TEXT);
  t.equal(bench.the('filling', 1).descriptor.codable, true, 'said before the first byte');
  bench.ask(2, PATH);
  await settled();
  t.match(bench.the('object', 2).descriptor, { cached: true, codable: true });
  t.equal(bench.coder.orders.length, 0);
});

t.test(
  'a coding is made when it is ordered, that one only, and kept beside the object',
  async (t) => {
    const bench = await storedBench();
    bench.order(1, 'gzip');
    await settled();
    t.equal(bench.coded.length, 0, 'answered when it is made');
    const order = bench.coder.next();
    t.equal(order.coding, 'gzip');
    t.equal(order.text(), TEXT);
    order.answer();
    await settled();
    t.match(bench.coded, [
      { worker: 0, message: { coding: 'gzip', descriptor: { etag: '"v1"', cached: true } } },
    ]);
    bench.ask(2, PATH);
    t.same(decodedOf(t, bench, 2), [['gzip', TEXT]]);
    t.equal(bench.coder.orders.length, 1);
    t.equal(bench.shard.store.count, 2);
    t.equal(bench.counters.codingsMade, 1);
  },
);

t.test('workers that order the same wait for one making of it', async (t) => {
  const bench = await storedBench({ workers: 3 });
  for (const worker of [1, 2]) bench.ask(1, PATH, { worker });
  for (const worker of [0, 1, 2, 1]) bench.order(1, 'br', worker);
  await settled();
  t.equal(bench.coder.orders.length, 1);
  bench.coder.next().answer();
  await settled();
  t.same(bench.coded.map(({ worker }) => worker).sort(), [0, 1, 2]);
  bench.order(1, 'br', 2);
  t.match(bench.coded.at(-1)?.message.descriptor?.encodings, [{ coding: 'br' }], 'told at once');
  t.equal(bench.coder.orders.length, 1);
});

t.test(
  'what must not be changed or is no text is never coded, and says so by no Vary',
  async (t) => {
    const noise = randomFillSync(Buffer.alloc(20_000)).toString('latin1');
    const plain: FieldLine = ['content-type', 'text/plain'];
    const ts = `G${'x'.repeat(187)}`.repeat(20);
    const rows: readonly (readonly [key: string, FieldLines, string, string])[] = [
      ['/a/thing', [['content-type', 'video/mp4']], TEXT, 'media by type'],
      ['/a/1.m4s', [plain], TEXT, 'by its path'],
      ['/a/1.ts?x=.json', [plain], TEXT, 'by its path before a query'],
      ['/a/film.MP4', [['content-type', 'application/json']], TEXT, 'by its path, in capitals'],
      ['/a/thing', [plain], `\0\0\0\x18styp${TEXT}`, 'by its first box'],
      ['/a/thing', [plain], ts, 'by the sync bytes of its packets'],
      ['/a/thing', [plain], noise, 'by being as even as encrypted bytes are'],
      ['/a/thing', [...JSON_HEAD, ['content-encoding', 'gzip']], TEXT, 'coded by the origin'],
      ['/a/thing', [plain, ['cache-control', 'no-transform']], TEXT, 'no-transform'],
      ['/a/thing', JSON_HEAD, 'short', 'smaller than minSize'],
      ['/a/thing', JSON_HEAD, 'x'.repeat(4_001), 'larger than maxSize'],
    ];
    for (const [key, head, body, why] of rows) {
      const bench = encodingBench({
        compression: { maxSize: why.includes('maxSize') ? 4_000 : 1e6 },
      });
      bench.ask(0, key);
      await bench.fill([['cache-control', 'max-age=60'], ...head], body);
      bench.ask(1, key);
      t.equal(bench.the('object', 1).descriptor.codable, false, why);
      bench.order(1, 'br');
      await settled();
      t.equal(bench.coder.orders.length, 0, why);
      t.match(bench.coded, [{ message: { descriptor: { encodings: [] } } }], why);
    }
  },
);

t.test('media that is called text is served from the directory like other media', async (t) => {
  const bench = encodingBench();
  for (const [id, key, body] of [
    [1, '/a/1.m4s', TEXT],
    [2, '/a/thing', `\0\0\0\x18ftyp${TEXT}`],
  ] as const) {
    bench.ask(0, key);
    const head: FieldLines = [
      ['cache-control', 'max-age=60'],
      ['content-type', 'text/plain'],
    ];
    await bench.fill(head, body);
    bench.ask(id, key);
    t.ok(isPlain(bench.the('object', id).descriptor), key);
  }
});

t.test('a coding that saves too little, or cannot be made, is not tried again', async (t) => {
  const bench = await storedBench();
  bench.order(1, 'br');
  await settled();
  bench.coder.next().answer(new Uint8Array(TEXT.length - 10));
  await settled();
  t.match(bench.coded[0]?.message.descriptor, { codable: true, encodings: [], unworthy: ['br'] });
  bench.order(1, 'gzip');
  await settled();
  bench.coder.next().fail();
  await settled();
  for (const coding of ['br', 'gzip'] as const) bench.order(1, coding);
  await settled();
  t.equal(bench.coder.orders.length, 2);
  bench.ask(2, PATH); // by way of its rest
  t.same(bench.the('object', 2).descriptor.unworthy, ['br', 'gzip']);
  t.equal(bench.shard.store.count, 1);
});

t.test('an object is coded while it rests', async (t) => {
  const bench = await storedBench();
  bench.order(1, 'br');
  await settled();
  bench.shard.tick();
  bench.coder.next().answer();
  await settled();
  bench.ask(2, PATH);
  t.same(decodedOf(t, bench, 2), [['br', TEXT]]);
});

t.test('orders beyond the queue are put off, and the smallest body is next', async (t) => {
  const bench = encodingBench({ compression: { queue: 2 } });
  const sizes = [40_000, 30_000, 2_000, 10_000];
  for (const [id, size] of sizes.entries()) {
    bench.ask(100 + id, `/a/${id}.json`);
    await bench.fill(JSON_HEAD, 'x'.repeat(size));
    bench.ask(id, `/a/${id}.json`);
  }
  bench.order(0, 'br');
  await settled(); // that is being made; two may wait
  for (const id of [1, 2, 3]) bench.order(id, 'br');
  t.match(bench.coded, [{ message: { descriptor: { key: '/a/3.json', encodings: [] } } }]);
  t.same(bench.coded[0]?.message.descriptor?.unworthy, [], 'so it may be ordered again');
  t.equal(bench.counters.codingsShed, 1);
  const made: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    const order = bench.coder.next();
    made.push(order.text().length);
    order.answer();
    await settled();
  }
  t.same(made, [40_000, 2_000, 30_000]);
  bench.order(3, 'br');
  await settled();
  bench.coder.next().answer();
  await settled();
  t.match(bench.coded.at(-1)?.message.descriptor?.encodings, [{ coding: 'br' }]);
});

t.test('what is made of one version is never attached to another', async (t) => {
  const other = JSON.stringify({ other: 'version '.repeat(450) }).padEnd(TEXT.length);
  const renewals: readonly (readonly [string, (bench: ShardBench) => Promise<void> | void])[] = [
    [
      'replaced by one of the same length and tag',
      async (bench) => {
        bench.ask(5, PATH, { headers: [['cache-control', 'no-cache']] });
        await bench.fill(JSON_HEAD, other);
      },
    ],
    [
      'purged and fetched again',
      async (bench) => {
        bench.shard.purge({ prefix: '', soft: false });
        bench.shard.tick();
        bench.ask(5, PATH);
        await bench.fill(JSON_HEAD, other);
      },
    ],
    [
      'purged',
      (bench) => {
        bench.shard.purge({ keys: [PATH], soft: false });
      },
    ],
  ];
  for (const [why, renew] of renewals) {
    for (const waiting of [false, true]) {
      const bench = await storedBench();
      if (waiting) {
        bench.ask(8, '/b/first.json');
        await bench.fill(JSON_HEAD, 'y'.repeat(500));
        bench.ask(9, '/b/first.json');
        bench.order(9, 'gzip');
        await settled();
      }
      bench.order(1, 'br');
      await settled();
      await renew(bench);
      bench.coder.next().answer();
      await settled();
      if (!waiting) t.equal(bench.coder.orders.length, 1, why);
      t.notOk(
        bench.coder.orders.some((one, i) => i > 0 && one.text() !== TEXT),
        why,
      );
      const told = bench.coded.filter(({ message }) => message.coding === 'br');
      t.match(told, [{ message: { descriptor: undefined } }], `${why}: told that it is gone`);
      bench.ask(6, PATH, { headers: [['cache-control', 'only-if-cached']] });
      if (bench.kinds(6).includes('object')) {
        t.same(bench.the('object', 6).descriptor.encodings, [], why);
        t.equal(bench.body(6), other, why);
      }
      bench.shard.purge({ prefix: '', soft: false });
      bench.shard.tick();
      t.equal(bench.shard.store.freeBytes, 1_048_576, `${why}: nothing was left behind`);
    }
  }
});

t.test('bytes stay in place while they are coded, whatever becomes of their object', async (t) => {
  const bench = await storedBench({ arenaBytes: 65_536 });
  bench.order(1, 'br');
  await settled();
  bench.shard.purge({ prefix: '', soft: false });
  for (let id = 20; id < 30; id += 1) {
    bench.ask(id, `/b/${id}.m4s`);
    await bench.fill([['cache-control', 'max-age=60']], 'x'.repeat(28_000));
  }
  const order = bench.coder.next();
  t.equal(order.text(), TEXT);
  order.answer();
  await settled();
  bench.shard.purge({ prefix: '', soft: false });
  bench.shard.tick();
  t.equal(bench.shard.store.retiredCount, 0);
  t.equal(bench.shard.store.freeBytes, 65_536);
});

t.test('a renewed object keeps its codings, and those of before are void', async (t) => {
  const bench = await storedBench();
  await encoded(bench, 1);
  bench.ask(2, PATH);
  const before = bench.the('object', 2).descriptor.encodings;
  bench.nowMs += 61_000;
  bench.ask(3, PATH);
  bench.origin.next().answer(304, [['etag', '"v1"']]);
  await settled();
  t.same(decodedOf(t, bench, 3), [
    ['br', TEXT],
    ['gzip', TEXT],
  ]);
  for (const { slot, generation } of before) t.notOk(bench.view(1).acquire(slot, generation));
  t.equal(bench.shard.store.count, 3);
});

t.test('a renewal that forbids codings takes those that were made', async (t) => {
  const bench = await storedBench();
  await encoded(bench, 1);
  bench.nowMs += 61_000;
  bench.ask(3, PATH);
  bench.origin.next().answer(304, [
    ['etag', '"v1"'],
    ['cache-control', 'max-age=60, no-transform'],
  ]);
  await settled();
  t.match(bench.the('object', 3).descriptor, { codable: false, encodings: [] });
  t.equal(bench.shard.store.count, 1);
});

t.test('parts of a text are not coded, the whole that they become is', async (t) => {
  const bench = encodingBench();
  for (const [id, range] of [
    [1, '0-1999'],
    [2, '2000-3999'],
  ] as const) {
    bench.ask(id, FILE, { range: `bytes=${range}`, headers: [['range', `bytes=${range}`]] });
    const [from = 0, to = 0] = range.split('-').map(Number);
    await bench.fill(
      [...JSON_HEAD, ['content-range', `bytes ${range}/4000`]],
      TEXT.slice(from, to + 1),
      206,
    );
    t.equal(bench.the('object', id).descriptor.codable, true, 'as its answers vary');
    if (id > 1) continue;
    bench.ask(3, FILE, { range: 'bytes=0-9', headers: [['range', 'bytes=0-9']] });
    bench.order(3, 'br');
    await settled();
    t.equal(bench.coder.orders.length, 0);
  }
  bench.ask(4, FILE);
  t.match(bench.the('object', 4).descriptor, { status: 200, codable: true });
  await encoded(bench, 4);
  bench.ask(5, FILE);
  t.same(decodedOf(t, bench, 5), [
    ['br', TEXT],
    ['gzip', TEXT],
  ]);
});

t.test('an order for a body that has passed is answered as gone', async (t) => {
  const bench = await storedBench();
  const { slot, generation } = bench.the('object', 1).descriptor;
  const body = { slot, generation: generation - 1 };
  bench.shard.receive({ kind: 'encode', shard: 0, body, coding: 'br' }, 0);
  t.match(bench.coded, [{ message: { of: { ...body, shard: 0 }, descriptor: undefined } }]);
  t.equal(bench.coder.orders.length, 0);
});

t.test('evicting a coding leaves the object; evicting the object takes its codings', async (t) => {
  const bench = await storedBench({ arenaBytes: 65_536 });
  await encoded(bench, 1);
  bench.ask(2, PATH);
  const { slot, generation, encodings } = bench.the('object', 2).descriptor;
  // A reader of the object itself: only its codings may go.
  const view = bench.view(1);
  t.ok(view.acquire(slot, generation));
  for (const id of [10, 11]) {
    bench.ask(id, `/b/${id}.m4s`);
    await bench.fill([['cache-control', 'max-age=60']], 'x'.repeat(28_000));
  }
  bench.ask(3, PATH);
  const left = bench.the('object', 3).descriptor.encodings;
  t.ok(left.length < encodings.length);
  t.equal(bench.body(3), TEXT);
  const gone = encodings.find(({ coding }) => !left.some((one) => one.coding === coding));
  bench.order(3, gone?.coding ?? 'br');
  await settled();
  bench.coder.next().answer();
  await settled();
  t.ok(bench.coded.at(-1)?.message.descriptor?.encodings.length, 'made again when asked for');
  view.release(slot);
  for (let id = 20; id < 30; id += 1) {
    bench.ask(id, `/b/${id}.m4s`);
    await bench.fill([['cache-control', 'max-age=60']], 'x'.repeat(28_000));
  }
  bench.ask(4, PATH, { headers: [['cache-control', 'only-if-cached']] });
  t.same(bench.kinds(4), ['refused']);
  t.equal(bench.shard.store.retiredCount, 0);
  bench.shard.purge({ prefix: '', soft: false });
  t.equal(bench.shard.store.freeBytes, 65_536, 'no coding was left behind');
});
