/** Origins that fail: what viewers get, who is asked instead, and when it is asked again. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import { startGateway } from '../support/gateway.js';
import { OriginServer } from '../support/origin-server.js';
import { outcome, ownStatus, startProxied, text } from '../support/proxied.js';
import { freePort } from '../support/ports.js';
import { rawGet, type RawAnswer } from '../support/raw-client.js';

const QUIET = ['--log-level', 'silent', '--set', 'cache.memory=64MiB'];

function isRefusal(answer: RawAnswer, status: number): boolean {
  const { fields, bytes, whole } = answer;
  const plain = fields.get('content-type')?.startsWith('text/plain') === true;
  const soon = Number(fields.get('retry-after'));
  const uncached = fields.get('cache-control') === 'no-store';
  return answer.status === status && plain && uncached && whole && bytes < 200 && soon >= 1;
}

t.test('nobody listens: 502 with a short text, not a dropped connection', async (t) => {
  const port = await freePort();
  const gateway = await startGateway(t, { args: [`http://127.0.0.1:${port}`, ...QUIET] });
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => rawGet(gateway.port, '/seg.m4s')),
  );
  for (const answer of answers) {
    t.ok(isRefusal(answer, 502), `status ${answer.status}`);
    t.match(text(answer), /^GW_ORIGIN_/, 'with a code');
    t.notMatch(text(answer), new RegExp(String(port)), 'and no word of where the origin is');
    t.match(ownStatus(answer), /detail=GW_ORIGIN_/);
  }
});

t.test('every way an origin can fail has its answer', async (t) => {
  const { origin, get } = await startProxied(t, [
    ...['--set', 'origin.headersTimeout=300ms', '--set', 'origin.bodyTimeout=300ms'],
    ...['--set', 'origin.retries=0', '--set', 'origin.breaker.failures=1000'],
  ]);
  origin.on('/silent', () => undefined);
  t.ok(isRefusal(await get('/silent'), 504), 'no head in time');
  origin.on('/gone', (_request, response) => {
    response.destroy();
    return undefined;
  });
  t.ok(isRefusal(await get('/gone'), 502), 'hung up');
  origin.on('/garbage', (_request, response) => {
    response.socket?.end('SSH-2.0-OpenSSH\r\n');
    return undefined;
  });
  t.ok(isRefusal(await get('/garbage'), 502), 'not HTTP');
  origin.on('/stuck.m4s', (_request, response) => {
    response.writeHead(200, { 'Content-Length': 100 }).write('half');
    return undefined;
  });
  const stuck = await get('/stuck.m4s');
  t.notOk(stuck.status === 200 && stuck.whole, 'a body that stops is never whole');
  origin.on('/stuck.m4s', { body: 'well' });
  const again = await get('/stuck.m4s');
  t.ok(isRefusal(again, 504), 'and known to fail for a moment: it is not asked again');
  t.equal(origin.count('/stuck.m4s'), 1);
  t.equal(text(await get('/stuck.m4s', ['X-Other: 1'])), 'well', 'nor kept, nor for others');
  origin.on('/500', { status: 500, body: 'its own words' });
  const passed = await get('/500');
  t.equal(passed.status, 500);
  t.equal(text(passed), 'its own words', 'an answer is an answer');
});

t.test('a crowd that waits for an origin that fails is answered, all of it, once', async (t) => {
  const { origin, get } = await startProxied(t, ['--set', 'origin.retries=0']);
  const asked = origin.hold('/crowd.m4s');
  const waiting = Array.from({ length: 30 }, () => get('/crowd.m4s'));
  (await asked).response.writeHead(503, { 'Content-Type': 'text/plain' }).end('busy');
  for (const answer of await Promise.all(waiting)) {
    t.ok(answer.status >= 500 || answer.status === 404, `status ${answer.status}`);
    t.ok(answer.whole);
  }
});

t.test('the next origin takes over at once, and what is cached goes on', async (t) => {
  const first = await OriginServer.start(t);
  const second = await OriginServer.start(t);
  const gateway = await startGateway(t, {
    args: [first.url, '--origin', second.url, ...QUIET],
  });
  const get = (path: string): Promise<RawAnswer> => rawGet(gateway.port, path);
  first.on('/one.m4s', { body: 'first' });
  second.on('/one.m4s', { body: 'second' });
  t.equal(text(await get('/one.m4s')), 'first', 'in their order');
  t.equal(second.requests.length, 0);
  for (const status of [500, 502, 503]) {
    first.on(`/${status}.m4s`, { status, body: 'broken' });
    second.on(`/${status}.m4s`, { body: 'second' });
    const answer = await get(`/${status}.m4s`);
    t.equal(answer.status, 200);
    t.equal(text(answer), 'second', `instead of ${status}`);
  }
  first.on('/404.m4s', { status: 404, body: 'first has none' });
  second.on('/404.m4s', { body: 'second' });
  t.equal((await get('/404.m4s')).status, 404, '404 is an answer');
  first.on('/hang-up.m4s', (_request, response) => {
    response.destroy();
    return undefined;
  });
  second.on('/hang-up.m4s', { body: 'second' });
  t.equal(text(await get('/hang-up.m4s')), 'second', 'instead of nothing');
  t.equal(text(await get('/one.m4s')), 'first');
});

t.test(
  'one path that fails closes the origin for nobody, and costs a client three requests',
  async (t) => {
    const { origin, get } = await startProxied(t, ['--workers', '0']);
    origin.on('/hang-up.m4s', (_request, response) => {
      response.destroy();
      return undefined;
    });
    origin.on('/short.m4s', (_request, response) => {
      response.writeHead(200, { 'Content-Length': 100, ETag: '"v1"' }).write('half');
      setImmediate(() => response.destroy());
      return undefined;
    });
    for (const path of ['/hang-up.m4s', '/short.m4s']) {
      const failed = await get(path);
      t.notOk(failed.status === 200 && failed.whole);
      t.ok(origin.count(path) <= 3, `${path}: ${origin.count(path)} requests`);
    }
    let asked = 0;
    for (let i = 0; i < 40; i += 1) {
      const before = origin.requests.length;
      t.equal((await get('/hang-up.m4s')).status, 502);
      asked += origin.requests.length - before;
      origin.on(`/other/${i}`, { body: 'well' });
      t.equal((await get(`/other/${i}`)).status, 200, 'the others are served');
    }
    t.ok(asked <= 12, `${asked} requests for forty failures`);
  },
);

t.test('the breaker leaves a failing origin alone, then tries it once', async (t) => {
  const cooldownMs = 1_500;
  const { origin, get } = await startProxied(t, [
    ...['--set', 'origin.breaker.failures=3', '--set', `origin.breaker.cooldown=${cooldownMs}ms`],
    ...['--set', 'origin.retries=0', '--workers', '0'],
  ]);
  let n = 0;
  const fail = async (): Promise<RawAnswer> => {
    n += 1;
    origin.on(`/fail/${n}`, { status: 503, body: 'busy' });
    return get(`/fail/${n}`);
  };
  for (let i = 0; i < 3; i += 1) t.equal((await fail()).status, 503);
  const opened = Date.now();
  const before = origin.requests.length;
  const refused = await fail();
  t.match(text(refused), /^GW_ORIGIN_BREAKER_OPEN/);
  t.ok(isRefusal(refused, 502));
  t.equal(origin.requests.length, before, 'it was not asked');
  origin.on('/well', { body: 'well again' });
  const answers: RawAnswer[] = [];
  while (answers.at(-1)?.status !== 200) {
    answers.push(await get('/well'));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const waited = Date.now() - opened;
  t.ok(waited >= cooldownMs - 50, `tried again after ${waited} ms`);
  t.equal(origin.count('/well'), 1, 'by one probe');
  origin.on('/after', { body: 'closed' });
  t.equal(text(await get('/after')), 'closed', 'and it is closed');
});

t.test(
  'kill the origin: what is cached goes on, what is stale too, then it recovers',
  async (t) => {
    const port = await freePort();
    let server: Server = await listenOn(port);
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    const gateway = await startGateway(t, {
      args: [
        `http://127.0.0.1:${port}`,
        ...QUIET,
        ...['--set', 'origin.breaker.cooldown=200ms', '--set', 'origin.retries=0'],
      ],
    });
    const get = (path: string): Promise<RawAnswer> => rawGet(gateway.port, path);
    for (const path of ['/kept', '/stale']) t.equal(text(await get(path)), path);
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    for (let i = 0; i < 6; i += 1) {
      const kept = await get('/kept');
      t.equal(outcome(kept), 'hit');
      t.equal(text(await get('/stale')), '/stale', 'stale, as the origin fails');
    }
    const lost = await get('/never');
    t.ok(isRefusal(lost, 502));
    server = await listenOn(port);
    let answer = await get('/recovered');
    while (answer.status !== 200) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      answer = await get('/recovered');
    }
    t.equal(text(answer), '/recovered');
  },
);

/** Answers with the path; what has 'stale' in it is stale from the start. */
async function listenOn(port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const stale = request.url === '/stale';
    response.writeHead(200, {
      'Cache-Control': 'max-age=10, stale-while-revalidate=0, stale-if-error=600',
      Age: stale ? '20' : '0',
    });
    response.end(request.url);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.equal((server.address() as AddressInfo).port, port);
  return server;
}
