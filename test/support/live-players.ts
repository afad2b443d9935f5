/**
 * Live streams in the formats that players know, all from one encoder, and the players that watch them
 * beside each other: directly at nginx, at a gateway over the same directory, and at one in front of
 * nginx. What a busy machine does to one of them it does to all.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBrowser } from './browser.js';
import { startFfmpeg } from './ffmpeg.js';
import { startGateway } from './gateway.js';
import { startNginx } from './nginx.js';
import { servePlayerPages } from './player-pages.js';

/** A test, or whoever else closes what it is given. */
interface Scope {
  teardown(close: () => unknown): unknown;
}

export const FORMATS = {
  'HLS TS': 'ts/live.m3u8',
  'HLS fMP4': 'cmaf/live.m3u8',
  'HLS one file': 'one/live.m3u8',
  DASH: 'dash/live.mpd',
} as const;
export type Format = keyof typeof FORMATS;
export type PlayerName = 'hls.js' | 'Shaka' | 'dash.js' | 'video.js';
export type Route = 'directly' | 'directory' | 'upstream';

export interface Pairing {
  readonly player: PlayerName;
  readonly format: Format;
}

/** What one player has been through. */
export interface Watched extends Pairing {
  readonly route: Route;
  readonly errors: readonly string[];
  readonly startStalls: number; // in the first seconds, while it looks for its place
  readonly stalls: number;
  readonly stallMs: number;
  readonly watchedMs: number;
  /** Median, against the same player directly at nginx; NaN for that one, or when one saw nothing. */
  readonly behindS: number;
}

const ROUTES: readonly Route[] = ['directly', 'directory', 'upstream'];
const SEGMENT_S = 2;
const FRAMES_A_SECOND = 10;
/** The frame number comes round after so many. */
const FRAME_NUMBERS = 1_024;
const PATIENCE_MS = 90_000;
/** Pages of another site may read what it answers, as at the gateway. */
const NGINX = `
  types { video/mp2t ts; }
  add_header Access-Control-Allow-Origin * always;
  add_header Access-Control-Allow-Headers Range always;
  add_header Access-Control-Expose-Headers "Date, Content-Range, Content-Length" always;
  if ($request_method = OPTIONS) { return 204; }`;
/**
 * Behind a new segment all players start: who starts by a playlist that lacks it stays that much behind
 * for good, and a gateway has a moment to see it.
 */
const AFTER_SEGMENT_MS = 300;

/** Plays all pairings by all routes for so many seconds. */
export async function watchLive(
  t: Scope,
  root: string,
  { pairings, seconds }: { pairings: readonly Pairing[]; seconds: number },
): Promise<Watched[]> {
  const pages = await servePlayerPages();
  t.teardown(pages.close);
  await startStreams(t, root, pages.clock);
  const nginx = await startNginx({ root, config: NGINX });
  t.teardown(() => nginx.stop());
  const directory = await startGateway(t, { args: [root] });
  const upstream = await startGateway(t, { args: [nginx.url] });
  const urls = { directly: nginx.url, directory: directory.url, upstream: upstream.url };
  const { page, close } = await openBrowser({ viewport: { width: 1_000, height: 600 } });
  t.teardown(close);
  await page.goto(pages.live);
  await page.waitForFunction('window.begin !== undefined');
  const plays = pairings.flatMap((pairing) =>
    ROUTES.map((route) => {
      return { ...pairing, route, source: `${urls[route]}/${FORMATS[pairing.format]}` };
    }),
  );
  await untilSegment(root);
  await page.evaluate(`window.begin(${JSON.stringify(plays)})`);
  await page.waitForFunction('window.allStarted()', undefined, { timeout: PATIENCE_MS });
  await page.waitForTimeout(seconds * 1_000);
  const results = await page.evaluate<Result[]>('window.result()');
  return plays.map(({ player, format, route }, i) => {
    const { frames, ...result } = results[i] ?? NOTHING;
    const direct = results[i - ROUTES.indexOf(route)] ?? NOTHING;
    const behindS = route === 'directly' ? NaN : medianBehind(frames, direct.frames);
    return { player, format, route, ...result, behindS };
  });
}

interface Result extends Pick<
  Watched,
  'errors' | 'startStalls' | 'stalls' | 'stallMs' | 'watchedMs'
> {
  readonly frames: readonly (readonly [seenMs: number, frame: number])[];
}

const NOTHING: Result = {
  ...{ errors: ['no result'], startStalls: 0, stalls: 0, stallMs: 0, watchedMs: 0 },
  frames: [],
};

/** All frames are looked at in the same moments. */
function medianBehind(frames: Result['frames'], direct: Result['frames']): number {
  const there = new Map(direct);
  const behind = frames.flatMap(([seenMs, frame]) => {
    const ahead = there.get(seenMs);
    if (ahead === undefined) return [];
    const frames = (ahead - frame + 1.5 * FRAME_NUMBERS) % FRAME_NUMBERS;
    return [(frames - FRAME_NUMBERS / 2) / FRAMES_A_SECOND];
  });
  behind.sort((a, b) => a - b);
  return behind[Math.floor(behind.length / 2)] ?? NaN;
}

