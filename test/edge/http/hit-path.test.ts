import t, { type Test } from 'tap';
import { EARLIER, newAnswerWriter, newHeadReader } from '../../../native/addon.js';
import { loadUws } from '../../../native/uws.js';
import { HitPath } from '../../../src/edge/http/hit-path.js';
import { ASKING_FIELDS } from '../../../src/edge/http/request/client-request.js';
import { Responder } from '../../../src/edge/http/answer/responder.js';
import type { FieldLines } from '../../../src/http/fields.js';
import type { Descriptor } from '../../../src/protocol/descriptor.js';
import { hitLead } from '../../../src/rules/cache-status.js';
import { CLIENT_DATA } from '../../../src/http/target.js';
import { EdgeBench, type EdgeSettings } from '../../support/edge-bench.js';
import { type RawAnswer, RawClient, rawGet } from '../../support/raw-client.js';
import { until } from '../../support/shard.js';

const heads = newHeadReader(ASKING_FIELDS, CLIENT_DATA);
const addon = heads === undefined ? 'there is no addon' : false;
const hitTest = (title: string, run: (t: Test) => Promise<void>): unknown =>
  t.test(title, { skip: addon }, run);
const LIST: FieldLines = [['content-type', 'application/vnd.apple.mpegurl']];
/** A playlist then takes more than its fields as they lie. */
const CODED: EdgeSettings = { compression: { enabled: true, minSize: 100 } };
const TEXT = '#EXTM3U\n'.repeat(200);

/** A hit path alone behind a port: what it does not answer is 418. */
class HitBench extends EdgeBench {
  readonly adopted: Responder[] = [];
  port = 0;

  /** `byCalls`: no answer is written in one call. */
  static open(t: Test, settings: EdgeSettings = {}, byCalls = false): HitBench {
    const bench = new HitBench(t, settings);
    const { banks } = bench.context.arena.pool;
    const answers = newAnswerWriter(hitLead('headgate'), banks, false);
    if (heads === undefined || answers === undefined) throw new Error('there is no addon');
    const hits = new HitPath(bench.context, { heads, answers }, (response) => {
      const { guard } = bench.context;
      const responder = new Responder(response, { nowMs: 0, guard });
      bench.adopted.push(responder);
      return responder;
    });
    const uws = loadUws();
    const app = uws.App();
    app.get('/*', (response, request) => {
      const earlier = answers.begin(response);
      if (!hits.serve(response, request, byCalls ? EARLIER.unknown : earlier))
        response.writeStatus('418').end('more thought');
    });
    app.listen('127.0.0.1', 0, (socket) => {
      if (socket) bench.port = uws.us_socket_local_port(socket);
    });
    t.teardown(() => app.close());
    return bench;
  }

  get(target: string, lines: readonly string[] = []): Promise<RawAnswer> {
    return rawGet(this.port, target, lines);
  }

  guards({ slot }: Descriptor): boolean {
    return this.context.arena.pins.isGuarded(slot, slot + 1);
  }
}

hitTest('HitPath answers from the directory, with nothing but one write', async (t) => {
  const bench = HitBench.open(t);
  const dated: FieldLines = [
    ['date', 'Sat, 21 Nov 2026 00:00:00 GMT'],
    ['etag', '"v1"'],
  ];
  const object = await bench.store('/1.m4s', 'the body', dated);
  bench.storage.nowMs += 10_500;
  const { status, fields, body } = await bench.get('/1.m4s');
  t.equal(status, 200);
  t.equal(body.toString(), 'the body');
  t.equal(fields.get('cache-status'), 'headgate; hit; ttl=49');
  t.equal(fields.get('age'), '10');
  t.equal(fields.get('etag'), '"v1"');
  t.equal(fields.get('content-type'), 'video/iso.segment');
  t.equal(fields.get('content-length'), '8');
  t.equal(fields.get('date'), 'Sat, 21 Nov 2026 00:00:00 GMT', "the origin's");
  const want = { requests: 1, hits: 1, nearHits: 1, bytesSent: 8, misses: 0 };
  t.match(bench.counters, want);
  t.notOk(bench.guards(object));
  t.equal((await bench.get('/2.m4s')).status, 418);
  t.match(bench.counters, want, 'what is not answered is not counted');
});

