import t from 'tap';
import type { FieldLines } from '../../src/http/fields.js';
import { ShardBench } from '../support/shard.js';

const SEGMENT: FieldLines = [['content-type', 'video/iso.segment']];

function playlistOf(segments: readonly string[], live = true): string {
  const lines = ['#EXTM3U', '#EXT-X-TARGETDURATION:4'];
  for (const segment of segments) lines.push('#EXTINF:4,', segment);
  if (!live) lines.push('#EXT-X-ENDLIST');
  return lines.join('\n');
}

async function withPlaylist(
  text: string,
  prefetch: { enabled: boolean; concurrency: number } = { enabled: true, concurrency: 4 },
): Promise<ShardBench> {
  const bench = new ShardBench({ prefetch });
  bench.ask(1, '/v/live.m3u8');
  await bench.fill([['content-type', 'application/vnd.apple.mpegurl']], text);
  return bench;
}

function targets(bench: ShardBench): string[] {
  return bench.origin.requests.map(({ request }) => request.target);
}

t.test('a playlist lives as long as its kind says, once its body is there', async (t) => {
  const rows = [
    [playlistOf(['1.m4s']), 250, 'live, and nobody knows when it changes'],
    [playlistOf(['1.m4s'], false), 600_000, 'ended'],
    ['not a playlist', 1_000, 'not understood'],
  ] as const;
  for (const [text, ttlMs, why] of rows) {
    const bench = await withPlaylist(text);
    bench.ask(2, '/v/live.m3u8');
    t.equal(bench.the('object', 2).descriptor.freshness.ttlMs, ttlMs, why);
  }
});

t.test('a missed segment brings the one that the playlist names next', async (t) => {
  const bench = await withPlaylist(playlistOf(['1.m4s', '2.m4s', '/v/3.m4s']));
  bench.ask(2, '/v/1.m4s', {
    headers: [
      ['cookie', 'a=b'],
      ['authorization', 'Bearer x'],
      ['x-api-key', 'k'],
      ['cache-control', 'max-age=0'],
      ['if-none-match', '"v"'],
      ['cmcd-session', 'sid="x"'],
      ['user-agent', 'player'],
      ['host', 'tv.example'],
    ],
  });
  t.same(targets(bench), ['/v/live.m3u8', '/v/1.m4s', '/v/2.m4s']);
  t.same(
    bench.origin.requests[2]?.request.headers.map(([name]) => name),
    ['user-agent', 'host', 'accept-encoding', 'x-forwarded-proto', 'x-forwarded-host'],
    'asked for as by nobody in particular',
  );
  await bench.fill(SEGMENT, 'one');
  await bench.fill(SEGMENT, 'two');
  t.equal(bench.counters.prefetched, 1);
  bench.ask(3, '/v/2.m4s');
  t.equal(bench.body(3), 'two');
  t.equal(targets(bench).at(-1), '/v/3.m4s', 'a hit on what was fetched ahead goes on with it');
  await bench.fill(SEGMENT, 'three');
  bench.ask(4, '/v/3.m4s');
  t.equal(bench.body(4), 'three');
  t.equal(targets(bench).length, 4, 'nothing follows the last');
});

t.test('where hosts are apart, what is prefetched is for the same host', async (t) => {
  const bench = new ShardBench({ prefetch: { enabled: true }, key: { host: true } });
  bench.ask(1, '//a.tv/v/live.m3u8', { target: '/v/live.m3u8' });
  const type = 'application/vnd.apple.mpegurl';
  await bench.fill([['content-type', type]], playlistOf(['1.m4s', '/v/2.m4s', '//a.tv/v/3.m4s']));
  bench.ask(2, '//a.tv/v/1.m4s', { target: '/v/1.m4s' });
  t.same(targets(bench), ['/v/live.m3u8', '/v/1.m4s', '/v/2.m4s']);
  await bench.fill(SEGMENT, 'one');
  await bench.fill(SEGMENT, 'two');
  bench.ask(3, '//b.tv/v/2.m4s', { target: '/v/2.m4s' });
  t.equal(targets(bench).length, 4, 'not for another host');
  bench.ask(4, '//a.tv/v/2.m4s', { target: '/v/2.m4s' });
  t.equal(bench.body(4), 'two');
  t.equal(targets(bench).length, 4, 'nor what the playlist names by an authority');
});

t.test('a viewer joins the prefetch of what he asks for, and may leave it', async (t) => {
  const bench = await withPlaylist(playlistOf(['1.m4s', '2.m4s']));
  bench.ask(2, '/v/1.m4s');
  bench.ask(3, '/v/2.m4s');
  t.equal(bench.origin.requests.length, 3);
  bench.cancel(3);
  t.notOk(bench.origin.requests[2]?.signal.aborted, 'it was not begun for him');
  await bench.fill(SEGMENT, 'one');
  await bench.fill(SEGMENT, 'two');
  bench.ask(4, '/v/2.m4s');
  t.equal(bench.body(4), 'two');
});

t.test('prefetching is off by its switch and bounded by its concurrency', async (t) => {
  const names = Array.from({ length: 10 }, (_, i) => `${i}.m4s`);
  const off = await withPlaylist(playlistOf(names), { enabled: false, concurrency: 4 });
  off.ask(2, '/v/0.m4s');
  t.equal(off.origin.requests.length, 2);
  const few = await withPlaylist(playlistOf(names), { enabled: true, concurrency: 2 });
  for (const i of [0, 2, 4, 6]) few.ask(10 + i, `/v/${i}.m4s`);
  t.equal(few.origin.requests.length, 1 + 4 + 2);
  t.equal(few.counters.prefetched, 2);
});

t.test('a playlist may name what lies in other folders', async (t) => {
  for (const [uri, path] of [
    ['../w/2.m4s', '/w/2.m4s'],
    ['sub/2.m4s', '/v/sub/2.m4s'],
    ['/w/2.m4s', '/w/2.m4s'],
  ] as const) {
    const bench = await withPlaylist(playlistOf(['1.m4s', uri]));
    bench.ask(2, '/v/1.m4s');
    t.equal(targets(bench).at(-1), path);
  }
});

t.test('only what has a plain path here is fetched ahead', async (t) => {
  const rows = [
    ['2.m4s?token=1', 'a query'],
    ['http://elsewhere/2.m4s', 'another host'],
    ['//elsewhere/2.m4s', 'another host'],
  ] as const;
  for (const [uri, why] of rows) {
    const bench = await withPlaylist(playlistOf(['1.m4s', uri]));
    bench.ask(2, '/v/1.m4s');
    t.equal(bench.origin.requests.length, 2, why);
  }
  const bench = await withPlaylist(playlistOf(['1.m4s', '2.m4s']));
  bench.ask(2, '/v/1.m4s', { range: 'bytes=0-1' });
  bench.ask(3, '/v/1.m4s?x=1');
  t.equal(bench.origin.requests.length, 3, 'nor after ranges and queries');
});

t.test('what is there already is not fetched ahead', async (t) => {
  const bench = await withPlaylist(playlistOf(['1.m4s', '2.m4s']));
  bench.ask(2, '/v/2.m4s');
  await bench.fill(SEGMENT, 'two');
  bench.ask(3, '/v/1.m4s');
  t.equal(bench.origin.requests.length, 3);
});
