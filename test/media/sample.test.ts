import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { parseMpd } from '../../src/media/dash.js';
import {
  parsePlaylist,
  playlistUris,
  type HlsMediaPlaylist,
  type HlsPlaylist,
} from '../../src/media/hls.js';
import { mediaKind } from '../../src/media/kind.js';
import { resolveUri } from '../../src/media/resolve.js';

const SAMPLE = fileURLToPath(new URL('../../src/web/sample/', import.meta.url));

t.test('the sample is small enough to ship', (t) => {
  const bytes = readdirSync(SAMPLE).reduce((sum, name) => sum + statSync(SAMPLE + name).size, 0);
  t.ok(bytes > 1_000_000 && bytes <= 3_000_000, `${bytes} bytes`);
  t.end();
});

t.test(
  'the multivariant playlist offers three renditions, one audio and one subtitle track',
  (t) => {
    const playlist = read('master.m3u8');
    if (playlist.kind !== 'multivariant') throw new Error('not a multivariant playlist');
    t.match(text('master.m3u8'), /^#EXT-X-INDEPENDENT-SEGMENTS$/m);
    t.strictSame(
      playlist.variants.map(({ resolution, frameRate, audio, subtitles }) => [
        resolution,
        frameRate,
        audio,
        subtitles,
      ]),
      ['256x144', '426x240', '640x360'].map((size) => [size, 25, 'audio', 'subtitles']),
    );
    t.strictSame(
      playlist.renditions.map(({ type, groupId, language }) => [type, groupId, language]),
      [
        ['AUDIO', 'audio', 'en'],
        ['SUBTITLES', 'subtitles', 'en'],
      ],
    );
    t.end();
  },
);

t.test('every file of the sample is named by a playlist, and every name is a file', (t) => {
  const named = new Set(['master.m3u8', 'manifest.mpd']);
  const pending = ['master.m3u8'];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    for (const uri of playlistUris(read(name))) {
      const target = resolveUri(`/${name}`, uri)?.slice(1);
      t.ok(target !== undefined && statSync(SAMPLE + target).size > 0, `${name} names ${uri}`);
      if (target === undefined || named.has(target)) continue;
      named.add(target);
      if (mediaKind(target) === 'playlist') pending.push(target);
    }
  }
  t.strictSame([...named].sort(), readdirSync(SAMPLE).sort());
  t.end();
});

t.test('the renditions have the same segments, and each declares its own peak rate', (t) => {
  const master = read('master.m3u8');
  if (master.kind !== 'multivariant') throw new Error('not a multivariant playlist');
  const audio = peakRate('audio.m3u8');
  for (const { uri, bandwidth } of master.variants) {
    const playlist = media(uri);
    t.match(playlist, { targetDurationMs: 2_000, endList: true, type: 'VOD' });
    t.strictSame(
      playlist.segments.map(({ durationMs }) => durationMs),
      Array.from({ length: 7 }, () => 2_000),
      uri,
    );
    const peak = peakRate(uri) + audio;
    t.ok(bandwidth >= peak && bandwidth < peak * 1.1, `${uri}: ${bandwidth} for ${peak} bit/s`);
  }
  t.equal(totalMs(media('audio.m3u8')), 14_000);
  t.equal(totalMs(media('subtitles-en.m3u8')), 14_000);
  t.end();
});

t.test('every segment starts where its playlist says', (t) => {
  for (const [name, timescale, priming] of [
    ['144p', 12_800, 0],
    ['240p', 12_800, 0],
    ['360p', 12_800, 0],
    ['audio', 48_000, 1_024], // the first segment begins with an AAC frame that is not heard
  ] as const) {
    let startMs = 0;
    for (const { uri, durationMs } of media(`${name}.m3u8`).segments) {
      const time = decodeTime(readFileSync(SAMPLE + uri));
      const ms = (Math.max(time - priming, 0) / timescale) * 1_000;
      t.ok(Math.abs(ms - startMs) < 3, `${uri} starts at ${ms} ms`); // durations are rounded
      startMs += durationMs;
    }
  }
  t.end();
});

t.test('the DASH manifest names the same files and codecs as the HLS playlists', (t) => {
  const mpd = text('manifest.mpd');
  t.match(parseMpd(mpd), { type: 'static', mediaPresentationDurationMs: 14_000 });
  const master = text('master.m3u8');
  for (const [, id = '', codecs = ''] of mpd.matchAll(
    / id="(\w+)" mimeType[^>]* codecs="([^"]+)"/g,
  )) {
    t.match(master, new RegExp(`CODECS="[^"]*${codecs}[^"]*"`), `${id}: ${codecs}`);
  }
  const timelines = [
    ...mpd.matchAll(/<Representation id="(\w+)".*?<SegmentTimeline>(.*?)<\/Segm/gs),
  ];
  t.equal(timelines.length, 4);
  for (const [, id = '', timeline = ''] of timelines) {
    const runs = [...timeline.matchAll(/<S [^>]*?(?:r="(\d+)")?\s*\/>/g)];
    const count = runs.reduce((sum, [, repeats]) => sum + 1 + Number(repeats ?? 0), 0);
    const expected = Array.from({ length: count }, (_, index) => `${id}-${index + 1}.m4s`);
    t.strictSame(
      media(`${id}.m3u8`).segments.map(({ uri }) => uri),
      expected,
      id,
    );
  }
  t.match(mpd, /media="\$RepresentationID\$-\$Number\$\.m4s" startNumber="1"/);
  t.match(mpd, /<BaseURL>subtitles-en\.vtt<\/BaseURL>/);
  t.end();
});

for (const manifest of ['master.m3u8', 'manifest.mpd']) {
  t.test(`ffmpeg decodes ${manifest} to its end without an error`, async (t) => {
    const run = promisify(execFile);
    const args = ['-v', 'error', '-xerror', '-allowed_extensions', 'ALL', '-i', manifest];
    const { stderr, stdout } = await run(
      'ffmpeg',
      [...args, '-map', '0:v', '-map', '0:a', '-f', 'null', '-progress', 'pipe:1', '-'],
      { cwd: SAMPLE },
    );
    t.equal(stderr, '');
    t.match(stdout, /out_time=00:00:1[34]\.\d+\nd(?:[^\n]*\n)+progress=end/);
  });
}

function text(name: string): string {
  return readFileSync(path.join(SAMPLE, name), 'utf8');
}

function read(name: string): HlsPlaylist {
  const playlist = parsePlaylist(text(name));
  if ('error' in playlist) throw new Error(`${name}: ${playlist.error}`);
  return playlist;
}

function media(name: string): HlsMediaPlaylist {
  const playlist = read(name);
  if (playlist.kind !== 'media') throw new Error(`${name} is no media playlist`);
  return playlist;
}

function totalMs(playlist: HlsMediaPlaylist): number {
  const exact = playlist.segments.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return Math.round(exact / 10) * 10; // each duration is rounded to a millisecond
}

/** Bits per second of the largest segment over its own duration. */
function peakRate(name: string): number {
  const rates = media(name).segments.map(
    ({ uri, durationMs }) => (statSync(SAMPLE + uri).size * 8_000) / durationMs,
  );
  return Math.max(...rates);
}

/** baseMediaDecodeTime of the first fragment: ISO/IEC 14496-12 section 8.8.12. */
function decodeTime(segment: Buffer): number {
  const at = segment.indexOf('tfdt', 0, 'latin1');
  return segment.readUInt8(at + 4) === 1
    ? Number(segment.readBigUInt64BE(at + 8))
    : segment.readUInt32BE(at + 8);
}