hitTest("an answer in one call says what uWS's own calls say", async (t) => {
  const benches = [HitBench.open(t), HitBench.open(t, {}, true)] as const;
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1');
  const room = 14 * 1_024; // and what is larger takes calls anyway
  const bodies = ['', 'x', bytes, 'y'.repeat(10_000), 'z'.repeat(room - 400), 'z'.repeat(room)];
  const lives = ['max-age=5', 'max-age=100000', 'max-age=2147483648', 'max-age=1, immutable'];
  const dates = ['Sat, 21 Nov 2026 00:00:00 GMT', 'Fri, 20 Nov 2026 23:59:59 GMT'];
  let compared = 0;
  for (const [i, body] of bodies.entries()) {
    for (const [j, life] of lives.entries()) {
      const key = `/${i}/${j}.m4s`;
      const fields: FieldLines = [
        ['cache-control', life],
        ['date', dates[(i + j) % 2] ?? ''],
        ['x-long', 'v'.repeat(i * j * 10)],
      ];
      for (const bench of benches) await bench.put(key, body, fields);
      for (const laterMs of [0, 999, 1_001]) {
        for (const bench of benches) bench.storage.nowMs += laterMs;
        const [one, other] = await Promise.all(benches.map((bench) => bench.get(key)));
        t.equal(one?.status, other?.status, `${key} ${laterMs} ms later`);
        if (one?.status !== 200) continue;
        compared += 1;
        t.same([...one.fields].toSorted(), [...(other?.fields ?? [])].toSorted());
        t.ok(one.body.equals(other?.body ?? Buffer.alloc(0)), 'the same bytes');
      }
    }
  }
  t.ok(compared > 30, String(compared));
});

hitTest('several answers in one call each go out whole, and in turn', async (t) => {
  const bench = HitBench.open(t);
  const bodies = [7_000, 1, 13_000, 500].map((bytes, i) => String(i).repeat(bytes));
  for (const [i, body] of bodies.entries()) await bench.store(`/${i}.m4s`, body);
  const client = await RawClient.open(bench.port);
  const asked = bodies.map((_, i) => `GET /${i}.m4s HTTP/1.1\r\nHost: test\r\n\r\n`);
  for (let round = 0; round < 5; round += 1) {
    for (const one of asked) client.send(one);
    for (const body of bodies) t.equal((await client.answer()).body.toString(), body);
  }
  client.close();
  t.equal(bench.counters.hits, 5 * bodies.length);
});

hitTest('whoever asks for more than the object is not answered', async (t) => {
  const bench = HitBench.open(t, CODED);
  const object = await bench.store('/1.m4s', 'the body');
  const list = await bench.store('/1.m3u8', TEXT, LIST);
  const rows = [
    ['Range: bytes=0-1', 418],
    ['If-None-Match: "x"', 418],
    ['Cache-Control: no-cache', 418],
    ['Pragma: no-cache', 418],
    ['Content-Length: 0', 418],
    ['Connection: close', 418],
    ['Host: a b', 418],
    ['X-Name: caf\xe9', 418],
    ['Cookie: a=b', 200],
    ['X-Name: cafe', 200],
    ['Connection: keep-alive', 200],
  ] as const;
  for (const [line, status] of rows) {
    for (const target of ['/1.m4s', '/1.m3u8']) {
      t.equal((await bench.get(target, [line])).status, status, `${target} ${line}`);
    }
  }
  const two = await bench.get('/1.m4s', ['Host: a', 'Host: b']);
  t.not(two.status, 200, 'two hosts');
  t.notOk(bench.guards(object));
  t.notOk(bench.guards(list));
});

