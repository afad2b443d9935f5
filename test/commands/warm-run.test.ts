/** What `warm` promises of a run; what it makes of playlists and manifests is in warm.test.ts. */
import t from 'tap';
import { warm, type WarmPlan, type WarmResult } from '../../src/commands/warm-run.js';
import { OriginServer } from '../support/origin-server.js';

const ALL = Number.POSITIVE_INFINITY;
const MAX_PLAYLIST = 4 * 2 ** 20;

function media(...uris: readonly string[]): { body: string } {
  const segments = uris.map((uri) => `#EXTINF:4,\n${uri}\n`).join('');
  return { body: `#EXTM3U\n#EXT-X-TARGETDURATION:4\n${segments}#EXT-X-ENDLIST\n` };
}

function master(...uris: readonly string[]): { body: string } {
  const variants = uris.map((uri) => `#EXT-X-STREAM-INF:BANDWIDTH=1\n${uri}\n`).join('');
  return { body: `#EXTM3U\n${variants}` };
}

function run(url: string, more: Partial<WarmPlan> = {}): Promise<WarmResult> {
  const plan = { url, first: ALL, concurrency: 2, timeoutMs: 5_000, onProgress: () => undefined };
  return warm({ ...plan, ...more });
}

t.test('warm() counts objects, bytes and hits of what it fetched whole', async (t) => {
  const origin = await OriginServer.start(t);
  const list = media('a.ts', 'b.ts', 'c.ts');
  origin.on('/a.m3u8', list);
  const status = (value: string): Record<string, string> => ({ 'Cache-Status': value });
  origin.on('/a.ts', { fields: status('headgate; hit; ttl=3'), body: '12345' });
  origin.on('/b.ts', { fields: status('headgate; fwd=uri-miss; stored; detail=hit'), body: '123' });
  const result = await run(`${origin.url}/a.m3u8`);
  t.match(result, { objects: 3, bytes: list.body.length + 8, hits: 1, skipped: 0 });
  t.strictSame(result.failures, [`${origin.url}/c.ts: status 404`]);
});

t.test('warm() fetches nothing twice, however it is written', async (t) => {
  const origin = await OriginServer.start(t);
  origin.on('/v/m.m3u8', master('1.m3u8', './1.m3u8', '/v/2.m3u8', 'm.m3u8'));
  origin.on('/v/1.m3u8', media('a.ts', 'x/../a.ts', 'a.ts#t=1', `${origin.url}/v/a.ts`));
  origin.on('/v/2.m3u8', media('a.ts', 'a.ts?b'));
  origin.on('/v/a.ts', { body: 'x' });
  const { objects, failures } = await run(`${origin.url}/v/m.m3u8`);
  t.strictSame(failures, []);
  const asked = origin.requests.map(({ target }) => target);
  t.strictSame(asked.toSorted(), ['/v/1.m3u8', '/v/2.m3u8', '/v/a.ts', '/v/a.ts?b', '/v/m.m3u8']);
  t.equal(objects, 5);
});

t.test('warm() resolves what a playlist names against where it was redirected to', async (t) => {
  const origin = await OriginServer.start(t);
  origin.on('/now.m3u8', { status: 302, fields: { Location: '/day/7/a.m3u8' } });
  origin.on('/day/7/a.m3u8', media('s.ts'));
  origin.on('/day/7/s.ts', { body: 'x' });
  const { objects, failures } = await run(`${origin.url}/now.m3u8`);
  t.strictSame([objects, failures], [2, []]);
});

t.test('warm() skips what is on other hosts, or no address at all', async (t) => {
  const origin = await OriginServer.start(t);
  const { port } = new URL(origin.url);
  const others = ['http://elsewhere.example/a.ts', `https://127.0.0.1:${port}/a.ts`];
  others.push(`http://localhost:${port}/a.ts`, 'data:video/mp2t,x', 'http://[', '//elsewhere/a.ts');
  origin.on('/a.m3u8', media(...others));
  const result = await run(`${origin.url}/a.m3u8`);
  t.match(result, { objects: 1, skipped: others.length });
  t.strictSame(result.failures, []);
  t.equal(origin.requests.length, 1);
});