/** As lines for people. */
export function liveTable(rows: readonly Watched[]): string[] {
  const head =
    'player    format        route      at start  stalls  stalled s  behind directly s  watched s';
  return [
    head,
    ...rows.map(({ player, format, route, startStalls, stalls, stallMs, behindS, ...row }) =>
      [
        ...[player.padEnd(9), format.padEnd(13), route.padEnd(10)],
        ...[String(startStalls).padStart(8), String(stalls).padStart(7)],
        ...[(stallMs / 1_000).toFixed(1).padStart(10), behindS.toFixed(1).padStart(18)],
        (row.watchedMs / 1_000).toFixed(0).padStart(10),
        ...row.errors.slice(0, 1).map(firstLine),
      ].join(' '),
    ),
  ];
}

/**
 * The MPD names a clock. By `Date` alone dash.js is up to a second late, by the moment at which it asks:
 * one player of three would start at the edge and run dry, whichever way its MPD came.
 */
async function startStreams(t: Scope, root: string, clock: string): Promise<void> {
  const folders = Object.values(FORMATS).map((path) => join(root, path, '..'));
  await Promise.all(folders.map((folder) => mkdir(folder, { recursive: true })));
  const bars = "lum='if(mod(floor(N/pow(2,floor(X/16))),2),235,16)':cb=128:cr=128";
  const copies = folders.map((_, i) => `[v${i}]`);
  const encoding = [
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-crf', '30'],
    ...['-g', String(FRAMES_A_SECOND * SEGMENT_S), '-sc_threshold', '0', '-bf', '0'],
  ];
  const hls = (folder: string, flags: string, ...more: string[]): string[] => [
    ...['-f', 'hls', '-hls_time', String(SEGMENT_S), '-hls_list_size', '6', ...more],
    ...['-hls_flags', `independent_segments+program_date_time${flags}`],
    join(root, folder, 'live.m3u8'),
  ];
  const outputs = [
    hls('ts', '+delete_segments+temp_file'),
    hls('cmaf', '+delete_segments+temp_file', '-hls_segment_type', 'fmp4'),
    // Of a list that forgets segments ffmpeg does not count on: all stay, as in an event's.
    hls('one', '+single_file', '-hls_list_size', '0'),
    [
      ...['-f', 'dash', '-seg_duration', String(SEGMENT_S), '-window_size', '6'],
      ...['-extra_window_size', '6', '-use_template', '1', '-use_timeline', '1'],
      ...['-utc_timing_url', clock],
      join(root, 'dash', 'live.mpd'),
    ],
  ];
  startFfmpeg(t, [
    ...['-re', '-f', 'lavfi', '-i', `color=c=black:s=160x96:r=${FRAMES_A_SECOND}`],
    ...['-filter_complex', `geq=${bars},split=${copies.length}${copies.join('')}`],
    ...outputs.flatMap((output, i) => ['-map', `[v${i}]`, ...encoding, ...output]),
  ]);
}

/** Resolves a little behind a new segment of a stream that has enough of them to start. */
async function untilSegment(root: string): Promise<void> {
  const file = join(root, FORMATS['HLS TS']);
  const deadlineMs = Date.now() + PATIENCE_MS;
  const read = (): Promise<string> => readFile(file, 'utf8').catch(() => '');
  let before = await read();
  for (;;) {
    const text = await read();
    const segments = text.match(/^#EXTINF/gm)?.length ?? 0;
    if (segments >= 4 && text !== before && before !== '') break;
    if (Date.now() > deadlineMs) throw new Error(`no stream: ${text}`);
    before = text;
    await pause(20);
  }
  await pause(AFTER_SEGMENT_MS);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function firstLine(text: string): string {
  return text.slice(0, 80).split('\n', 1)[0] ?? '';
}

/** How much worse than directly a player may fare. */
export interface Tolerance {
  readonly behindS: number;
  readonly stalls: number;
}

/** Over a minute and more, with nothing else on the machine. */
const STRICT: Tolerance = { behindS: 0.5, stalls: 0 };

/** What the gateway did worse, in words; a direct player that stalls shows what the machine alone does. */
export function worseThanDirectly(rows: readonly Watched[], tolerance = STRICT): string[] {
  const direct = rows.filter(({ route }) => route === 'directly');
  const worst = (of: (row: Watched) => number): number => Math.max(0, ...direct.map(of));
  const worstDirect = worst(({ stalls }) => stalls);
  const worstStart = Math.max(1, ...direct.map(({ startStalls }) => startStalls));
  const worstTotal = worst(({ startStalls, stalls }) => startStalls + stalls);
  return rows.flatMap((row) => {
    const { player, format, route, startStalls, stalls, behindS, errors } = row;
    if (route === 'directly') return [];
    const same = direct.find((one) => one.player === player && one.format === format);
    const who = `${player}, ${format}, ${route}`;
    const faults: string[] = [];
    // On a busy machine what one has as it begins another has a second later.
    const isMore = startStalls + stalls > worstTotal + tolerance.stalls;
    if (isMore && stalls > worstDirect + tolerance.stalls)
      faults.push(`${who}: ${stalls} stalls, directly ${same?.stalls ?? 0}`);
    if (isMore && startStalls > worstStart + tolerance.stalls)
      faults.push(`${who}: ${startStalls} stalls as it began`);
    // At the edge of what is there a difference of a frame is none.
    if (!(behindS <= tolerance.behindS)) {
      faults.push(`${who}: ${behindS.toFixed(1)} s behind directly`);
    }
    if (errors.length > (same?.errors.length ?? 0))
      faults.push(`${who}: ${errors.map(firstLine).join()}`);
    return faults;
  });
}
