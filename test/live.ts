/**
 * Question: do players stall, or fall behind the edge, where they would not directly at nginx? Every
 * player and format for 90 s, beside the same one directly. `npm run live -- --seconds 90`; ends with 1
 * when one does worse than directly.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveTable, type Pairing, watchLive, worseThanDirectly } from './support/live-players.js';

const PAIRINGS: readonly Pairing[] = [
  { player: 'hls.js', format: 'HLS TS' },
  { player: 'hls.js', format: 'HLS fMP4' },
  { player: 'hls.js', format: 'HLS one file' },
  { player: 'Shaka', format: 'HLS TS' },
  { player: 'Shaka', format: 'HLS fMP4' },
  { player: 'Shaka', format: 'DASH' },
  { player: 'dash.js', format: 'DASH' },
  { player: 'video.js', format: 'HLS TS' },
  { player: 'video.js', format: 'HLS fMP4' },
  { player: 'video.js', format: 'DASH' },
];

const at = process.argv.indexOf('--seconds');
const seconds = at < 0 ? 90 : Number(process.argv[at + 1]);
const closers: (() => unknown)[] = [];
const scope = { teardown: (close: () => unknown) => closers.push(close) };
const root = await mkdtemp(join(tmpdir(), 'headgate-live-'));
try {
  const rows = await watchLive(scope, root, { pairings: PAIRINGS, seconds });
  for (const line of liveTable(rows)) console.log(line);
  const worse = worseThanDirectly(rows);
  for (const line of worse) console.log(line);
  process.exitCode = worse.length > 0 ? 1 : 0;
} finally {
  for (const close of closers.reverse()) await close();
  await rm(root, { recursive: true, force: true });
}
