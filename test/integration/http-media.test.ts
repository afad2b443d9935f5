/** What the gateway knows of media: codings, lifetimes, keys and the segment that comes next. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import t from 'tap';
import { metricsOf, purge, untilMetric } from '../support/gateway.js';
import type { SeenRequest } from '../support/origin-server.js';
import { outcome, ownStatus, startProxied, text } from '../support/proxied.js';
import type { RawAnswer } from '../support/raw-client.js';

const { origin, gateway, get } = await startProxied(t);

const MODIFIED = 'Sun, 01 Nov 2026 10:00:00 GMT';

function playlist(lines: readonly string[], segments: number): string {
  const list = Array.from({ length: segments }, (_, i) => `#EXTINF:4,\nseg${i}.m4s`);
  return ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:4', ...lines, ...list].join('\n');
}

const VOD = `${playlist(['#EXT-X-PLAYLIST-TYPE:VOD'], 60)}\n#EXT-X-ENDLIST\n`;
const LIVE = `${playlist(['#EXT-X-MEDIA-SEQUENCE:7'], 60)}\n`;
const MULTIVARIANT = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000\nlow/index.m3u8\n';
const MPD_VOD =
  '<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT20S"><Period/></MPD>';
const MPD_LIVE = '<?xml version="1.0"?><MPD type="dynamic" minimumUpdatePeriod="PT3S"></MPD>';

/** Asks until the answer is as wished: codings are made behind the first answer. */
async function until<T = RawAnswer>(
  ask: () => Promise<T>,
  wished: (answer: T) => boolean,
): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wished(answer)) return answer;
  }
}

/** What the workers hold. Each tells once a second: read when both have told anew. */
async function objectsHeld(): Promise<number> {
  for (let told = 0; told < 4; told += 1) {
    const cpu = (await metricsOf(gateway))('worker_cpu_seconds');
    await untilMetric(gateway, (metric) => metric('worker_cpu_seconds') !== cpu);
  }
  return (await metricsOf(gateway))('cached_objects');
}

t.test('playlists and JSON go out in the best coding, made once for all', async (t) => {
  const json = JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ title: `Title ${i}` })));
  for (const [path, type, body] of [
    ['/coded/index.m3u8', 'application/vnd.apple.mpegurl', VOD],
    ['/coded/titles.json', 'application/json', json],
    ['/coded/manifest.mpd', 'application/dash+xml', `${MPD_VOD}${' '.repeat(2_000)}`],
    ['/coded/text.vtt', 'text/vtt', `WEBVTT\n${'\n00:00.000 --> 00:01.000\nA line\n'.repeat(99)}`],
  ] as const) {
    const fields = { 'Content-Type': type, ETag: '"p"', 'Last-Modified': MODIFIED };
    origin.on(path, { fields: { ...fields, 'Cache-Control': 'max-age=600' }, body });
    await get(path);
    const coded = (coding: string): Promise<RawAnswer> =>
      until(
        () => get(path, [`Accept-Encoding: ${coding}`]),
        ({ fields: lines }) => lines.has('content-encoding'),
      );
    const br = await coded('gzip, deflate, br');
    t.equal(br.fields.get('content-encoding'), 'br', `${path}: the better one`);
    t.equal(brotliDecompressSync(br.body).toString(), body);
    const gz = await coded('gzip');
    t.equal(gz.fields.get('content-encoding'), 'gzip');
    t.equal(gunzipSync(gz.body).toString(), body);
    for (const answer of [br, gz]) {
      t.ok(answer.bytes < body.length, 'smaller');
      t.equal(answer.fields.get('etag'), 'W/"p"', 'other bytes, so a weak tag');
      t.match(answer.fields.get('vary'), /accept-encoding/i);
      t.equal(answer.fields.get('accept-ranges'), undefined);
    }
    for (const accept of ['identity', 'br;q=0, gzip;q=0', 'deflate', '']) {
      const plain = await get(path, accept === '' ? [] : [`Accept-Encoding: ${accept}`]);
      t.equal(plain.fields.get('content-encoding'), undefined, `for '${accept}' as it is`);
      t.equal(text(plain), body);
      t.equal(plain.fields.get('etag'), '"p"');
      t.match(plain.fields.get('vary'), /accept-encoding/i, 'caches behind us must know');
    }
    const range = await get(path, ['Accept-Encoding: br', 'Range: bytes=0-9']);
    t.equal(text(range), body.slice(0, 10), 'ranges are of the object as it is');
    const same = await get(path, ['Accept-Encoding: br', 'If-None-Match: W/"p"']);
    t.equal(same.status, 304, 'the weak tag validates');
    t.equal(origin.count(path), 1, 'one request to the origin for all of that');
  }
});

