import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { startAdmin, type AdminOptions, type RunningAdmin } from '../../src/control/admin.js';
import { ERRORS, GatewayError } from '../../src/errors.js';
import { createLogger } from '../../src/telemetry/log.js';
import { FakeControl } from '../support/fake-control.js';

const TOKEN = 'correct-horse-battery';
const log = createLogger({ level: 'silent', name: 'test' });

async function start(
  t: Test,
  options: Partial<AdminOptions> = {},
): Promise<{ admin: RunningAdmin; control: FakeControl }> {
  const control = new FakeControl();
  const listen = { host: '127.0.0.1', port: 0 };
  const admin = await startAdmin({ listen, token: '', maxUrl: 8_192, control, log, ...options });
  t.teardown(() => admin.close());
  return { admin, control };
}

/** fetch() forbids Host and Origin, so this one asks by hand. */
async function ask(
  url: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string },
): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  const request = httpRequest(url, { method, headers });
  request.end(body);
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

const JSON_TYPE = { 'content-type': 'application/json' };

t.test('/livez is 200 in every phase, /readyz only while new viewers are welcome', async (t) => {
  const { admin, control } = await start(t);
  const rows = [
    ['starting', 'starting', 503, 'not yet'],
    ['ready', 'up', 200, 'serving'],
    ['ready', 'restarting', 503, 'ready, but no worker is up'],
    ['ready', 'hung', 503, 'some of its new viewers would not be answered'],
    ['draining', 'up', 503, 'on the way out'],
    ['stopped', 'up', 503, 'gone'],
  ] as const;
  for (const [phase, worker, want, why] of rows) {
    control.phase = phase;
    control.workerState = worker;
    t.equal((await ask(`${admin.url}/readyz`, {})).status, want, why);
    t.equal((await ask(`${admin.url}/livez`, {})).status, 200, why);
  }
});

t.test('/status gives the state of the gateway as JSON', async (t) => {
  const { admin, control } = await start(t);
  const { headers, text } = await ask(`${admin.url}/status`, {});
  t.match(headers, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  t.strictSame(JSON.parse(text), control.state());
});

t.test('POST /purge hands the order over and answers with the number purged', async (t) => {
  const { admin, control } = await start(t);
  const orders = [
    [
      { scope: 'exact', path: '/a' },
      { scope: 'exact', path: '/a', soft: false },
    ],
    [
      { scope: 'prefix', path: '/', soft: true },
      { scope: 'prefix', path: '/', soft: true },
    ],
    [{ scope: 'all' }, { scope: 'all', path: '', soft: false }],
    [
      { scope: 'all', host: 'a.example' },
      { scope: 'all', path: '', soft: false, host: 'a.example' },
    ],
  ];
  for (const [sent] of orders) {
    const options = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(sent) };
    const { status, text } = await ask(`${admin.url}/purge`, options);
    t.equal(status, 200);
    t.strictSame(JSON.parse(text), { purged: 7 });
  }
  t.strictSame(
    control.orders,
    orders.map(([, wanted]) => wanted),
  );
});

