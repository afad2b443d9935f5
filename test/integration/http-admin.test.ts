/** The admin port and the commands that use it, as an operator has them: real processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { packageRoot } from '../../native/package-root.js';
import { metricsOf } from '../support/gateway.js';
import { freePort } from '../support/ports.js';
import { outcome, ownStatus, startProxied, text } from '../support/proxied.js';

const ROOT = packageRoot();
const { origin, gateway, get } = await startProxied(t);
const ADMIN = ['--admin', new URL(gateway.adminUrl).host];

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function headgate(...args: string[]): Promise<Run> {
  const child = spawn(process.execPath, ['dist/src/cli.js', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

async function fill(...paths: string[]): Promise<void> {
  for (const path of paths) {
    const at = path.split('?', 1)[0] ?? '';
    origin.on(at, ({ headers }) => {
      const fields = { 'Cache-Control': 'max-age=600, stale-while-revalidate=0', ETag: '"1"' };
      return headers['if-none-match'] === '"1"' ? { status: 304, fields } : { fields, body: at };
    });
    await get(path);
    t.equal(outcome(await get(path)), 'hit', `${path} is kept`);
  }
}

t.test('/livez and /readyz say so', async (t) => {
  for (const path of ['/livez', '/readyz']) {
    const response = await fetch(`${gateway.adminUrl}${path}`);
    t.equal(response.status, 200);
    t.equal(await response.text(), 'ok\n');
  }
});

t.test('headgate purge forgets one object, a prefix or all, on every worker', async (t) => {
  await fill('/a/1', '/a/2', '/b/1', '/b/1?v=2');
  const exact = await headgate('purge', '/a/1', ...ADMIN);
  t.equal(exact.code, 0, exact.stderr);
  t.equal(exact.stdout, 'purged 1 object\n');
  for (let i = 0; i < 6; i += 1) {
    const answer = await get('/a/1');
    t.equal(outcome(answer), i === 0 ? 'uri-miss' : 'hit', `request ${i} behind it`);
  }
  t.equal(outcome(await get('/a/2')), 'hit', 'others stay');
  const prefix = await headgate('purge', '/a/', '--prefix', ...ADMIN);
  t.equal(prefix.stdout, 'purged 2 objects\n');
  t.equal(outcome(await get('/a/2')), 'uri-miss');
  t.equal(outcome(await get('/b/1')), 'hit');
  const query = await headgate('purge', `${gateway.url}/b/1?v=2`, ...ADMIN);
  t.equal(query.stdout, 'purged 1 object\n', 'a URL with its query');
  t.equal(outcome(await get('/b/1')), 'hit', 'not the one without');
  const all = await headgate('purge', '--all', ...ADMIN);
  t.equal(all.code, 0);
  t.match(all.stdout, /^purged \d+ objects\n$/);
  for (const path of ['/a/1', '/a/2', '/b/1']) t.equal(outcome(await get(path)), 'uri-miss', path);
  const none = await headgate('purge', '/never', ...ADMIN);
  t.equal(none.code, 0, 'nothing to purge is no failure');
  t.equal(none.stdout, 'purged 0 objects\n');
});

t.test('headgate purge --soft: what it names is validated, not fetched', async (t) => {
  await fill('/soft/1', '/soft/2');
  const soft = await headgate('purge', '/soft/', '--prefix', '--soft', ...ADMIN);
  t.equal(soft.stdout, 'purged 2 objects\n');
  const answer = await get('/soft/1');
  t.match(ownStatus(answer), /^fwd=stale; fwd-status=304/);
  t.equal(text(answer), '/soft/1');
});

t.test('a purge that reaches a fill under way keeps nothing of it', async (t) => {
  const path = '/under-way.m4s';
  const asked = origin.hold(path);
  const first = get(path);
  const { response } = await asked;
  response.writeHead(200, { 'Content-Length': 6 }).write('old');
  const purged = await headgate('purge', path, ...ADMIN);
  t.equal(purged.code, 0);
  origin.on(path, { body: 'new' });
  t.equal(text(await get(path)), 'new', 'who asks behind it gets what is there now');
  response.end('er\n');
  t.equal(text(await first), 'older\n', 'who asked before it gets what was');
  t.equal(text(await get(path)), 'new');
});

t.test('headgate purge where hosts are cached apart: of one host, or of all', async (t) => {
  const { gateway, origin, get } = await startProxied(t, ['--set', 'key.host=true']);
  const admin = ['--admin', new URL(gateway.adminUrl).host];
  const lineOf = (host: string): string[] => [`Host: ${host}`];
  const hosts = ['a.tv', 'b.tv', 'c.tv'];
  const held = async (): Promise<string[]> => {
    const states = await Promise.all(
      hosts.map(async (host) => outcome(await get('/v/1.m4s', lineOf(host)))),
    );
    return hosts.filter((_, i) => states[i] === 'hit');
  };
  origin.on('/v/1.m4s', { fields: { 'Cache-Control': 'max-age=600' }, body: 'x' });
  const rows = [
    [['/v/1.m4s', '--host', 'B.tv'], 1, ['a.tv', 'c.tv']],
    [['http://c.tv/v/1.m4s'], 1, ['a.tv', 'b.tv']],
    [['/v/', '--prefix', '--host', 'a.tv'], 1, ['b.tv', 'c.tv']],
    [['--all', '--host', 'a.tv'], 1, ['b.tv', 'c.tv']],
    [['--all', '--host', 'a'], 0, hosts],
    [['/v/1.m4s'], 3, []],
    [['/v/', '--prefix'], 3, []],
    [['--all'], 3, []],
  ] as const;
  for (const [args, purged, left] of rows) {
    await held();
    t.strictSame(await held(), hosts);
    const { stdout } = await headgate('purge', ...args, ...admin);
    t.equal(stdout, `purged ${purged} ${purged === 1 ? 'object' : 'objects'}\n`, args.join(' '));
    t.strictSame(await held(), left, args.join(' '));
  }
  const shared = await headgate('purge', '--all', '--host', 'a.tv', ...ADMIN);
  t.equal(shared.code, 1);
  t.match(shared.stderr, /GW_ADMIN_BAD_REQUEST: host: hosts share what is cached/);
});

t.test('headgate purge says what is wrong, with an exit code', async (t) => {
  const port = await freePort();
  const absent = await headgate('purge', '/x', '--admin', `127.0.0.1:${port}`);
  t.equal(absent.code, 1);
  t.match(absent.stderr, /GW_ADMIN_UNREACHABLE/);
  for (const args of [['purge'], ['purge', 'x'], ['purge', '/x', '--all'], ['purge', '--what']]) {
    const wrong = await headgate(...args, ...ADMIN);
    t.equal(wrong.code, 2, args.join(' '));
    t.not(wrong.stderr, '');
    t.equal(wrong.stdout, '');
  }
});

t.test('headgate warm brings a playlist with all that it names into the cache', async (t) => {
  const media = (name: string): string =>
    '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI="init.mp4"\n' +
    [0, 1, 2].map((i) => `#EXTINF:4,\n${name}${i}.m4s\n`).join('') +
    '#EXT-X-ENDLIST\n';
  origin.on('/show/main.m3u8', {
    body: '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/index.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nhigh/index.m3u8\n',
  });
  const segments: string[] = [];
  for (const folder of ['low', 'high']) {
    origin.on(`/show/${folder}/index.m3u8`, { body: media('s') });
    for (const name of ['init.mp4', 's0.m4s', 's1.m4s', 's2.m4s']) {
      segments.push(`/show/${folder}/${name}`);
      origin.on(`/show/${folder}/${name}`, { body: name });
    }
  }
  const warm = await headgate('warm', `${gateway.url}/show/main.m3u8`);
  t.equal(warm.code, 0, warm.stderr);
  t.match(warm.stdout, /^fetched 11 objects, /);
  for (const path of segments) {
    t.equal(outcome(await get(path)), 'hit', path);
    t.equal(origin.count(path), 1);
  }
  const again = await headgate('warm', `${gateway.url}/show/main.m3u8`);
  t.match(again.stdout, /: 11 were cached already, 0 failed/);
  origin.on('/show/high/index.m3u8', { body: media('gone') });
  t.equal((await headgate('purge', '/show/high/index.m3u8', ...ADMIN)).code, 0);
  const partly = await headgate('warm', `${gateway.url}/show/main.m3u8`);
  t.equal(partly.code, 1, 'missing segments are a failure');
  t.match(partly.stderr, /GW_WARM_FAILED/);
  const none = await headgate('warm', `${gateway.url}/show/none.m3u8`);
  t.equal(none.code, 1);
});

t.test('metrics count what happens, and name neither paths nor viewers', async (t) => {
  const path = '/counted/secret-name.m4s';
  origin.on(path, { body: 'counted' });
  const before = await metricsOf(gateway);
  await get(path);
  for (let i = 0; i < 5; i += 1) await get(path);
  await get(path, ['Range: bytes=0-1']);
  await get(path, ['If-None-Match: *']);
  await get('/counted/none');
  await get('/counted/%00');
  const after = await metricsOf(gateway);
  const grown = (name: string): number => after(name) - before(name);
  t.equal(grown('requests_total'), 10);
  t.equal(grown('hits_total'), 7, 'five whole ones, a part and a 304');
  t.equal(grown('misses_total'), 2);
  t.equal(grown('ranges_total'), 1);
  t.equal(grown('origin_requests_total'), 2);
  t.equal(grown('client_errors_total'), 2);
  t.ok(grown('sent_bytes_total') >= 6 * 7 + 2);
  const body = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  t.notMatch(body, /counted|secret/);
  const ours = body.split('\n').filter((line) => line.startsWith('headgate_'));
  t.ok(ours.length > 50);
  for (const line of ours)
    t.match(line, /^headgate_\w+(?:\{(?:worker="\d"|le="[^"]+"|,)+\})? \S+$/);
});
