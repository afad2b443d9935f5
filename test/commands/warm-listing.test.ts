import t from 'tap';
import { listingOf } from '../../src/commands/warm-listing.js';

const URL = 'http://gw/show/a.m3u8';
const MPD_URL = 'http://gw/show/a.mpd?x=y';
const ALL = Number.POSITIVE_INFINITY;
const LIVE = `#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-PART-INF:PART-TARGET=1
#EXT-X-MAP:URI="init-a.mp4"
#EXTINF:4,
a1.mp4
#EXT-X-GAP
#EXTINF:4,
lost.mp4
#EXT-X-MAP:URI="init-b.mp4"
#EXTINF:4,
#EXT-X-BYTERANGE:10@0
b.mp4
#EXTINF:4,
#EXT-X-BYTERANGE:10
b.mp4
#EXT-X-PART:DURATION=1,URI="b.1.mp4"
`;

/** A manifest whose one video has `inside`; a period for each. */
function mpd(...periods: readonly string[]): string {
  const inner = periods.map(
    (inside) => `<Period duration="PT4S"><AdaptationSet contentType="video" mimeType="video/mp4">
<Representation id="v" bandwidth="9" codecs="avc1.4d400c" width="16" height="9">${inside}</Representation>
</AdaptationSet></Period>`,
  );
  return `<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" minBufferTime="PT2S">${inner.join('')}</MPD>`;
}

function numbered(folder: string): string {
  return `<SegmentTemplate duration="2" startNumber="1" initialization="${folder}/i.mp4" media="${folder}/$Number$.m4s"/>`;
}

t.test(
  'listingOf() tells the playlists of a multivariant playlist, each once, none of its media',
  (t) => {
    const text = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="en.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="in the variants"
#EXT-X-STREAM-INF:BANDWIDTH=1
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2
low.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="trick.m3u8"
`;
    t.strictSame(listingOf(text, URL, 1), {
      playlists: ['low.m3u8', 'trick.m3u8', 'en.m3u8'],
      media: [],
    });
    t.end();
  },
);

t.test('listingOf() tells what a media playlist has players fetch, as written', (t) => {
  t.strictSame(listingOf(LIVE, URL, ALL), {
    playlists: [],
    media: ['init-a.mp4', 'a1.mp4', 'init-b.mp4', 'b.mp4', 'b.1.mp4'],
  });
  t.end();
});

t.test('listingOf() tells the first segments with the init segments that they need', (t) => {
  const rows = [
    [1, ['init-a.mp4', 'a1.mp4'], 'the first'],
    [2, ['init-a.mp4', 'a1.mp4'], 'a gap counts, and is not fetched'],
    [3, ['init-a.mp4', 'a1.mp4', 'init-b.mp4', 'b.mp4'], 'another init segment'],
    [99, ['init-a.mp4', 'a1.mp4', 'init-b.mp4', 'b.mp4'], 'more than there are'],
  ] as const;
  const whole = `${LIVE}#EXT-X-ENDLIST\n`;
  for (const [first, want, why] of rows)
    t.strictSame(listingOf(whole, URL, first).media, want, why);
  t.end();
});

t.test('listingOf() tells the newest segments of a live playlist, and no parts', (t) => {
  const rows = [
    [1, ['init-b.mp4', 'b.mp4'], 'the newest'],
    [2, ['init-b.mp4', 'b.mp4'], 'two of one file'],
    [4, ['init-a.mp4', 'a1.mp4', 'init-b.mp4', 'b.mp4'], 'all of them'],
  ] as const;
  for (const [first, want, why] of rows) t.strictSame(listingOf(LIVE, URL, first).media, want, why);
  const vod = LIVE.replace('#EXTM3U', '#EXTM3U\n#EXT-X-PLAYLIST-TYPE:VOD');
  t.strictSame(listingOf(vod, URL, 1).media, ['init-a.mp4', 'a1.mp4'], 'VOD without an end');
  t.end();
});

t.test('listingOf() tells what a manifest has players fetch, absolute', (t) => {
  const media = ['http://gw/show/v/i.mp4', 'http://gw/show/v/1.m4s', 'http://gw/show/v/2.m4s'];
  const text = mpd(numbered('v'));
  for (const [given, why] of [
    [text, 'plain'],
    [`\uFEFF${text}`, 'behind a byte order mark'],
    [`\n\t${text}`, 'behind blanks'],
  ] as const) {
    t.strictSame(listingOf(given, MPD_URL, ALL), { playlists: [], media }, why);
  }
  t.strictSame(listingOf(text, MPD_URL, 1).media, media.slice(0, 2), 'the first of each');
  t.end();
});

t.test('listingOf() tells all periods of a manifest', (t) => {
  const { media } = listingOf(mpd(numbered('p1'), numbered('p2')), MPD_URL, ALL);
  t.strictSame(media.map((url) => url.replace('http://gw/show/', '')).toSorted(), [
    ...['p1/1.m4s', 'p1/2.m4s', 'p1/i.mp4'],
    ...['p2/1.m4s', 'p2/2.m4s', 'p2/i.mp4'],
  ]);
  t.end();
});

t.test('listingOf() tells the one file of an indexed rendition, whatever the first are', (t) => {
  const indexed = '<BaseURL>one.mp4</BaseURL><SegmentBase indexRange="100-200"/>';
  for (const first of [1, ALL]) {
    t.strictSame(listingOf(mpd(indexed), MPD_URL, first).media, ['http://gw/show/one.mp4']);
  }
  t.end();
});

t.test('listingOf() follows base URLs, those of other hosts too', (t) => {
  const far = `<BaseURL>http://cdn.example/x/</BaseURL>${numbered('v')}`;
  t.equal(listingOf(mpd(far), MPD_URL, 1).media[1], 'http://cdn.example/x/v/1.m4s');
  t.end();
});

t.test('listingOf() throws at what is neither, and says which it looked like', (t) => {
  const rows = [
    ['', /^not an HLS playlist: /, 'empty'],
    ['hello', /^not an HLS playlist: /, 'text'],
    ['#EXTM3U\n#EXTINF:4,\na.ts\n', /^not an HLS playlist: .*TARGETDURATION/, 'half of one'],
    ['<html></html>', /^not a DASH manifest: /, 'a page'],
    ['<MPD', /^not a DASH manifest: /, 'cut off'],
    [mpd(), /^not a DASH manifest: /, 'no periods'],
    ['\u0000\u0001', /^not an HLS playlist: /, 'bytes'],
  ] as const;
  for (const [text, message, why] of rows) {
    t.throws(() => listingOf(text, MPD_URL, ALL), { message }, why);
  }
  t.end();
});