hitTest('what is stale, other, or has gone is not answered', async (t) => {
  const bench = HitBench.open(t, CODED);
  await bench.put('/1.m4s', 'the body', [['cache-control', 'max-age=2, stale-while-revalidate=9']]);
  await bench.store('/1.m3u8', TEXT, [...LIST, ['cache-control', 'max-age=2']]);
  await bench.put('/asks', 'x', [['cache-control', 'max-age=9, no-cache']]);
  await bench.put('/varies', 'x', [['vary', 'accept-language']]);
  await bench.put('/large', 'x'.repeat(70_000));
  const statuses = async (...targets: string[]): Promise<number[]> => {
    const answers = await Promise.all(targets.map((target) => bench.get(target)));
    return answers.map(({ status }) => status);
  };
  t.same(await statuses('/asks', '/varies', '/large'), [418, 418, 418]);
  bench.storage.nowMs += 1_999;
  t.same(await statuses('/1.m4s', '/1.m3u8'), [200, 200], 'the last moment');
  bench.storage.nowMs += 1;
  t.same(await statuses('/1.m4s', '/1.m3u8'), [418, 418]);
  for (const key of ['/2.m4s', '/2.m3u8']) {
    await bench.store(key, 'x');
    t.same(await statuses(key), [200], key);
    bench.storage.shard.receive({ kind: 'invalidate', id: 1, shard: 0, key, validator: '' }, 0);
    t.same(await statuses(key), [418], `${key} was forgotten`);
  }
});

hitTest('the exact clock decides when little of a lifetime is left', async (t) => {
  const bench = HitBench.open(t);
  const storedMs = bench.storage.nowMs;
  Object.assign(bench.context.clock, { coarse: () => storedMs });
  await bench.store('/1.m4s', 'x', [['cache-control', 'max-age=1']]);
  await bench.store('/2.m4s', 'x', [['cache-control', 'max-age=9']]);
  bench.storage.nowMs += 1_000;
  t.equal((await bench.get('/1.m4s')).status, 418);
  t.equal((await bench.get('/2.m4s')).status, 200);
});

hitTest('a target leads to what its normal form is stored as', async (t) => {
  const bench = HitBench.open(t, { limits: { url: 60 } });
  await bench.store('/v/1.m4s', 'plain');
  await bench.store('/v/1.m4s?a=1&b=2', 'query');
  const rows = [
    ['/v/1.m4s?', 'plain'],
    ['/v/1.m4s?CMCD=x', 'plain'],
    ['/v/1.m4s?b=2&CMCD=x&a=1', 'query'],
    ['/v/1.m4s?a=1', 'more thought'],
    ['/v/../v/1.m4s', 'more thought'],
    ['/v/%31.m4s', 'more thought'],
    [`/v/1.m4s?CMCD=${'x'.repeat(46)}`, 'plain'],
    [`/v/1.m4s?CMCD=${'x'.repeat(47)}`, 'more thought'],
    ['/v/1.m4s?a=1\xff', 'more thought'],
  ] as const;
  for (const [target, body] of rows) {
    t.equal((await bench.get(target)).body.toString(), body, target);
  }
});

hitTest('each host gets its own where hosts are apart', async (t) => {
  const bench = HitBench.open(t, { key: { host: true } });
  const { key } = bench.request('GET', '/1.m4s');
  await bench.store(key, "the test's");
  await bench.store(`${key}?a=1&b=2`, 'with a query');
  t.equal((await bench.get('/1.m4s?b=2&a=1')).body.toString(), 'with a query');
  t.equal((await bench.get('/1.m4s')).body.toString(), "the test's");
  t.equal((await bench.get('/1.m4s', ['Host: TEST:80'])).status, 200, 'in normal form');
  for (const host of ['other', 'test:81', '-']) {
    t.equal((await bench.get('/1.m4s', [`Host: ${host}`])).status, 418, host);
  }
});

