/** A live stream that ffmpeg writes in real time, watched at its edge through the gateway. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openBrowser } from '../support/browser.js';
import { startFfmpeg } from '../support/ffmpeg.js';
import { startGateway } from '../support/gateway.js';
import { startLoggedNginx, type LoggedRequest } from '../support/logged-nginx.js';
import { servePlayerPages, type PlayReport } from '../support/player-pages.js';

const SEGMENT_SECONDS = 2;
/** The player starts three segments back, and one is being written; then it has to load and decode. */
const MAX_BEHIND_SECONDS = 7 * SEGMENT_SECONDS;
/** A sixteenth of a segment is 125 ms; the rest is for what a busy machine takes. */
const USUAL_PLAYLIST_AGE_MS = 300;
const MAX_PLAYLIST_AGE_MS = 3_000;
const POLL_MS = 200;
const PATIENCE_MS = 60_000;

const FORMATS = [
  { name: 'CMAF', seconds: 20, flags: ['-hls_segment_type', 'fmp4'] },
  { name: 'MPEG-TS', seconds: 10, flags: ['-hls_segment_type', 'mpegts'] },
] as const;

t.setTimeout(240_000);

for (const { name, seconds, flags } of FORMATS) {
  t.test(`hls.js plays a live ${name} stream at its edge without a stall`, async (t) => {
    const root = t.testdir({});
    const encoder = startEncoder(t, root, flags);
    const nginx = await startLoggedNginx(t, { root, config: 'types { video/mp2t ts; }' });
    const gateway = await startGateway(t, { args: [nginx.url] });
    const source = `${gateway.url}/live.m3u8`;
    const pages = await servePlayerPages();
    t.teardown(pages.close);
    await untilSegments(root, 4);

    const poller = poll(source, join(root, 'live.m3u8'));
    t.teardown(() => poller.stop());
    const watch = pages.pageFor('hls', source);
    const players = await Promise.all([openPlayer(t, watch), openPlayer(t, watch)]);
    const startMs = Date.now();
    const views = await Promise.all(players.map((page) => playFor(page, seconds)));
    const period = { startMs, endMs: Date.now() };
    const polled = await poller.stop();

    for (const { report, behind } of views) {
      t.strictSame(report.errors, []);
      t.equal(report.stalls, 0, 'never stopped for lack of media');
      const [first = NaN] = behind;
      const most = Math.max(...behind);
      t.ok(most < MAX_BEHIND_SECONDS, `${first}, later at most ${most} s from encoder to screen`);
      t.ok(most < first + 1.5 * SEGMENT_SECONDS, 'it keeps its distance');
    }
    t.strictSame([...polled.statuses], [200], 'the playlist was there for everyone all the time');
    t.ok(polled.longestMs < 2_000, `the slowest answer took ${polled.longestMs} ms`);
    const old = polled.agesMs.filter((age) => age > USUAL_PLAYLIST_AGE_MS).length;
    const { length } = polled.agesMs;
    t.ok(old < length / 10, `${old} of ${length} playlists had been replaced a while before`);
    const oldest = Math.max(...polled.agesMs);
    t.ok(oldest < MAX_PLAYLIST_AGE_MS, `the oldest for ${oldest} ms`);
    checkOrigin(t, await nginx.requests(), period);
    t.equal(encoder.output(), '', 'the encoder was content');
  });
}

/** Each segment once; the playlist a few times around each change. */
function checkOrigin(
  t: Test,
  requests: LoggedRequest[],
  { startMs, endMs }: { startMs: number; endMs: number },
): void {
  const counts = new Map<string, number>();
  for (const { path } of requests) counts.set(path, (counts.get(path) ?? 0) + 1);
  const media = [...counts].filter(([path]) => path !== '/live.m3u8');
  t.ok(
    media.length >= (endMs - startMs) / (SEGMENT_SECONDS * 1_000),
    `${media.length} segments were fetched`,
  );
  const repeated = media.filter(([, count]) => count !== 1);
  t.strictSame(repeated, [], 'no segment was fetched twice');
  const failed = requests.filter(({ status }) => status !== 200 && status !== 304);
  t.strictSame(failed, [], 'nothing was asked for that was not there');

  const refreshes = requests.filter(
    ({ path, ms }) => path === '/live.m3u8' && ms >= startMs && ms < endMs,
  ).length;
  const changes = (endMs - startMs) / (SEGMENT_SECONDS * 1_000);
  const told = `${refreshes} requests for the playlist, ${changes} changes`;
  t.comment(told);
  t.ok(refreshes <= changes * 6 + 2, told);
  t.ok(refreshes >= changes * 1.2, told);
}

