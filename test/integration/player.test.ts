/** What a viewer gets: the built gateway, a real browser, the real players, and nginx as origin. */
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openBrowser, type Browser } from '../support/browser.js';
import { startGateway } from '../support/gateway.js';
import { startNginx } from '../support/nginx.js';
import { servePlayerPages, type PlayReport } from '../support/player-pages.js';

const SAMPLE = fileURLToPath(new URL('../../src/web/sample/', import.meta.url));
const SAMPLE_SECONDS = 14;
const PLAY_MS = 150_000; // ten times what it takes: a busy machine decodes slowly

t.setTimeout(300_000); // each play takes its fourteen seconds

interface PageStats extends PlayReport {
  readonly rendition: string;
  readonly cacheStatus: string;
  readonly segments: readonly { name: string; status: number; cacheStatus: string }[];
}

t.test('the page at / plays the sample to its end without a stall', async (t) => {
  const { url } = await startGateway(t);
  const { page, faults } = await browserFor(t);
  await page.goto(url);
  const first = await playToEnd<PageStats>(page, 'headgatePlayer.stats()');
  checkPlay(t, first);
  t.match(first.rendition, /^\d+p, /);
  t.ok(first.segments.length >= SAMPLE_SECONDS, 'seven segments of video and of audio');
  t.strictSame([...new Set(first.segments.map(({ status }) => status))], [200]);
  t.match(first.cacheStatus, /^\w+;/, 'the gateway says what its cache did');
  t.strictSame(faults, []);

  await t.test('and from the cache when it is loaded again', async (t) => {
    await page.click('#again');
    const second = await playToEnd<PageStats>(page, 'headgatePlayer.stats()');
    checkPlay(t, second);
    const seen = new Set(first.segments.map(({ name }) => name));
    const again = second.segments.filter(({ name }) => seen.has(name));
    t.ok(again.length >= SAMPLE_SECONDS / 2, 'the audio at least is the same');
    for (const { name, cacheStatus } of again) t.match(cacheStatus, /; *hit/, name);
  });
});

t.test('the page at / says in plain words that a stream is missing', async (t) => {
  const { url } = await startGateway(t);
  const { page } = await browserFor(t);
  await page.goto(`${url}/?src=/sample/missing.m3u8`);
  const alert = page.locator('[role=alert]');
  await alert.waitFor();
  t.equal(await alert.textContent(), 'The playlist /sample/missing.m3u8 was not found (404).');
});

t.test('dash.js plays the manifest over the same segments, from another origin', async (t) => {
  const { url } = await startGateway(t);
  await playCrossOrigin(t, 'dash', `${url}/sample/manifest.mpd`);
});

t.test('hls.js plays the sample through the gateway in front of nginx', async (t) => {
  const nginx = await startNginx({ root: SAMPLE });
  t.teardown(() => nginx.stop());
  const { url } = await startGateway(t, { args: [nginx.url] });
  await playCrossOrigin(t, 'hls', `${url}/master.m3u8`);
});

async function playCrossOrigin(t: Test, player: 'hls' | 'dash', source: string): Promise<void> {
  const pages = await servePlayerPages();
  t.teardown(pages.close);
  const { page, faults } = await browserFor(t);
  await page.goto(pages.pageFor(player, source));
  checkPlay(t, await playToEnd<PlayReport>(page, 'report()'));
  t.strictSame(faults, []);
}

function checkPlay(t: Test, report: PlayReport): void {
  t.strictSame(report.errors, []);
  t.equal(report.ended, true, 'came to its end');
  t.ok(report.duration - report.currentTime < 0.1, `which is at ${report.currentTime} s`);
  t.equal(report.stalls, 0, 'never stopped for lack of media');
  t.ok(Math.abs(report.duration - SAMPLE_SECONDS) < 0.1, `${report.duration} s long`);
}

/** What the page reports when it has ended or given up. */
async function playToEnd<Report>(page: Page, report: string): Promise<Report> {
  const done = `(() => { const r = window.${report}; return r.ended || r.errors.length > 0 ? r : false; })()`;
  const handle = await page.waitForFunction(done, undefined, { timeout: PLAY_MS });
  return (await handle.jsonValue()) as Report;
}

async function browserFor(t: Test): Promise<Browser> {
  const browser = await openBrowser();
  t.teardown(browser.close);
  return browser;
}
