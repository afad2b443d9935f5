/**
 * Two viewers, one with a session and one with another or none: neither may get what was answered to
 * the other, and no request may shape the answer that others get. The attacks are those of the
 * literature on web cache deception and poisoning.
 */
import type { IncomingMessage } from 'node:http';
import t, { type Test } from 'tap';
import { startGateway, untilMetric } from '../support/gateway.js';
import type { Fields } from '../support/origin-server.js';
import { outcome, ownStatus, startProxied, text } from '../support/proxied.js';
import { type RawAnswer, RawClient, rawGet } from '../support/raw-client.js';

const { origin, gateway, get } = await startProxied(t);

const ALICE = ['Cookie: session=alice'];
const BOB = ['Cookie: session=bob'];
const ROUNDS = 3; // on connections of their own: both workers get some

/** What the origin would say to this person alone. */
function whoAsks({ headers }: IncomingMessage): string {
  return headers.cookie ?? headers.authorization ?? String(headers['x-api-key'] ?? 'nobody');
}

function personal(path: string, fields: Fields = {}): void {
  origin.on(path, (request) => ({ fields, body: `for ${whoAsks(request)}` }));
}

async function eachHisOwn(t: Test, path: string, why: string): Promise<void> {
  const rows = [
    [[], 'nobody'],
    [ALICE, 'session=alice'],
    [BOB, 'session=bob'],
    [['Authorization: Bearer carol'], 'Bearer carol'],
    [['X-Api-Key: dan'], 'dan'],
  ] as const;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [lines, who] of round % 2 === 0 ? rows : rows.toReversed()) {
      t.equal(text(await get(path, lines)), `for ${who}`, `${path}: ${why}`);
    }
  }
}

t.test('what an origin says nothing about is no answer for another person', async (t) => {
  const json = { 'Content-Type': 'application/json' };
  const rows: readonly (readonly [string, Fields, string])[] = [
    ['/me.json', json, 'JSON'],
    ['/me', { 'Content-Type': 'text/html' }, 'a page'],
    ['/me/modified', { ...json, 'Last-Modified': 'Sun, 01 Nov 2026 10:00:00 GMT' }, 'heuristic'],
    ['/me/tagged', { ...json, ETag: '"of-the-url"' }, 'a tag that is the same for all'],
    ['/me/list.m3u8', { 'Content-Type': 'application/vnd.apple.mpegurl' }, 'a playlist'],
    ['/me/list.mpegurl', { 'Content-Type': 'audio/mpegurl' }, 'a playlist called audio'],
    ['/account/x.m4s', { 'Content-Type': 'text/plain' }, 'a media name, a vague type'],
    ['/account/x.mp4', { 'Content-Type': 'application/octet-stream' }, 'another one'],
    ['/account/x.ts', {}, 'a media name, no type'],
    ['/account/x.css', { 'Content-Type': 'text/html' }, 'a style sheet by name'],
    ['/account;x.ts', { 'Content-Type': 'text/plain' }, 'a path parameter'],
    ['/account%3Fx.mp4', { 'Content-Type': 'text/plain' }, 'an escaped question mark'],
    ['/account%23x.mp4', {}, 'an escaped fragment'],
    ['/account/x.key', { 'Content-Type': 'application/octet-stream' }, 'a key'],
    ['/avatar.png', { 'Content-Type': 'image/png' }, 'a picture'],
  ];
  for (const [path, fields, why] of rows) {
    personal(path, fields);
    await eachHisOwn(t, path, why);
  }
});

t.test('nor is what says how long, but not for whom, taken for more than it says', async (t) => {
  const rows = ['private, max-age=60', 'no-store', 'no-cache', 'max-age=0', 'public'];
  for (const [i, control] of rows.entries()) {
    const path = `/rule/${i}.json`;
    personal(path, { 'Cache-Control': control, ETag: '"of-the-url"' });
    if (control === 'public') continue; // to nobody in particular, it is everybody's
    await eachHisOwn(t, path, control);
  }
  await get('/rule/4.json', ALICE);
  t.equal(text(await get('/rule/4.json', BOB)), 'for session=bob', 'for how long, it did not say');
});

t.test('what the origin shares is shared, whoever asked for it first', async (t) => {
  const rows: readonly (readonly [string, Fields, string])[] = [
    ['/shared/max-age', { 'Cache-Control': 'max-age=60' }, 'a lifetime'],
    ['/shared/public', { 'Cache-Control': 'public, max-age=60' }, 'public'],
    ['/shared/s-maxage', { 'Cache-Control': 's-maxage=60' }, 'for shared caches'],
    ['/shared/cdn', { 'CDN-Cache-Control': 'max-age=60' }, 'for such as us'],
  ];
  for (const [path, fields, why] of rows) {
    personal(path, fields);
    await get(path, ALICE);
    for (const lines of [BOB, [], ALICE]) {
      const answer = await get(path, lines);
      t.equal(outcome(answer), 'hit', why);
      t.equal(text(answer), 'for session=alice');
    }
    t.equal(origin.count(path), 1, why);
  }
});