t.test('warm() is not led away from the gateway', async (t) => {
  const [origin, other] = [await OriginServer.start(t), await OriginServer.start(t)];
  const away = (path: string): object => ({ status: 302, fields: { Location: other.url + path } });
  origin.on('/top.m3u8', away('/m.m3u8'));
  origin.on('/m.m3u8', master('1.m3u8', '2.m3u8'));
  origin.on('/1.m3u8', media('a.ts', 'b.ts'));
  origin.on('/2.m3u8', away('/1.m3u8'));
  origin.on('/a.ts', away('/a.ts'));
  origin.on('/b.ts', { body: 'x' });
  const { objects, failures } = await run(`${origin.url}/m.m3u8`);
  t.equal(objects, 3);
  t.strictSame(failures.map((failure) => failure.replaceAll(origin.url, '')).toSorted(), [
    `/2.m3u8: redirected away from the gateway, to ${other.url}/1.m3u8`,
    `/a.ts: redirected away from the gateway, to ${other.url}/a.ts`,
  ]);
  const top = { code: 'GW_WARM_FAILED', message: /redirected away/ };
  await t.rejects(run(`${origin.url}/top.m3u8`), top);
  t.equal(other.requests.length, 0, 'nobody else is asked');
});

t.test('warm() follows some redirections, and no ring of them', async (t) => {
  const origin = await OriginServer.start(t);
  origin.on('/a.m3u8', media('far.ts', 'ring.ts', 'nowhere.ts'));
  for (const [i, status] of [301, 302, 303, 307, 308].entries()) {
    const [at, to] = [i === 0 ? '/far.ts' : `/${i}.ts`, `/${i + 1}.ts`];
    origin.on(at, { status, fields: { Location: to } });
  }
  origin.on('/5.ts', { body: 'x' });
  origin.on('/ring.ts', { status: 302, fields: { Location: 'ring.ts' } });
  origin.on('/nowhere.ts', { status: 302 });
  const { objects, failures } = await run(`${origin.url}/a.m3u8`);
  t.equal(objects, 2);
  t.strictSame(failures.map((failure) => failure.replace(`${origin.url}/`, '')).toSorted(), [
    'nowhere.ts: status 302',
    'ring.ts: more than 5 redirections',
  ]);
});

t.test('warm() counts hits of the last cache, which is the one that it asks', async (t) => {
  const origin = await OriginServer.start(t);
  const rows = [
    ['cdn; hit, headgate; fwd=uri-miss; stored', false],
    ['cdn; fwd=miss, headgate; hit; ttl=3', true],
    ['headgate;hit', true],
    ['headgate; hit=?0', false],
    ['headgate; detail="; hit"', false],
    ['headgate; hit,', false],
    ['', false],
  ] as const;
  for (const [i, [status]] of rows.entries()) {
    origin.on(`/${i}.m3u8`, { fields: { 'Cache-Status': status }, ...media() });
  }
  for (const [i, [status, hit]] of rows.entries()) {
    t.equal((await run(`${origin.url}/${i}.m3u8`)).hits, hit ? 1 : 0, status);
  }
});

t.test('warm() shows no password, and sends none', async (t) => {
  const origin = await OriginServer.start(t);
  const secret = origin.url.replace('//', '//user:s3cret@');
  origin.on('/a.m3u8', media(`${secret}/a.ts`, 'b.ts'));
  origin.on('/b.ts', { status: 302, fields: { Location: `${secret}/c.ts` } });
  const result = await run(`${origin.url}/a.m3u8`);
  t.match(result, { objects: 1, skipped: 1, failures: [/b\.ts: redirected/] });
  t.notMatch(JSON.stringify(result), 's3cret');
});

t.test('warm() tells its progress after each object, to the last', async (t) => {
  const origin = await OriginServer.start(t);
  origin.on('/m.m3u8', master('1.m3u8', '2.m3u8', 'none.m3u8'));
  origin.on('/1.m3u8', media('a.ts', 'b.ts'));
  origin.on('/2.m3u8', media('c.ts', 'none.ts'));
  for (const name of ['a', 'b', 'c']) origin.on(`/${name}.ts`, { body: 'x' });
  const told: [number, number][] = [];
  const onProgress = (done: number, total: number): void => void told.push([done, total]);
  const { failures } = await run(`${origin.url}/m.m3u8`, { onProgress });
  t.equal(failures.length, 2, 'failures are progress, too');
  t.strictSame(
    told.map(([done]) => done),
    [1, 2, 3, 4, 5, 6, 7],
  );
  t.ok(told.every(([done, total]) => done <= total));
  t.strictSame(told.at(-1), [7, 7]);
});

