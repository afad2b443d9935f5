import t from 'tap';
import { defaultTtlMs, leastTtlMs } from '../../src/media/defaults.js';
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
  undeclared: 2_000,
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

t.test('what only its name calls media gets a moment, and the heuristic', (t) => {
  const named = { status: 200, undeclared: true };
  const rows: [MediaKind, number, string][] = [
    ['segment', 2_000, ''],
    ['init', 2_000, ''],
    ['subtitle', 2_000, ''],
    ['key', 2_000, ''],
    ['json', 2_000, ''],
    ['image', 0, 'has no lifetime of ours'],
    ['other', 0, 'has no lifetime of ours'],
  ];
  for (const [kind, want, why] of rows) {
    t.equal(leastTtlMs(kind, TTLS, named), want, `${kind} ${why}`);
    t.equal(defaultTtlMs(kind, TTLS, named), undefined, kind);
    t.equal(leastTtlMs(kind, TTLS, { status: 200 }), 0, `${kind}, declared`);
  }
  t.equal(leastTtlMs('json', { ...TTLS, json: 1_000 }, named), 1_000, 'never more than declared');
  t.equal(leastTtlMs('segment', TTLS, { ...named, status: 403 }), 0, 'errors never');
  t.equal(defaultTtlMs('segment', TTLS, { ...named, status: 404 }), 1_500, '404 as ever');
  t.equal(defaultTtlMs('playlist', TTLS, named), 1_000, 'a playlist proves itself by its text');
  t.equal(leastTtlMs('playlist', TTLS, named), 0);
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