t.test('Vary stands on every answer of what may be coded, from the first on', async (t) => {
  const varies = ({ fields }: RawAnswer, why: string): void => {
    t.equal(fields.get('vary'), 'Accept-Encoding', why);
  };
  const fresh = { 'Cache-Control': 'max-age=600', ETag: '"p"', 'Last-Modified': MODIFIED };
  for (const length of ['known', 'unknown']) {
    const path = `/varies/${length}.m3u8`;
    origin.on(path, (_request, response) => {
      if (length === 'known') return { fields: fresh, body: VOD };
      response.writeHead(200, fresh);
      response.write(VOD);
      response.end();
      return undefined;
    });
    const [first, joined] = await Promise.all([get(path), get(path, ['Accept-Encoding: br'])]);
    varies(first, 'the miss');
    varies(joined, 'who joins it');
    varies(await get(path), 'identity, as nothing else is accepted');
    varies(await get(path, ['Accept-Encoding: deflate']), 'identity, as we know no other');
    varies(await get(path, ['Accept-Encoding: br']), 'identity, as the coding is not there yet');
    varies(await get(path, ['If-None-Match: "p"']), 'not modified');
    varies(await get(path, ['Range: bytes=0-9']), 'a range');
    varies(await get(path, ['Range: bytes=0-9,20-29']), 'several ranges');
  }
  origin.on('/varies/head.m3u8', { fields: fresh, body: VOD });
  varies(await get('/varies/head.m3u8', [], { method: 'HEAD' }), 'HEAD, as the first request');
  varies(await get('/varies/head.m3u8', ['Accept-Encoding: gzip'], { method: 'HEAD' }), 'HEAD');
  origin.on('/varies/1.m4s', { fields: { ...fresh, 'Content-Type': 'text/plain' }, body: VOD });
  for (let i = 0; i < 2; i += 1) {
    t.equal((await get('/varies/1.m4s')).fields.get('vary'), undefined, 'media does not vary');
  }
});

t.test('only what a hit asks for is made', async (t) => {
  const path = '/asked/index.m3u8';
  origin.on(path, { fields: { 'Cache-Control': 'max-age=600' }, body: VOD });
  const made = async (): Promise<number> => (await metricsOf(gateway))('codings_made_total');
  const before = await made();
  await get(path, ['Accept-Encoding: br, gzip']);
  for (let i = 0; i < 4; i += 1) await get(path);
  await get(path, ['Accept-Encoding: br'], { method: 'HEAD' });
  await get(path, ['Accept-Encoding: br', 'Range: bytes=0-9']);
  await get(path, ['Accept-Encoding: br', 'Cache-Control: no-transform']);
  await until(
    () => get(path, ['Accept-Encoding: gzip']),
    ({ fields }) => fields.get('content-encoding') === 'gzip',
  );
  t.equal(await made(), before + 1);
  const both = await get(path, ['Accept-Encoding: gzip, br']);
  // The other worker may not have heard of it.
  const first = both.fields.get('content-encoding') ?? 'gzip';
  t.equal(first, 'gzip', 'what is there, until the better one is');
  await until(
    () => get(path, ['Accept-Encoding: gzip, br']),
    ({ fields }) => fields.get('content-encoding') === 'br',
  );
});

t.test('a coding is made once, however many ask for it', async (t) => {
  const path = '/once/index.m3u8';
  const body = `${VOD}${'#EXT-X-UNKNOWN\n'.repeat(5_000)}`;
  origin.on(path, { fields: { 'Cache-Control': 'max-age=600' }, body });
  const ask = (): Promise<RawAnswer> => get(path, ['Accept-Encoding: br']);
  // Both workers have to hear of it.
  const several = (): Promise<RawAnswer[]> => Promise.all(Array.from({ length: 10 }, ask));
  await until(several, (all) => all.every(({ fields }) => fields.has('content-encoding')));
  const before = await objectsHeld();
  const answers = await Promise.all(Array.from({ length: 50 }, ask));
  const [first] = answers;
  for (const answer of answers) t.ok(answer.body.equals(first?.body ?? Buffer.alloc(0)));
  for (const answer of answers) t.equal(outcome(answer), 'hit');
  t.equal(await objectsHeld(), before, 'no second copy of it');
  t.equal(origin.count(path), 1);
});

