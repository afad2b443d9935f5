/** Live in every player, through the gateway and directly at nginx at the same time. */
import t from 'tap';
import { liveTable, type Pairing, watchLive, worseThanDirectly } from '../support/live-players.js';

/** `npm run live` has all of them, for longer. */
const PAIRINGS: readonly Pairing[] = [
  { player: 'hls.js', format: 'HLS one file' },
  { player: 'Shaka', format: 'HLS fMP4' },
  { player: 'dash.js', format: 'DASH' },
  { player: 'video.js', format: 'HLS TS' },
];
const SECONDS = 30;
/**
 * In so short a time it counts with which of the segments of 2 s a player happened to begin, and beside
 * other tests one may run dry once. What this is to see are stalls every few seconds.
 */
const TOLERANCE = { behindS: 3, stalls: 1 };

t.setTimeout(240_000);

t.test('no player stalls or falls behind that would not directly at nginx', async (t) => {
  const rows = await watchLive(t, t.testdir({}), { pairings: PAIRINGS, seconds: SECONDS });
  for (const line of liveTable(rows)) t.comment(line);
  for (const { player, format, route, watchedMs } of rows) {
    t.ok(watchedMs >= SECONDS * 1_000, `${player} plays ${format}, ${route}`);
  }
  t.strictSame(worseThanDirectly(rows, TOLERANCE), []);
});