function startEncoder(t: Test, root: string, flags: readonly string[]): { output: () => string } {
  return startFfmpeg(t, [
    ...['-re', '-f', 'lavfi', '-i', 'testsrc2=size=256x144:rate=25'],
    ...['-re', '-f', 'lavfi', '-i', 'sine=frequency=220:sample_rate=48000'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-b:v', '300k'],
    ...['-g', String(25 * SEGMENT_SECONDS), '-sc_threshold', '0', '-c:a', 'aac', '-b:a', '64k'],
    ...['-f', 'hls', '-hls_time', String(SEGMENT_SECONDS), '-hls_list_size', '6'],
    ...['-hls_flags', 'delete_segments+independent_segments+program_date_time+temp_file'],
    ...flags,
    join(root, 'live.m3u8'),
  ]);
}

/** Resolves when the playlist names as many. */
async function untilSegments(root: string, count: number): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const text = await readFile(join(root, 'live.m3u8'), 'utf8').catch(() => '');
    if ((text.match(/^#EXTINF/gm)?.length ?? 0) >= count) return;
    if (Date.now() > deadline) throw new Error(`no stream: ${(await readdir(root)).join()}`);
    await pause(POLL_MS);
  }
}

async function openPlayer(t: Test, url: string): Promise<Page> {
  const browser = await openBrowser();
  t.teardown(browser.close);
  await browser.page.goto(url);
  await browser.page.waitForFunction('window.report().currentTime > 0', undefined, {
    timeout: PATIENCE_MS,
  });
  return browser.page;
}

interface View {
  readonly report: PlayReport;
  readonly behind: readonly number[]; // seconds from the encoder to the screen, sampled
}

/** Watches until so many seconds have been played; rejects when that takes far too long. */
async function playFor(page: Page, seconds: number): Promise<View> {
  const watch = `(async () => {
    const { currentTime } = window.report();
    const behind = [];
    while (window.report().currentTime < currentTime + ${seconds}) {
      behind.push((Date.now() - window.hls.playingDate) / 1_000);
      await new Promise((resolve) => setTimeout(resolve, ${POLL_MS}));
    }
    return { report: window.report(), behind };
  })()`;
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => {
      reject(new Error('the player has stopped'));
    }, PATIENCE_MS).unref();
  });
  return Promise.race([page.evaluate<View>(watch), late]);
}

interface Polled {
  readonly statuses: ReadonlySet<number>;
  readonly longestMs: number; // from request to the whole answer
  readonly agesMs: readonly number[]; // since the file was replaced by one that says something else
}

/** A client that asks for the playlist far too often, and compares it with the encoder's `file`. */
function poll(url: string, file: string): { stop: () => Promise<Polled> } {
  const statuses = new Set<number>();
  let longestMs = 0;
  const agesMs: number[] = [];
  let stopped = false;
  const run = async (): Promise<Polled> => {
    while (!stopped) {
      const startMs = performance.now();
      const response = await fetch(url);
      const text = await response.text();
      longestMs = Math.max(longestMs, performance.now() - startMs);
      statuses.add(response.status);
      const { mtimeMs } = await stat(file);
      const same = text === (await readFile(file, 'utf8'));
      agesMs.push(same ? 0 : Date.now() - mtimeMs);
      await pause(POLL_MS);
    }
    return { statuses, longestMs, agesMs };
  };
  const done = run();
  done.catch(() => undefined); // looked at by who stops it
  return {
    stop: () => {
      stopped = true;
      return done;
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