t.test('what is coded already, small, media or not to be changed stays as it is', async (t) => {
  const rows = [
    ['/plain/small.json', { 'Content-Type': 'application/json' }, '{}', 'too small'],
    ['/plain/seg.m4s', { 'Content-Type': 'video/iso.segment' }, 'x'.repeat(9_000), 'media'],
    ['/plain/own.json', { 'Cache-Control': 'no-transform' }, ' '.repeat(9_000), 'forbidden'],
  ] as const;
  for (const [path, fields, body, why] of rows) {
    const control = 'Cache-Control' in fields ? `${fields['Cache-Control']}, ` : '';
    origin.on(path, { fields: { ...fields, 'Cache-Control': `${control}max-age=600` }, body });
    for (let i = 0; i < 3; i += 1) {
      const answer = await get(path, ['Accept-Encoding: br, gzip']);
      t.equal(answer.fields.get('content-encoding'), undefined, `${path}: ${why}`);
      t.equal(text(answer), body);
    }
  }
});

t.test('lifetimes by kind, where the origin says nothing', async (t) => {
  const vague = 'application/octet-stream';
  const year = [31_535_990, 31_536_000] as const;
  const rows = [
    ['vod.m3u8', vague, VOD, [590, 600], 'a playlist that has ended, by its text'],
    ['live.m3u8', vague, LIVE, [0, 2], 'half of the target duration'],
    ['multivariant.m3u8', vague, MULTIVARIANT, [590, 600], 'changes seldom'],
    ['vod.mpd', vague, MPD_VOD, [590, 600], 'static'],
    ['live.mpd', vague, MPD_LIVE, [0, 3], 'its update period at most'],
    ['seg1.m4s', 'video/iso.segment', 'segment', year, 'immutable'],
    ['seg1.ts', 'video/mp2t', 'segment', year, 'immutable'],
    ['init.mp4', 'video/mp4', 'init', year, 'long'],
    ['lines.vtt', 'text/vtt', 'WEBVTT', year, 'a segment of text'],
    ['data.json', 'application/json', '{}', [5, 10], 'some seconds'],
    ['named.m4s', vague, 'segment', [5, 10], 'some seconds: only its name says what it is'],
    ['one.key', vague, '0123456789abcdef', [5, 10], 'so are keys'],
  ] as const;
  for (const [name, type, body, [least, most], why] of rows) {
    const path = `/kinds/${name}`;
    origin.on(path, { fields: { 'Content-Type': type }, body });
    await get(path);
    const answer = await get(path);
    const ttl = Number(/^hit; ttl=(-?\d+)/.exec(ownStatus(answer))?.[1]);
    t.ok(ttl >= least && ttl <= most, `${name} for ${ttl} s: ${why}`);
    t.equal(origin.count(path), 1);
  }
});

t.test('content types come from the name where the origin has none', async (t) => {
  for (const [name, type] of [
    ['a.m3u8', 'application/vnd.apple.mpegurl'],
    ['a.mpd', 'application/dash+xml'],
    ['a.m4s', 'video/iso.segment'],
    ['a.ts', 'video/mp2t'],
    ['a.vtt', 'text/vtt'],
  ] as const) {
    origin.on(`/types/${name}`, { body: 'x' });
    for (const heat of ['cold', 'warm']) {
      const { fields } = await get(`/types/${name}`);
      t.equal(fields.get('content-type')?.split(';', 1)[0], type, `${name}, ${heat}`);
    }
  }
});

t.test('a missing segment is missing for a moment, an error is never kept', async (t) => {
  origin.on('/moment/404.m4s', { status: 404, body: 'not yet' });
  await get('/moment/404.m4s');
  const again = await get('/moment/404.m4s');
  t.equal(again.status, 404);
  t.match(ownStatus(again), /^hit; ttl=[01]\b/, 'for a second');
  for (const status of [500, 502, 503, 504, 403]) {
    const path = `/moment/${status}.m4s`;
    origin.on(path, { status, body: 'trouble' });
    await get(path);
    origin.on(path, { body: 'recovered' });
    t.equal(text(await get(path)), 'recovered', `${status} is forgotten at once`);
  }
});

t.test('CMCD and utm_* are no part of the key; the rest is sorted', async (t) => {
  const path = '/keys/seg.m4s';
  origin.on(path, { body: 'segment' });
  await get(`${path}?b=2&a=1&CMCD=br%3D3200&utm_source=one`);
  for (const query of [
    'a=1&b=2',
    'b=2&a=1',
    'a=1&b=2&CMCD=sid%3D%22x%22',
    'a=1&b=2&utm_source=mail',
    'a=%31&b=2',
  ]) {
    t.equal(outcome(await get(`${path}?${query}`)), 'hit', query);
  }
  for (const query of ['a=1&b=3', 'a=1', 'b=2&a=1&token=t', 'A=1&b=2', 'a=1&b=2&a=2']) {
    t.equal(outcome(await get(`${path}?${query}`)), 'uri-miss', query);
  }
  const first: SeenRequest | undefined = origin.seen(path)[0];
  t.equal(first?.target, `${path}?a=1&b=2`, 'what is keyed goes upstream');
  await get('/keys/other.m4s', ['CMCD-Session: sid="x"']);
  t.equal(origin.seen('/keys/other.m4s')[0]?.fields['cmcd-session'], undefined);
  origin.on('/keys/é.m4s', { body: 'x' });
  await get('/keys/%7Eseg.m4s');
  t.equal(origin.count('/keys/~seg.m4s'), 1, 'escapes are in their normal form');
  await get('/keys/x/../seg.m4s?a=1');
  t.equal(origin.count(path), 6, 'dot segments are gone');
});