hitTest('what is for the anonymous alone is not for who says who he is', async (t) => {
  const unruled: FieldLines = [
    ['content-type', 'text/x-notes'],
    ['cache-control', 'no-transform'], // and nothing of a lifetime
    ['last-modified', 'Tue, 21 Nov 2006 00:00:00 GMT'],
  ];
  for (const credentials of ['send', 'drop'] as const) {
    const bench = HitBench.open(t, { credentials });
    const { freshness } = await bench.store('/1.m4s', 'x', unruled);
    t.ok(freshness.anonymousOnly);
    t.equal((await bench.get('/1.m4s')).status, 200);
    for (const line of ['Cookie: a=b', 'Authorization: Bearer x', 'X-Api-Key: k']) {
      const want = credentials === 'send' ? 418 : 200;
      t.equal((await bench.get('/1.m4s', [line])).status, want, `${credentials} ${line}`);
    }
    t.equal((await bench.get('/1.m4s', ['Cookie:'])).status, 200, 'an empty one names nobody');
    const behind = ['Authorization:', 'Authorization: Bearer x'];
    const want = credentials === 'send' ? 418 : 200;
    t.equal(
      (await bench.get('/1.m4s', behind)).status,
      want,
      `${credentials}, behind an empty one`,
    );
  }
});

hitTest('a coding that is not there is asked for once, and what is there is sent', async (t) => {
  const bench = HitBench.open(t, {
    compression: { enabled: true, minSize: 100 },
  });
  await bench.store('/1.m3u8', TEXT, LIST);
  const accept = ['Accept-Encoding: gzip'];
  for (let i = 0; i < 2; i += 1) {
    const { body, fields } = await bench.get('/1.m3u8', accept);
    t.equal(body.toString(), TEXT);
    t.equal(fields.get('vary'), 'Accept-Encoding');
  }
  t.match(
    bench.sent.filter(({ kind }) => kind === 'encode'),
    [{ coding: 'gzip' }],
  );
  t.equal(bench.counters.hits, 2);
});

hitTest('a body that the kernel does not take goes on under a lease', async (t) => {
  for (const [key, fields] of [
    ['/1.m4s', []],
    ['/1.m3u8', LIST],
  ] as const) {
    const bench = HitBench.open(t, CODED);
    const body = 'the quick brown fox '.repeat(3_000);
    const object = await bench.store(key, body, fields);
    const client = await RawClient.open(bench.port);
    const asked = `GET ${key} HTTP/1.1\r\nHost: test\r\n\r\n`;
    while (bench.adopted.length === 0) {
      const before = bench.counters.requests;
      client.send(asked);
      await until(() => bench.counters.requests > before);
    }
    t.equal(bench.context.arena.leases(object.slot), 1);
    t.notOk(bench.guards(object));
    for (let left = bench.counters.requests; left > 0; left -= 1) {
      const answer = await client.answer();
      if (answer.body.toString() !== body) t.fail(`${answer.bytes} bytes`);
    }
    t.equal(bench.context.arena.leases(object.slot), 0);
    t.ok(bench.adopted[0]?.gone);
    client.close();
  }
});

hitTest('a hit whose client leaves is counted and logged as far as it went', async (t) => {
  const bench = HitBench.open(t, { access: 1 });
  const body = 'the quick brown fox '.repeat(3_000);
  await bench.store('/1.m4s', body);
  const client = await RawClient.open(bench.port);
  while (bench.adopted.length === 0) {
    const before = bench.counters.requests;
    client.send('GET /1.m4s HTTP/1.1\r\nHost: test\r\n\r\n');
    await until(() => bench.counters.requests > before);
  }
  const { requests } = bench.counters;
  t.equal(bench.counters.aborted, 0);
  t.equal(bench.logged.length, requests - 1, 'of what is under way nothing is known');
  client.reset();
  await until(() => bench.adopted[0]?.gone === true);
  const { bytesSent } = bench.counters;
  t.match(bench.counters, { requests, hits: requests, aborted: 1 });
  t.ok(bytesSent >= (requests - 1) * body.length && bytesSent < requests * body.length);
  const cut = bytesSent - (requests - 1) * body.length;
  t.match(bench.logged.at(-1), { line: { path: '/1.m4s', status: 200, bytes: cut } });
  t.equal(bench.logged.length, requests);
});

hitTest('a share of hits is logged, without what may be secret', async (t) => {
  const bench = HitBench.open(t, { access: 1 });
  await bench.store('/1.m4s', 'the body');
  await bench.get('/1.m4s?CMCD=secret');
  const line = { method: 'GET', path: '/1.m4s', status: 200, bytes: 8 };
  t.match(bench.logged, [{ level: 'info', line: { ...line, cacheStatus: 'headgate; hit' } }]);
});
