import t from 'tap';
import fc from 'fast-check';
import {
  followingUris,
  parsePlaylist,
  playlistTtlMs,
  playlistUris,
  type HlsMediaPlaylist,
  type HlsMultivariantPlaylist,
  type HlsPlaylist,
} from '../../src/media/hls.js';
import { HLS_LIMITS } from '../../src/media/hls-playlist.js';

const TTLS = { playlist: 60_000, livePlaylistFactor: 0.5 };

const VOD = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="init.mp4"
#EXT-X-KEY:METHOD=AES-128,URI="k.key",IV=0x1
#EXTINF:2.000,first, with a comma
s7.m4s
#EXT-X-KEY:METHOD=NONE
#EXT-X-DISCONTINUITY
#EXTINF:1.96,
s8.m4s
#EXT-X-GAP
#EXTINF:2,
s9.m4s
#EXTINF:2,
s10.m4s
#EXT-X-ENDLIST
`;

const LOW_LATENCY = `#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0
#EXT-X-PART-INF:PART-TARGET=0.33334
#EXT-X-MEDIA-SEQUENCE:266
#EXT-X-SKIP:SKIPPED-SEGMENTS=3
#EXTINF:4.0,
s269.mp4
#EXT-X-PART:DURATION=0.33334,URI="s270.1.mp4",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.33334,URI="s270.2.mp4",GAP=YES
#EXT-X-PART:DURATION=0.33334,URI="s270.3.mp4"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="s270.4.mp4"
`;

const MULTIVARIANT = `#EXTM3U
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-DEFINE:NAME="base",VALUE="cdn"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="English",DEFAULT=YES,LANGUAGE="en",URI="{$base}/a.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC",INSTREAM-ID="CC1"
#EXT-X-STREAM-INF:BANDWIDTH=1280000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=25.000,AUDIO="aud"
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2560000,AUDIO="aud"
high.m3u8?x={$unknown}
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI="iframes.m3u8"
`;

t.test('parsePlaylist() reads a VOD media playlist', (t) => {
  const playlist = media(VOD);
  t.match(playlist, { targetDurationMs: 2_000, mediaSequence: 7, endList: true, type: 'VOD' });
  t.strictSame(playlist.segments, [
    {
      uri: 's7.m4s',
      durationMs: 2_000,
      discontinuity: false,
      gap: false,
      mapUri: 'init.mp4',
      keyUri: 'k.key',
    },
    { uri: 's8.m4s', durationMs: 1_960, discontinuity: true, gap: false, mapUri: 'init.mp4' },
    { uri: 's9.m4s', durationMs: 2_000, discontinuity: false, gap: true, mapUri: 'init.mp4' },
    { uri: 's10.m4s', durationMs: 2_000, discontinuity: false, gap: false, mapUri: 'init.mp4' },
  ]);
  t.strictSame(playlistUris(playlist), ['init.mp4', 's7.m4s', 's8.m4s', 's10.m4s']);
  t.end();
});

t.test('parsePlaylist() reads a low-latency media playlist', (t) => {
  const playlist = media(LOW_LATENCY);
  t.match(playlist, {
    endList: false,
    partTargetMs: 333,
    canBlockReload: true,
    skippedSegments: 3,
  });
  t.strictSame(
    playlist.parts.map(({ uri, independent }) => [uri, independent]),
    [
      ['s270.1.mp4', true],
      ['s270.3.mp4', false],
    ],
    'a gap part is not there to be fetched',
  );
  t.equal(playlist.preloadHintUri, 's270.4.mp4');
  t.end();
});

t.test('parsePlaylist() reads a multivariant playlist', (t) => {
  const playlist = multivariant(MULTIVARIANT);
  t.strictSame(playlist.variants[0], {
    uri: 'low.m3u8',
    bandwidth: 1_280_000,
    iFrameOnly: false,
    frameRate: 25,
    codecs: 'avc1.64001f,mp4a.40.2',
    resolution: '640x360',
    audio: 'aud',
  });
  t.match(playlist.renditions[0], {
    type: 'AUDIO',
    name: 'English',
    isDefault: true,
    language: 'en',
  });
  t.strictSame(
    playlistUris(playlist),
    ['low.m3u8', 'high.m3u8?x={$unknown}', 'iframes.m3u8', 'cdn/a.m3u8'],
    'known variables are put in, unknown ones stay',
  );
  t.end();
});

t.test('parsePlaylist() follows byte ranges through one file', (t) => {
  const playlist = media(
    `${head(4)}#EXTINF:4,\n#EXT-X-BYTERANGE:100@0\na.ts\n#EXTINF:4,\n#EXT-X-BYTERANGE:50\na.ts\n#EXTINF:4,\nb.ts\n`,
  );
  t.strictSame(
    playlist.segments.map(({ byteRange }) => byteRange),
    [{ start: 0, length: 100 }, { start: 100, length: 50 }, undefined],
  );
  t.equal(followingOf(playlist, 'a.ts'), 'b.ts', 'the rest of the same file is no next object');
  t.end();
});