t.test('the segment that the playlist names next is fetched ahead, one and no more', async (t) => {
  const stream = '/ahead';
  origin.on(`${stream}/index.m3u8`, { body: VOD });
  for (let i = 0; i < 6; i += 1) origin.on(`${stream}/seg${i}.m4s`, { body: `segment ${i}` });
  await get(`${stream}/index.m3u8`);
  await get(`${stream}/seg0.m4s`);
  await origin.untilCount(`${stream}/seg1.m4s`, 1);
  const next = await until(
    () => get(`${stream}/seg1.m4s`, ['Cache-Control: only-if-cached']),
    ({ status }) => status === 200,
  );
  t.equal(text(next), 'segment 1', 'there before it was asked for');
  t.equal(origin.count(`${stream}/seg1.m4s`), 1);
  t.equal(origin.count(`${stream}/seg3.m4s`), 0, 'a prefetch prefetches nothing');
  t.ok((await metricsOf(gateway))('prefetched_total') >= 1);
});

t.test('prefetches under way are bounded', async (t) => {
  const one = ['--shards', '1', '--set', 'prefetch.concurrency=1'];
  const bounded = await startProxied(t, one);
  for (const stream of ['/p', '/q']) {
    bounded.origin.on(`${stream}/index.m3u8`, { body: VOD });
    for (let i = 0; i < 6; i += 1) bounded.origin.on(`${stream}/seg${i}.m4s`, { body: `${i}` });
    await bounded.get(`${stream}/index.m3u8`);
  }
  const held = bounded.origin.hold('/p/seg1.m4s');
  await bounded.get('/p/seg0.m4s');
  const { response } = await held;
  for (const i of [0, 3]) await bounded.get(`/q/seg${i}.m4s`);
  t.equal(bounded.origin.count('/q/seg1.m4s'), 0, 'no room for another');
  t.equal(bounded.origin.count('/q/seg4.m4s'), 0);
  response.end('1');
  await until(
    () => bounded.get('/p/seg1.m4s', ['Cache-Control: only-if-cached']),
    ({ status }) => status === 200,
  );
  await bounded.get('/q/seg4.m4s');
  await bounded.origin.untilCount('/q/seg5.m4s', 1);
  t.pass('room again');
});

t.test('a soft purge validates, a hard one fetches', async (t) => {
  const path = '/purged/seg.m4s';
  origin.on(path, ({ headers }) => {
    const fields = { ETag: '"s"', 'Cache-Control': 'max-age=600, stale-while-revalidate=0' };
    return headers['if-none-match'] === '"s"' ? { status: 304, fields } : { fields, body: 'seg' };
  });
  await get(path);
  t.equal(await purge(gateway, { scope: 'exact', path, soft: true }), 1);
  const validated = await get(path);
  t.match(ownStatus(validated), /^fwd=stale; fwd-status=304/);
  t.equal(await purge(gateway, { scope: 'exact', path }), 1);
  t.equal(outcome(await get(path)), 'uri-miss');
  t.equal(origin.seen(path).at(-1)?.fields['if-none-match'], undefined);
});

t.test('prefetching and compression can be switched off', async (t) => {
  const off = await startProxied(t, [
    '--set',
    'prefetch.enabled=false',
    '--set',
    'compression.enabled=false',
  ]);
  off.origin.on('/off/index.m3u8', { body: VOD });
  for (let i = 0; i < 3; i += 1) off.origin.on(`/off/seg${i}.m4s`, { body: `segment ${i}` });
  for (let i = 0; i < 3; i += 1) {
    const answer = await off.get('/off/index.m3u8', ['Accept-Encoding: br']);
    t.equal(answer.fields.get('content-encoding'), undefined);
  }
  await off.get('/off/seg0.m4s');
  await off.get('/off/seg2.m4s');
  t.equal(off.origin.count('/off/seg1.m4s'), 0);
  t.equal((await metricsOf(off.gateway))('prefetched_total'), 0);
});