t.test('what is wrong with a request is answered with a problem and its code', async (t) => {
  const { admin, control } = await start(t);
  const large = JSON.stringify({ scope: 'exact', path: `/${'a'.repeat(60_000)}` });
  const rows = [
    ['GET', '/nope', {}, '', 'GW_NOT_FOUND', 'no such page'],
    ['GET', '/purge', {}, '', 'GW_METHOD_NOT_ALLOWED', 'purge by GET'],
    ['DELETE', '/livez', {}, '', 'GW_METHOD_NOT_ALLOWED', 'unknown method'],
    ['POST', '/purge', {}, '{"scope":"all"}', 'GW_ADMIN_BAD_REQUEST', 'no content type'],
    [
      'POST',
      '/purge',
      { 'content-type': 'text/plain' },
      '{"scope":"all"}',
      'GW_ADMIN_BAD_REQUEST',
      'a type that forms can send',
    ],
    ['POST', '/purge', JSON_TYPE, '{', 'GW_ADMIN_BAD_REQUEST', 'not JSON'],
    ['POST', '/purge', JSON_TYPE, '{}', 'GW_ADMIN_BAD_REQUEST', 'no scope'],
    ['POST', '/purge', JSON_TYPE, '{"scope":"exact"}', 'GW_ADMIN_BAD_REQUEST', 'no path'],
    [
      'POST',
      '/purge',
      JSON_TYPE,
      '{"scope":"exact","path":"a"}',
      'GW_ADMIN_BAD_REQUEST',
      'no slash',
    ],
    [
      'POST',
      '/purge',
      JSON_TYPE,
      '{"scope":"all","path":"/a"}',
      'GW_ADMIN_BAD_REQUEST',
      'all of what?',
    ],
    [
      'POST',
      '/purge',
      JSON_TYPE,
      '{"scope":"all","soft":1}',
      'GW_ADMIN_BAD_REQUEST',
      'soft is a switch',
    ],
    [
      'POST',
      '/purge',
      JSON_TYPE,
      '{"scope":"all","hard":true}',
      'GW_ADMIN_BAD_REQUEST',
      'unknown key',
    ],
    ['POST', '/purge', JSON_TYPE, large, 'GW_BODY_TOO_LARGE', 'more than a purge can need'],
  ] as const;
  for (const [method, path, headers, body, code, why] of rows) {
    const reply = await ask(`${admin.url}${path}`, { method, headers: { ...headers }, body });
    t.equal(reply.status, ERRORS[code].status, why);
    t.equal(reply.headers['content-type'], 'application/problem+json', why);
    t.match(JSON.parse(reply.text), { code, status: reply.status }, why);
  }
  t.strictSame(control.orders, [], 'none of them purged');
});

t.test(
  'a purge that fails is answered with its code, one that breaks without its detail',
  async (t) => {
    const { admin, control } = await start(t);
    const options = { method: 'POST', headers: JSON_TYPE, body: '{"scope":"all"}' };
    control.purgeResult = () => Promise.reject(new GatewayError('GW_SHUTTING_DOWN', 'bye'));
    t.match(JSON.parse((await ask(`${admin.url}/purge`, options)).text), {
      code: 'GW_SHUTTING_DOWN',
    });
    control.purgeResult = () => Promise.reject(new Error('/secret/path'));
    const broken = await ask(`${admin.url}/purge`, options);
    t.equal(broken.status, 500);
    t.notMatch(broken.text, 'secret');
  },
);

t.test('HEAD is answered like GET without a body', async (t) => {
  const { admin } = await start(t);
  const { status, headers, text } = await ask(`${admin.url}/livez`, { method: 'HEAD' });
  t.equal(status, 200);
  t.equal(headers['content-length'], '3');
  t.equal(text, '');
});

t.test('with a token only health answers those who do not have it', async (t) => {
  const { admin, control } = await start(t, { token: TOKEN });
  const rows = [
    [undefined, 401, 'none'],
    [`Bearer ${TOKEN}`, 200, 'the token'],
    [`bearer ${TOKEN}`, 200, 'the scheme in lower case'],
    [`Bearer ${TOKEN}x`, 401, 'one character more'],
    [`Bearer ${TOKEN.slice(0, -1)}`, 401, 'one character less'],
    ['Bearer ', 401, 'empty'],
    [`Basic ${TOKEN}`, 401, 'another scheme'],
    [TOKEN, 401, 'no scheme'],
  ] as const;
  for (const [authorization, want, why] of rows) {
    const headers = authorization === undefined ? {} : { authorization };
    for (const path of ['/metrics', '/status']) {
      const reply = await ask(`${admin.url}${path}`, { headers });
      t.equal(reply.status, want, `${path}: ${why}`);
      t.equal(reply.headers['www-authenticate'], want === 401 ? 'Bearer' : undefined, why);
    }
    const purge = {
      method: 'POST',
      headers: { ...JSON_TYPE, ...headers },
      body: '{"scope":"all"}',
    };
    t.equal((await ask(`${admin.url}/purge`, purge)).status, want, `/purge: ${why}`);
  }
  t.equal(control.orders.length, 2, 'only those with the token purged');
  t.equal((await ask(`${admin.url}/nope`, {})).status, 401, 'unknown paths are not told apart');
  t.equal((await ask(`${admin.url}/livez`, {})).status, 200);
  t.equal((await ask(`${admin.url}/readyz`, {})).status, 200);
});

