/** What goes on when something breaks while a viewer watches: the origin, or a worker. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { packageRoot } from '../../native/package-root.js';
import { openBrowser } from '../support/browser.js';
import { FAULTY_CLI, type Gateway, startGateway, workersOf } from '../support/gateway.js';
import { type Nginx, startNginx } from '../support/nginx.js';
import { servePlayerPages, type PlayReport } from '../support/player-pages.js';
import { RawClient } from '../support/raw-client.js';

const ROOT = packageRoot();
const SAMPLE = fileURLToPath(new URL('../../src/web/sample/', import.meta.url));
const SAMPLE_SECONDS = 14;
/** The player holds no more than a segment or two ahead, so that it needs the gateway to the end. */
const BUFFER_SECONDS = 3;
const PLAY_MS = 150_000;
const POLL_MS = 50;

t.setTimeout(240_000);

t.test('the origin dies while a viewer watches', async (t) => {
  const nginx = await startOrigin(t);
  // Playlists expire while they are played: stale ones must do.
  const gateway = await startGateway(t, {
    args: [nginx.url, '--set', 'cache.ttl.playlist=1s', '--set', 'cache.staleWhileRevalidate=0s'],
  });
  await warm(`${gateway.url}/master.m3u8`);
  const page = await startPlayer(t, gateway);
  await playedTo(page, 2);
  await nginx.stop();

  await t.test('what is not cached gets a short answer that says when to come back', async (t) => {
    const startMs = performance.now();
    const response = await fetch(`${gateway.url}/absent/360p-1.m4s`);
    const body = await response.text();
    const tookMs = performance.now() - startMs;
    t.ok(response.status === 502 || response.status === 504, `status ${response.status}`);
    t.match(response.headers.get('content-type'), /^text\/plain/);
    t.match(response.headers.get('retry-after'), /^[1-9]\d?$/);
    t.match(body, /^GW_/, 'with its code');
    t.ok(body.length < 200, `${body.length} bytes`);
    t.ok(tookMs < 5_000, `after ${tookMs} ms`);
  });

  await t.test('what is cached plays on to its end, and for who comes now', async (t) => {
    const late = await startPlayer(t, gateway);
    for (const report of await Promise.all([page, late].map(playToEnd))) checkPlay(t, report);
    const playlist = await fetch(`${gateway.url}/master.m3u8`);
    await playlist.text();
    t.equal(playlist.status, 200);
    t.match(playlist.headers.get('cache-status'), /origin-error/, 'stale, and it says why');
  });
});

t.test('an origin that comes back is used again, and the player plays on', async (t) => {
  const nginx = await startOrigin(t);
  const gateway = await startGateway(t, { args: [nginx.url, '--set', 'prefetch.enabled=false'] });
  const page = await startPlayer(t, gateway);
  await playedTo(page, 1);
  const refused = page.waitForResponse((response) => response.status() >= 500);
  await nginx.stop();
  await refused;
  await startOrigin(t, nginx.port);
  const backMs = performance.now();
  const report = await playToEnd(page);
  t.equal(report.ended, true, `ended at ${report.currentTime} s`);
  const other = report.errors.filter(
    (error) => !/^(frag|level)LoadError, status 50[234]$/.test(error),
  );
  t.strictSame(other, [], 'the player was told of the failure and nothing else');
  t.comment(`the end was reached ${performance.now() - backMs} ms after the origin was back`);
});

/** It takes 2 s of one core, most of it to load its modules; another test has the other core. */
const BACK_WITHIN_MS = 4_000;

t.test('both workers crash, one after the other, and the viewer does not see it', async (t) => {
  const nginx = await startOrigin(t);
  const gateway = await startGateway(t, { args: [nginx.url], entry: FAULTY_CLI });
  const page = await startPlayer(t, gateway);
  await playedTo(page, 2);
  for (const { index } of await workersOf(gateway)) {
    const tookMs = await crash(gateway, index);
    t.ok(tookMs < BACK_WITHIN_MS, `worker ${index} was back after ${tookMs} ms`);
  }
  const { currentTime } = await reportOf(page);
  t.ok(currentTime < SAMPLE_SECONDS / 2 + BUFFER_SECONDS, `and much was still to come`);
  const report = await playToEnd(page);
  t.equal(report.ended, true, `ended at ${report.currentTime} s`);
  t.equal(report.stalls, 0, 'never stopped for lack of media');
  t.comment('what the player noticed:', report.errors);
  t.strictSame(
    report.errors.filter((error) => error.includes('fatal')),
    [],
  );
});

async function startOrigin(t: Test, port?: number): Promise<Nginx> {
  const nginx = await startNginx({ root: SAMPLE, ...(port === undefined ? {} : { port }) });
  t.teardown(() => nginx.stop());
  return nginx;
}

/** By the command line, as an operator would. */
async function warm(url: string): Promise<void> {
  await promisify(execFile)(process.execPath, ['dist/src/cli.js', 'warm', url], { cwd: ROOT });
}

async function startPlayer(t: Test, gateway: Gateway): Promise<Page> {
  const pages = await servePlayerPages();
  t.teardown(pages.close);
  const browser = await openBrowser();
  t.teardown(browser.close);
  await browser.page.goto(pages.pageFor('hls', `${gateway.url}/master.m3u8`, BUFFER_SECONDS));
  return browser.page;
}

function reportOf(page: Page): Promise<PlayReport> {
  return page.evaluate<PlayReport>('window.report()');
}

async function playedTo(page: Page, seconds: number): Promise<void> {
  const reached = `window.report().currentTime >= ${seconds}`;
  await page.waitForFunction(reached, undefined, { timeout: PLAY_MS });
}

async function playToEnd(page: Page): Promise<PlayReport> {
  const over = `(() => {
    const { ended, errors } = window.report();
    return ended || errors.some((error) => error.includes('fatal'));
  })()`;
  await page.waitForFunction(over, undefined, { timeout: PLAY_MS });
  return reportOf(page);
}

function checkPlay(t: Test, report: PlayReport): void {
  t.strictSame(report.errors, []);
  t.equal(report.ended, true, `ended at ${report.currentTime} s`);
  t.equal(report.stalls, 0, 'never stopped for lack of media');
  t.ok(Math.abs(report.duration - SAMPLE_SECONDS) < 0.1, `${report.duration} s long`);
}

/** Breaks that worker; resolves with the ms until another is up in its place. */
async function crash(gateway: Gateway, index: number): Promise<number> {
  const client = await connectionTo(gateway, index);
  const startMs = performance.now();
  client.send('GET /fault/timer HTTP/1.1\r\nHost: test\r\n\r\n');
  for (;;) {
    const worker = (await workersOf(gateway)).find((one) => one.index === index);
    if (worker?.state === 'up' && worker.restarts > 0) return performance.now() - startMs;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS)); // its admin port pushes nothing
  }
}

/** The kernel chooses the worker of a connection, so it takes a few. */
async function connectionTo(gateway: Gateway, index: number): Promise<RawClient> {
  for (;;) {
    const client = await RawClient.open(gateway.port);
    const { fields } = await client.get('/which?');
    if (fields.get('x-worker') === String(index)) return client;
    client.close();
  }
}