t.test('parsePlaylist() takes what lenient packagers write', (t) => {
  const rows = [
    [`\uFEFF${head(4)}`, 'byte order mark'],
    [head(4).replaceAll('\n', '\r\n'), 'CRLF'],
    [`${head(4)}\n\n# comment\n#EXT-X-UNKNOWN:1\n`, 'blank lines, comments and unknown tags'],
    [`${head(4)}#EXTINF:4.0\ns.ts`, 'no comma, no last newline'],
    [head('4.9'), 'decimal target duration'],
  ] as const;
  for (const [text, why] of rows) t.match(parsePlaylist(text), { kind: 'media' }, why);
  t.end();
});

t.test('parsePlaylist() names what makes a playlist unusable', (t) => {
  const rows = [
    ['', 'empty'],
    ['<html>', 'no playlist'],
    ['#EXTM3U8\n', 'another first line'],
    ['#EXTM3U\n', 'no target duration'],
    [head('abc'), 'target duration is no number'],
    [head('-1'), 'negative target duration'],
    [head('1e9'), 'exponent'],
    [head(99_999_999), 'target duration over a week'],
    [`${head(4)}#EXTINF:4,\n`, 'truncated after EXTINF'],
    [`${head(4)}#EXTINF:NaN,\ns.ts\n`, 'duration is no number'],
    [`${head(4)}s.ts\n`, 'URI without EXTINF'],
    [`${head(4)}#EXT-X-MEDIA-SEQUENCE:x\n`, 'sequence is no number'],
    [`${head(4)}#EXT-X-MAP:BYTERANGE="1@0"\n`, 'map without URI'],
    [`${head(4)}#EXT-X-PART:DURATION=1\n`, 'part without URI'],
    [`${head(4)}#EXTINF:4,\n#EXT-X-BYTERANGE:9\ns.ts\n`, 'range goes on after nothing'],
    [`${head(4)}#EXTINF:4,\n#EXT-X-BYTERANGE:x@0\ns.ts\n`, 'range is no number'],
    [`${head(4)}#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n`, 'both kinds, RFC 8216 4.1'],
    ['#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n', 'truncated after STREAM-INF'],
    [`${head(4)}#${'x'.repeat(HLS_LIMITS.line)}\n`, 'line too long'],
    [`${head(4)}#EXTINF:4,\n${'u'.repeat(HLS_LIMITS.uri + 1)}\n`, 'URI too long'],
    [`${head(4)}${'#EXTINF:1,\ns\n'.repeat(HLS_LIMITS.segments + 1)}`, 'too many segments'],
    [
      `#EXTM3U\n${'#EXT-X-STREAM-INF:\nv\n'.repeat(HLS_LIMITS.renditions + 1)}`,
      'too many variants',
    ],
    [`#EXTM3U\n${' '.repeat(HLS_LIMITS.text)}`, 'text too long'],
    [bomb(), 'variables that multiply'],
  ] as const;
  for (const [text, why] of rows) t.match(parsePlaylist(text), { error: /\S/ }, why);
  t.end();
});

t.test('followingUris() names what a player asks for next', (t) => {
  const rows = [
    [VOD, 's7.m4s', 's8.m4s', 'the following one'],
    [VOD, 's8.m4s', 's10.m4s', 'over a gap'],
    [VOD, 's10.m4s', undefined, 'the last one'],
    [VOD, 'init.mp4', undefined, 'not a segment'],
    [VOD, 'constructor', undefined, 'not listed'],
    [LOW_LATENCY, 's270.1.mp4', 's270.3.mp4', 'the following part'],
    [LOW_LATENCY, 's270.3.mp4', 's270.4.mp4', 'the hinted part'],
    [LOW_LATENCY, 's269.mp4', undefined, 'whole segment that is not finished'],
    [MULTIVARIANT, 'low.m3u8', undefined, 'no segments here'],
  ] as const;
  for (const [text, uri, want, why] of rows) {
    const playlist = understood(text);
    t.equal(followingOf(playlist, uri), want, why);
  }
  t.end();
});

