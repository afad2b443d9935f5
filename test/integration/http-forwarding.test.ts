/**
 * What of a request the origin hears: all that is keyed, nothing that could shape the answer others
 * get, and of proxies only what we say ourselves. The attacks are those of the literature on web cache
 * poisoning: unkeyed fields and parameters, parameter cloaking, fat GETs, hop-by-hop fields.
 */
import t from 'tap';
import { startGateway } from '../support/gateway.js';
import { outcome, startProxied, text } from '../support/proxied.js';
import { type RawAnswer, RawClient, rawGet } from '../support/raw-client.js';

const { origin, gateway, get } = await startProxied(t);
/** The same origin behind a gateway that its operator has opened. */
const open = await startGateway(t, {
  args: [
    ...[origin.url, '--log-level', 'silent', '--set', 'front.addresses=127.0.0.0/8'],
    ...['--set', 'front.scheme=https', '--set', 'key.sendIgnored=true'],
    ...['--set', 'origin.credentials=drop'],
  ],
});

const KEPT = { 'Cache-Control': 'max-age=60' };

async function post(port: number, path: string, lines: readonly string[]): Promise<RawAnswer> {
  const client = await RawClient.open(port);
  client.send([`POST ${path} HTTP/1.1`, ...lines, 'Content-Length: 0', '', ''].join('\r\n'));
  const answer = await client.answer();
  client.close();
  return answer;
}

/** The fields that the origin was sent, as it answers them. */
function told(answer: RawAnswer): Record<string, string> {
  return JSON.parse(text(answer)) as Record<string, string>;
}

t.test('what is not keyed does not reach the origin in the query', async (t) => {
  const path = '/query/list.json';
  origin.on(path, ({ url }) => ({ fields: KEPT, body: url ?? '' }));
  const rows = [
    '?x=1&utm_content=a;x=EVIL',
    '?x=1&utm_content=a%3Bx=EVIL',
    '?utm_source=%22%3E%3Cscript%3E',
    '?y=2&x=1',
    '?x=%31&CMCD=a;x=EVIL',
  ];
  for (const asked of rows) {
    const seen = text(await get(path + asked));
    t.equal(text(await get(seen)), seen, `${asked}: what was sent is its own key`);
    t.notMatch(text(await get(`${path}?x=1`)), /EVIL/, `${asked}: then the honest one`);
    t.notMatch(text(await get(path)), /script/);
  }
  t.equal(text(await get(`${path}?utm_source=mail&x=1`)), `${path}?x=1`);
  const posted = await post(gateway.port, `${path}?y=2&utm_source=mail&x=1`, ['Host: test']);
  t.equal(text(posted), `${path}?y=2&utm_source=mail&x=1`, 'what nobody shares goes as it came');
  const raw = await rawGet(open.port, `${path}?y=2&utm_source=mail&x=1`);
  t.equal(text(raw), `${path}?y=2&utm_source=mail&x=1`, 'so does all, on order');
});

t.test('a client may not say what only a proxy says', async (t) => {
  const lies = [
    ...['X-Forwarded-Host: evil', 'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: gopher'],
    ...['X-Forwarded-Scheme: nothttps', 'Forwarded: for=evil;host=evil', 'X-Original-URL: /admin'],
    ...['X-Rewrite-URL: /admin', 'X-HTTP-Method-Override: DELETE', 'X-Method-Override: DELETE'],
    ...['X-Real-IP: 192.0.2.1', 'True-Client-IP: 192.0.2.1', 'X-Host: evil', 'Proxy: evil'],
    ...['X_Forwarded_Host: evil', 'X-Middleware-Subrequest: evil', 'Host: tv.example'],
  ];
  const lie = /evil|192\.0\.2\.1|admin|gopher|nothttps|DELETE/;
  for (const [path, fields] of [
    ['/lies/kept', KEPT],
    ['/lies/passed', { 'Cache-Control': 'no-store' }],
  ] as const) {
    origin.on(path, ({ headers }) => ({ fields, body: JSON.stringify(headers) }));
    for (let i = 0; i < 3; i += 1) {
      const heard = told(await get(path, lies));
      t.notMatch(JSON.stringify(heard), lie, path);
      t.match(heard, { host: new URL(origin.url).host, 'x-forwarded-proto': 'http' }, 'ours');
      if (path === '/lies/kept') t.notOk(heard['x-forwarded-for'], 'shared: of nobody');
    }
  }
  const posted = told(await post(gateway.port, '/lies/passed', lies));
  t.notMatch(JSON.stringify(posted), lie);
  const ours = { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'tv.example' };
  t.match(posted, { ...ours, 'x-forwarded-proto': 'http' }, 'who asks, of what is not shared');
});