t.test('media that nobody in particular asked for is for all, by its type', async (t) => {
  const path = '/media/1.m4s';
  personal(path, { 'Content-Type': 'video/iso.segment' });
  t.equal(text(await get(path, ALICE)), 'for session=alice');
  t.equal(text(await get(path, BOB)), 'for session=bob', 'a lifetime of ours: not for a cookie');
  await get(path);
  for (const lines of [ALICE, BOB, []]) {
    const answer = await get(path, lines);
    t.equal(outcome(answer), 'hit');
    t.equal(text(answer), 'for nobody');
    t.ok(Number(/ttl=(\d+)/.exec(ownStatus(answer))?.[1]) > 300 * 86_400, 'for a year');
  }
});

t.test('a name that says media is worth a moment, not a year', async (t) => {
  for (const path of ['/named/1.m4s', '/named/1.ts', '/named/k.key', '/named/sub.vtt']) {
    origin.on(path, { fields: { 'Content-Type': 'application/octet-stream' }, body: 'x' });
    await get(path);
    const answer = await get(path);
    t.equal(outcome(answer), 'hit', 'for a crowd');
    t.ok(Number(/ttl=(\d+)/.exec(ownStatus(answer))?.[1]) <= 10, path);
  }
});

t.test('a cookie that is set on the way is nobody else’s', async (t) => {
  const fields = { 'Content-Type': 'video/mp4', 'Set-Cookie': 'session=new' };
  origin.on('/set/1.mp4', { fields, body: 'x' });
  await get('/set/1.mp4');
  t.equal(outcome(await get('/set/1.mp4')), 'uri-miss');
});

t.test('a crowd of many persons gets each his own, at one moment', async (t) => {
  personal('/crowd.json', { 'Content-Type': 'application/json' });
  const held = origin.hold('/crowd.json');
  const asked = Array.from({ length: 12 }, (_, i) =>
    get('/crowd.json', i % 3 === 0 ? [] : [`Cookie: session=${i}`]),
  );
  const { request, response } = await held;
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(`for ${whoAsks(request)}`);
  for (const [i, answer] of (await Promise.all(asked)).entries()) {
    t.equal(text(answer), i % 3 === 0 ? 'for nobody' : `for session=${i}`);
  }
});

t.test('tokens in the query make objects different', async (t) => {
  const path = '/signed/1.m4s';
  origin.on(path, ({ url }) => ({ fields: { 'Content-Type': 'video/mp4' }, body: url ?? '' }));
  const names = ['token', 'access_token', 'Signature', 'Policy', 'hdnts', 'X-Amz-Signature'];
  for (const name of names) {
    await get(`${path}?${name}=mine`);
    for (const query of [`?${name}=yours`, '']) {
      t.equal(text(await get(path + query)), path + query, name);
    }
    t.equal(outcome(await get(`${path}?${name}=mine`)), 'hit');
  }
});

t.test('scripts of any site read what players ask for, and nothing else', async (t) => {
  const read = async (method: string, lines: readonly string[] = []): Promise<RawAnswer> => {
    const client = await RawClient.open(gateway.port);
    const length = method === 'GET' || method === 'HEAD' ? [] : ['Content-Length: 0'];
    client.send(
      [`${method} /cors HTTP/1.1`, 'Host: test', ...length, ...lines, '', ''].join('\r\n'),
    );
    const answer = await client.answer({ method });
    client.close();
    return answer;
  };
  origin.on('/cors', { fields: { 'Cache-Control': 'no-store' }, body: 'x' });
  const rows: readonly (readonly [string, readonly string[], string | undefined])[] = [
    ['GET', [], '*'],
    ['HEAD', [], '*'],
    ['GET', ['Authorization: Bearer x'], '*'],
    ['GET', ALICE, undefined],
    ['POST', [], undefined],
    ['PUT', [], undefined],
    ['DELETE', [], undefined],
    ['OPTIONS', [], undefined],
  ];
  for (const [method, lines, allowed] of rows) {
    const { fields } = await read(method, lines);
    t.equal(fields.get('access-control-allow-origin'), allowed, `${method} ${lines.join()}`);
    if (allowed === undefined) t.notOk(fields.has('timing-allow-origin'), method);
  }
  const preflight = (method: string): Promise<RawAnswer> =>
    read('OPTIONS', ['Origin: https://x.example', `Access-Control-Request-Method: ${method}`]);
  const ours = await preflight('GET');
  t.equal(ours.fields.get('access-control-allow-methods'), 'GET, HEAD', 'no more than is so');
  const before = origin.count('/cors');
  const theirs = await preflight('POST');
  t.equal(origin.count('/cors'), before + 1, 'of other methods the origin is asked');
  t.notOk(theirs.fields.has('access-control-allow-methods'));
});

t.test('files of a directory are everybody’s, whatever he carries', async (t) => {
  const gateway = await startGateway(t, { args: ['--log-level', 'silent'] });
  const { port } = gateway;
  for (const [before, path] of ['/sample/master.m3u8', '/sample/144p-1.m4s', '/'].entries()) {
    await rawGet(port, path, ALICE);
    // She may have all of it before the last look at the file says that it may be kept.
    await untilMetric(gateway, (metric) => metric('cached_responses') > before);
    for (const lines of [BOB, [], ALICE]) {
      t.equal(outcome(await rawGet(port, path, lines)), 'hit', path);
    }
  }
});