t.test('playlistTtlMs() is short for what still changes', (t) => {
  const rows = [
    [VOD, 60_000, 'ended'],
    [VOD.replace('#EXT-X-ENDLIST\n', ''), 60_000, 'VOD never changes, RFC 8216 4.3.3.5'],
    [MULTIVARIANT, 60_000, 'multivariant'],
    [head(6), 3_000, 'live: a share of the target duration'],
    [`${head(6)}#EXT-X-PLAYLIST-TYPE:EVENT\n`, 3_000, 'an event grows'],
    [`${head(6)}#EXT-X-ENDLIST\n`, 60_000, 'live that ended'],
    [LOW_LATENCY, 333, 'never longer than a part'],
  ] as const;
  for (const [text, want, why] of rows) {
    const playlist = understood(text);
    t.equal(playlistTtlMs(playlist, TTLS), want, why);
  }
  t.end();
});

t.test('parsePlaylist() survives any lines, mutations of real playlists included', (t) => {
  const tag = fc.constantFrom(
    ...['#EXTM3U', '#EXTINF:', '#EXT-X-TARGETDURATION:', '#EXT-X-KEY:', '#EXT-X-MAP:URI="', '='],
    ...['#EXT-X-BYTERANGE:', '#EXT-X-PART:', '#EXT-X-STREAM-INF:', '#EXT-X-MEDIA:', '"', ',', '\r'],
    ...['#EXT-X-DEFINE:NAME="a",VALUE="{$a}"', '{$a}', '#EXT-X-SKIP:', '1', '-1', '4.', '@', '\n'],
  );
  const piece = fc.oneof(tag, fc.string({ maxLength: 20 }));
  const made = fc.array(piece, { maxLength: 60 }).map((pieces) => `#EXTM3U\n${pieces.join('')}`);
  const cut = fc
    .tuple(fc.constantFrom(VOD, LOW_LATENCY, MULTIVARIANT), fc.nat(900), fc.nat(900), piece)
    .map(([text, from, to, put]) => text.slice(0, from) + put + text.slice(to));
  fc.assert(
    fc.property(fc.oneof(made, cut), (text) => {
      const playlist = parsePlaylist(text);
      if ('error' in playlist) return playlist.error !== '';
      for (const uri of playlistUris(playlist)) followingOf(playlist, uri);
      const ttlMs = playlistTtlMs(playlist, TTLS);
      return Number.isFinite(ttlMs) && ttlMs >= 0;
    }),
    { numRuns: 1_000 },
  );
  t.end();
});

t.test('parsePlaylist() takes linear time on the largest hostile text', (t) => {
  const fill = (line: string): string =>
    head(4) + line.repeat(Math.floor((HLS_LIMITS.text - 100) / line.length));
  const rows = [
    [fill('\n'), 'empty lines'],
    [fill(`#EXT-X-KEY:${'A'.repeat(16_000)}\n`), 'attribute names without a value'],
    [fill(`#EXT-X-KEY:${'A=",'.repeat(4_000)}\n`), 'quotes that never close'],
    [fill(`#EXT-X-KEY:${' '.repeat(16_000)}=\n`), 'blanks'],
    [fill('#EXT-X-DISCONTINUITY\n'), 'small tags'],
    [fill(`#EXTINF:${'9'.repeat(16_000)}\n`), 'digits'],
  ] as const;
  for (const [text, why] of rows) {
    const before = process.cpuUsage();
    parsePlaylist(text);
    const { user } = process.cpuUsage(before);
    t.ok(user < 2_000_000, `${why}: ${Math.round(user / 1_000)} ms of CPU`); // quadratic takes minutes
  }
  t.end();
});

function head(targetDuration: number | string): string {
  return `#EXTM3U\n#EXT-X-TARGETDURATION:${targetDuration}\n`;
}

/** A short URI that would grow to sixteen million characters. */
function bomb(): string {
  const value = 'v'.repeat(16_000);
  return `${head(4)}#EXT-X-DEFINE:NAME="a",VALUE="${value}"\n#EXTINF:1,\n${'{$a}'.repeat(1_000)}\n`;
}

function understood(text: string): HlsPlaylist {
  const playlist = parsePlaylist(text);
  if ('error' in playlist) throw new Error(playlist.error);
  return playlist;
}

function media(text: string): HlsMediaPlaylist {
  const playlist = understood(text);
  if (playlist.kind !== 'media') throw new Error('not a media playlist');
  return playlist;
}

function multivariant(text: string): HlsMultivariantPlaylist {
  const playlist = understood(text);
  if (playlist.kind !== 'multivariant') throw new Error('not a multivariant playlist');
  return playlist;
}

function followingOf(playlist: HlsPlaylist, uri: string): string | undefined {
  return playlist.kind === 'media' ? followingUris(playlist).get(uri) : undefined;
}
