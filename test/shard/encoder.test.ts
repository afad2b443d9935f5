import { createHash } from 'node:crypto';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import t from 'tap';
import type { FieldLines } from '../../src/http/fields.js';
import { ownedCopy } from '../../src/runtime/bytes.js';
import { ShardBench, settled } from '../support/shard.js';

const TEXT = '#EXTM3U\n'.repeat(500);
const JSON_HEAD: FieldLines = [
  ['cache-control', 'max-age=60'],
  ['content-type', 'application/json'],
  ['etag', '"v1"'],
];

function encodingBench(arenaBytes = 1_048_576): ShardBench {
  return new ShardBench({ arenaBytes, compression: { enabled: true, minSize: 100 } });
}

/** Waits for zlib's threads, which no turn of the loop stands for. */
async function whenKept(bench: ShardBench, key: string): Promise<void> {
  for (let id = 1_000; id < 100_000; id += 1) {
    bench.ask(id, key);
    if (bench.the('object', id).descriptor.keep) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

t.test('text is encoded once, beside the object, in both codings', async (t) => {
  const bench = encodingBench();
  bench.ask(1, '/a/list.json');
  await bench.fill(JSON_HEAD, TEXT);
  const end = bench.end(bench.the('filling', 1).fill)?.end;
  t.match(end, { ok: true, descriptor: { keep: false } }, 'not kept near until it is encoded');
  await whenKept(bench, '/a/list.json');
  bench.ask(3, '/a/list.json');
  const { encodings, etag } = bench.the('object', 3).descriptor;
  t.equal(etag, '"v1"');
  const decoded = encodings.map(({ coding, slot, generation, extents, bytes }) => {
    t.ok(bench.view(1).acquire(slot, generation));
    const body = ownedCopy(bench.view(1).view(extents, 0, bytes));
    bench.view(1).release(slot);
    t.ok(bytes < TEXT.length / 4);
    return [coding, (coding === 'br' ? brotliDecompressSync : gunzipSync)(body).toString()];
  });
  t.same(decoded, [
    ['br', TEXT],
    ['gzip', TEXT],
  ]);
  t.equal(bench.shard.store.count, 3);
});

t.test('what would not gain or may not be changed is left as it is', async (t) => {
  const hashes = Array.from({ length: 50 }, (_, i) => createHash('sha512').update(`${i}`).digest());
  const noise = Buffer.concat(hashes).toString('latin1');
  const rows: readonly (readonly [FieldLines, string, string])[] = [
    [[['content-type', 'video/mp4']], TEXT, 'media'],
    [[...JSON_HEAD, ['content-encoding', 'gzip']], TEXT, 'encoded by the origin'],
    [
      [
        ['cache-control', 'max-age=60, no-transform'],
        ['content-type', 'text/plain'],
      ],
      TEXT,
      'no-transform',
    ],
    [JSON_HEAD, 'short', 'smaller than minSize'],
    [JSON_HEAD, noise, 'noise gains nothing'],
  ];
  for (const [head, body, why] of rows) {
    const bench = encodingBench();
    bench.ask(1, '/a/thing');
    await bench.fill([['cache-control', 'max-age=60'], ...head], body);
    await whenKept(bench, '/a/thing');
    t.equal(bench.shard.store.count, 1, why);
  }
});

t.test('a purge while it is being encoded leaves nothing behind', async (t) => {
  const bench = encodingBench();
  bench.ask(1, '/a/list.json');
  await bench.fill(JSON_HEAD, TEXT);
  bench.shard.purge({ prefix: '', soft: false });
  bench.ask(2, '/b/other.json');
  await bench.fill(JSON_HEAD, TEXT);
  await whenKept(bench, '/b/other.json');
  t.equal(bench.shard.store.count, 3, 'the other and its codings');
});

t.test('a renewed object keeps its codings', async (t) => {
  const bench = encodingBench();
  bench.ask(1, '/a/list.json');
  await bench.fill(JSON_HEAD, TEXT);
  await whenKept(bench, '/a/list.json');
  bench.nowMs += 61_000;
  bench.ask(2, '/a/list.json');
  bench.origin.next().answer(304, [['etag', '"v1"']]);
  await settled();
  const { encodings, keep } = bench.the('object', 2).descriptor;
  t.equal(keep, true);
  for (const { slot, generation } of encodings) {
    t.ok(bench.view(1).acquire(slot, generation));
    bench.view(1).release(slot);
  }
  t.equal(encodings.length, 2);
});

t.test('evicting a coding leaves the object; evicting the object takes its codings', async (t) => {
  const bench = encodingBench(65_536);
  bench.ask(1, '/a/list.json');
  await bench.fill(JSON_HEAD, TEXT);
  await whenKept(bench, '/a/list.json');
  const { slot, encodings } = ((): { slot: number; encodings: readonly { slot: number }[] } => {
    bench.ask(2, '/a/list.json');
    return bench.the('object', 2).descriptor;
  })();
  // A reader of the object itself: only its codings may go.
  const view = bench.view(1);
  const { generation } = bench.the('object', 2).descriptor;
  t.ok(view.acquire(slot, generation));
  for (const id of [10, 11]) {
    bench.ask(id, `/b/${id}.m4s`);
    await bench.fill([['cache-control', 'max-age=60']], 'x'.repeat(28_000));
  }
  bench.ask(3, '/a/list.json');
  t.ok(bench.the('object', 3).descriptor.encodings.length < encodings.length);
  t.equal(bench.body(3), TEXT);
  view.release(slot);
  for (let id = 20; id < 30; id += 1) {
    bench.ask(id, `/b/${id}.m4s`);
    await bench.fill([['cache-control', 'max-age=60']], 'x'.repeat(28_000));
  }
  bench.ask(4, '/a/list.json', { headers: [['cache-control', 'only-if-cached']] });
  t.same(bench.kinds(4), ['refused']);
  t.equal(bench.shard.store.retiredCount, 0);
  bench.shard.purge({ prefix: '', soft: false });
  t.equal(bench.shard.store.freeBytes, 65_536, 'no coding was left behind');
});