t.test('a front is believed, if it was named', async (t) => {
  origin.on('/fronted', ({ headers }) => ({ fields: KEPT, body: JSON.stringify(headers) }));
  const lines = ['Host: tv.example', 'X-Forwarded-For: 192.0.2.1'];
  const posted = told(await post(open.port, '/fronted', lines));
  t.match(posted, { 'x-forwarded-for': '192.0.2.1, 127.0.0.1', 'x-forwarded-proto': 'https' });
  const kept = told(await rawGet(open.port, '/fronted', lines));
  t.notOk(kept['x-forwarded-for'], 'but not in what is shared');
  t.equal(kept['x-forwarded-proto'], 'https');
});

t.test('where credentials are dropped everybody is nobody, and shares', async (t) => {
  origin.on('/dropped.json', ({ headers }) => ({
    fields: { 'Content-Type': 'application/json' },
    body: JSON.stringify(headers),
  }));
  const first = await rawGet(open.port, '/dropped.json', ['Cookie: session=alice']);
  t.notMatch(text(first), /alice/);
  t.equal(outcome(await rawGet(open.port, '/dropped.json', ['Cookie: session=bob'])), 'hit');
  const posted = await post(open.port, '/dropped.json', ['Host: test', 'Cookie: session=alice']);
  t.match(text(posted), /alice/, 'but not of what nobody shares');
});

t.test('the Host that is sent is the Host that is keyed', async (t) => {
  const args = [origin.url, '--log-level', 'silent', '--set', 'origin.preserveHost=true'];
  const { port } = await startGateway(t, { args });
  const path = '/host/1.m4s';
  origin.on(path, ({ headers }) => ({ fields: KEPT, body: headers.host ?? '' }));
  const ask = (lines: readonly string[]): Promise<RawAnswer> => rawGet(port, path, lines);
  for (const host of ['a.example', 'A.example:80', 'b.example', 'b.example:81']) {
    const want = host.toLowerCase().replace(/:80$/, '');
    t.equal(text(await ask([`Host: ${host}`])), want, host);
    t.equal(outcome(await ask([`Host: ${host}`])), 'hit');
  }
  t.equal(text(await ask(['Host: c.example', 'Connection: host'])), 'c.example');
  t.equal((await ask(['Host: a.example', 'Host: b.example'])).status, 400, 'nobody knows whose');
  t.equal(origin.count(path), 4, 'once for each, in any spelling');
  origin.on('/', ({ headers, url }) => ({
    fields: KEPT,
    body: `${headers.host ?? ''}${url ?? ''}`,
  }));
  for (const host of ['a.example/host', 'a.example/', '/', 'a@b', 'a b', 'a.example?', 'a:x']) {
    t.equal((await ask([`Host: ${host}`])).status, 400, host);
  }
  t.equal(text(await ask(['Host: a.example'])), 'a.example');
});

t.test('Connection cannot take a cookie from the rules and leave it in the request', async (t) => {
  for (const [i, line] of ['Cookie: session=alice', 'Authorization: Bearer alice'].entries()) {
    const path = `/named-away/${i}.json`;
    origin.on(path, ({ headers }) => ({
      fields: { 'Content-Type': 'application/json' },
      body: headers.cookie ?? headers.authorization ?? 'nobody',
    }));
    const named = `Connection: ${line.split(':', 1)[0] ?? ''}`;
    t.match(text(await get(path, [line, named])), /alice/);
    t.equal(text(await get(path, ['Cookie: session=bob'])), 'session=bob');
    t.equal(text(await get(path)), 'nobody');
  }
});

t.test('what the scripts of one site may read locks out no other site', async (t) => {
  origin.on('/cors/reflected', ({ headers }) => ({
    fields: { ...KEPT, 'Access-Control-Allow-Origin': headers.origin ?? '*' },
  }));
  const allowed = async (lines: readonly string[]): Promise<string | undefined> =>
    (await get('/cors/reflected', lines)).fields.get('access-control-allow-origin');
  for (const site of ['https://evil.example', 'https://tv.example', 'https://evil.example']) {
    t.equal(await allowed([`Origin: ${site}`]), site);
  }
});

t.test('a GET with a body asks for what a GET without one does', async (t) => {
  const body = JSON.stringify([null, null]);
  origin.on('/fat', ({ headers }) => ({
    fields: KEPT,
    body: JSON.stringify([headers['content-type'] ?? null, headers['content-length'] ?? null]),
  }));
  const client = await RawClient.open(gateway.port);
  const lines = ['Host: test', 'Content-Type: text/x', 'Content-Length: 6', '', 'x=EVIL'];
  client.send(['GET /fat HTTP/1.1', ...lines].join('\r\n'));
  const fat = await client.answer();
  client.close();
  if (fat.status === 200) t.equal(text(fat), body, 'neither it nor its type is sent');
  t.equal(text(await get('/fat')), body);
});
