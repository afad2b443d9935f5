import t from 'tap';
import { defaultTtlMs } from '../../src/media/defaults.js';
import { parseMpd } from '../../src/media/dash.js';
import { parsePlaylist } from '../../src/media/hls.js';
import type { MediaKind } from '../../src/media/kind.js';

const TTLS = {
  playlist: 60_000,
  livePlaylistFactor: 0.5,
  segment: 3_600_000,
  init: 7_200_000,
  key: 30_000,
  notFound: 1_500,
  json: 5_000,
};

t.test('defaultTtlMs() gives every kind its own lifetime', (t) => {
  const rows: [MediaKind, number | undefined, string][] = [
    ['playlist', 1_000, 'not read yet: may be live'],
    ['mpd', 1_000, 'not read yet: may be live'],
    ['segment', 3_600_000, 'never changes'],
    ['subtitle', 3_600_000, 'a segment of text'],
    ['init', 7_200_000, 'never changes'],
    ['key', 30_000, ''],
    ['json', 5_000, ''],
    ['image', undefined, 'heuristic'],
    ['page', undefined, 'heuristic'],
    ['other', undefined, 'heuristic'],
  ];
  for (const [kind, want, why] of rows) t.equal(defaultTtlMs(kind, TTLS), want, `${kind}: ${why}`);
  t.end();
});

t.test('defaultTtlMs() looks at the status first', (t) => {
  const rows = [
    [200, 3_600_000, 'whole'],
    [206, 3_600_000, 'part'],
    [404, 1_500, 'a moment: a live segment may appear'],
    [410, 1_500, 'a moment'],
    [301, undefined, 'no default'],
    [403, undefined, 'errors never'],
    [500, undefined, 'errors never'],
    [503, undefined, 'errors never'],
  ] as const;
  for (const [status, want, why] of rows) {
    t.equal(defaultTtlMs('segment', TTLS, { status }), want, `${status}: ${why}`);
  }
  t.end();
});

t.test('defaultTtlMs() uses what the manifest says of itself', (t) => {
  const live = parsePlaylist('#EXTM3U\n#EXT-X-TARGETDURATION:6\n');
  const vod = parsePlaylist('#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-ENDLIST\n');
  const mpd = parseMpd('<MPD type="dynamic" minimumUpdatePeriod="PT4S">');
  if ('error' in live || 'error' in vod || 'error' in mpd) throw new Error('unreadable');
  t.equal(defaultTtlMs('playlist', TTLS, { status: 200, manifest: live }), 3_000);
  t.equal(defaultTtlMs('playlist', TTLS, { status: 200, manifest: vod }), 60_000);
  t.equal(defaultTtlMs('mpd', TTLS, { status: 200, manifest: mpd }), 2_000);
  t.end();
});