t.test('without a token, browsers on other sites are kept out', async (t) => {
  const { admin, control } = await start(t);
  const { host } = new URL(admin.url);
  const rows = [
    [{ host }, 200, 'a tool on this machine'],
    [{ host: 'localhost:9090' }, 200, 'by name'],
    [{ host: '[::1]:9090' }, 200, 'by IPv6 address'],
    [{ host: 'evil.example' }, 403, 'a name that was rebound to loopback'],
    [{ host: 'localhost.evil.example:9090' }, 403, 'a name that only begins like ours'],
    [{ host: '127.0.0.1.evil.example' }, 403, 'a name that looks like an address'],
    [{ host, origin: `http://${host}` }, 200, 'our own page'],
    [{ host, origin: 'http://evil.example' }, 403, 'another site'],
    [{ host, origin: 'null' }, 403, 'a sandboxed frame'],
    [{ host, 'sec-fetch-site': 'cross-site' }, 403, 'another site, by fetch metadata'],
    [{ host, 'sec-fetch-site': 'same-site' }, 403, 'another port of the site'],
    [{ host, 'sec-fetch-site': 'none' }, 200, 'typed by the user'],
  ] as const;
  for (const [headers, want, why] of rows) {
    const purge = {
      method: 'POST',
      headers: { ...JSON_TYPE, ...headers },
      body: '{"scope":"all"}',
    };
    t.equal((await ask(`${admin.url}/purge`, purge)).status, want, why);
    t.equal((await ask(`${admin.url}/metrics`, { headers: { ...headers } })).status, want, why);
  }
  t.equal(control.orders.length, rows.filter(([, want]) => want === 200).length);
});

t.test('with a token any Host will do, but other sites stay out', async (t) => {
  const { admin } = await start(t, { token: TOKEN });
  const authorization = `Bearer ${TOKEN}`;
  const named = { authorization, host: 'node7.internal:9090' };
  t.equal((await ask(`${admin.url}/metrics`, { headers: named })).status, 200);
  const crossed = { ...named, origin: 'http://evil.example' };
  t.equal((await ask(`${admin.url}/metrics`, { headers: crossed })).status, 403);
});

t.test('startAdmin() refuses an open port without a token, and a port that is taken', async (t) => {
  const common = { control: new FakeControl(), log, maxUrl: 8_192 };
  const open = { ...common, listen: { host: '0.0.0.0', port: 0 }, token: '' };
  await t.rejects(startAdmin(open), { code: 'GW_CONFIG_INVALID' });
  const { admin } = await start(t);
  const port = Number(new URL(admin.url).port);
  const taken = { ...common, listen: { host: '127.0.0.1', port }, token: '' };
  await t.rejects(startAdmin(taken), { code: 'GW_PORT_IN_USE' });
  const foreign = { ...common, listen: { host: '192.0.2.1', port: 0 }, token: TOKEN };
  await t.rejects(startAdmin(foreign), { code: 'GW_CONFIG_INVALID' });
});

t.test('close() ends although a client holds its connection open', async (t) => {
  const { admin } = await start(t);
  const socket = connect(Number(new URL(admin.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST /purge HTTP/1.1\r\nHost: localhost\r\n'); // and no more
  const ended = once(socket, 'close');
  socket.resume();
  await admin.close();
  await ended;
});

t.test('health answers within 200 ms behind any number of idle and slow connections', async (t) => {
  const { admin } = await start(t);
  const port = Number(new URL(admin.url).port);
  const crowd = (count: number, first: string): Socket[] =>
    Array.from({ length: count }, () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined); // it makes room
      if (first !== '') socket.write(first);
      return socket;
    });
  const idle = crowd(300, '');
  const slow = crowd(300, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
  t.teardown(() => {
    for (const socket of [...idle, ...slow]) socket.destroy();
  });
  await Promise.all([...idle, ...slow].map((socket) => once(socket, 'connect')));
  for (const path of ['/livez', '/readyz', '/metrics', '/livez']) {
    const startMs = performance.now();
    t.equal((await ask(admin.url + path, {})).status, 200, path);
    const tookMs = performance.now() - startMs;
    t.ok(tookMs < 200, `${path} after ${tookMs} ms`);
    slow.push(...crowd(100, 'GET /'));
  }
});