t.test('warm() holds a playlist of 4 MiB and no larger one; segments have any size', async (t) => {
  const origin = await OriginServer.start(t);
  const large = (bytes: number): { body: string } => {
    const { body } = media('s.ts');
    const comment = `#${'x'.repeat(1_000)}\n`;
    const lines = comment.repeat(Math.floor((bytes - body.length) / comment.length));
    const whole = body + lines;
    return { body: whole + ' '.repeat(bytes - whole.length) };
  };
  origin.on('/m.m3u8', master('fits.m3u8', 'larger.m3u8'));
  origin.on('/fits.m3u8', large(MAX_PLAYLIST));
  origin.on('/larger.m3u8', large(MAX_PLAYLIST + 1));
  origin.on('/s.ts', { body: Buffer.alloc(MAX_PLAYLIST + 1) });
  const { objects, failures } = await run(`${origin.url}/m.m3u8`);
  t.strictSame(failures, [`${origin.url}/larger.m3u8: more than ${MAX_PLAYLIST} bytes`]);
  t.equal(objects, 3);
});

t.test('warm() gives each object its own time, body included', async (t) => {
  const origin = await OriginServer.start(t);
  origin.on('/a.m3u8', media('slow.ts', 'good.ts'));
  origin.on('/good.ts', { body: 'x' });
  const held = origin.hold('/slow.ts');
  const running = run(`${origin.url}/a.m3u8`, { timeoutMs: 300 });
  const { response } = await held;
  response.writeHead(200, { 'Content-Length': 10 }).write('begun');
  const { objects, failures } = await running;
  t.equal(objects, 2);
  t.equal(failures.length, 1);
  t.match(failures[0], /slow\.ts: .*timeout/);
});

// Without it the garbage collector would let go of them, in some 8 s.
t.test('warm() lets go of answers that it does not want', { timeout: 4_000 }, async (t) => {
  const origin = await OriginServer.start(t);
  origin.on('/a.m3u8', media('endless.ts'));
  const held = origin.hold('/endless.ts');
  const running = run(`${origin.url}/a.m3u8`, { timeoutMs: 60_000 });
  const { response } = await held;
  const closed = new Promise((resolve) => response.once('close', resolve));
  response.writeHead(404).write('and it goes on');
  t.strictSame((await running).failures, [`${origin.url}/endless.ts: status 404`]);
  await closed;
});

t.test('warm() says why a playlist could not be had, down to the socket', async (t) => {
  const origin = await OriginServer.start(t);
  origin.on('/gone.m3u8', { status: 410 });
  origin.on('/part.m3u8', { status: 206, ...media('a.ts') });
  origin.on('/page.m3u8', { body: '<html></html>' });
  const rows = [
    [`${origin.url}/gone.m3u8`, /gone\.m3u8: status 410$/],
    [`${origin.url}/part.m3u8`, /status 206$/],
    [`${origin.url}/page.m3u8`, /page\.m3u8: not a DASH manifest: /],
    ['http://127.0.0.1:1/', /ECONNREFUSED|bad port/],
  ] as const;
  for (const [url, message] of rows) {
    await t.rejects(run(url), { code: 'GW_WARM_FAILED', message });
  }
});

t.test('warm() has as many requests under way as it may, and no more', async (t) => {
  const origin = await OriginServer.start(t);
  const names = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}.ts`);
  origin.on('/a.m3u8', media(...names));
  const held = names.map((name) => origin.hold(`/${name}`));
  const running = run(`${origin.url}/a.m3u8`, { concurrency: 3 });
  await Promise.all(held.slice(0, 3));
  await (await fetch(`${origin.url}/behind-them`)).text(); // whoever was sent with them has come, too
  for (const [i, one] of held.entries()) {
    t.equal(origin.requests.length, 2 + Math.min(names.length, 3 + i), 'one ends, one begins');
    (await one).response.end('x');
    await held[3 + i];
  }
  t.equal((await running).objects, 6);
});
