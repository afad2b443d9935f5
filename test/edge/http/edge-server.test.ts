import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { addonAbsence } from '../../../native/addon.js';
import { loadUws } from '../../../native/uws.js';
import { Connections } from '../../../src/edge/http/connections.js';
import { EdgeServer } from '../../../src/edge/http/edge-server.js';
import { EdgeBench, type EdgeSettings } from '../../support/edge-bench.js';
import { RawClient, rawExchange, type RawAnswer, rawGet } from '../../support/raw-client.js';
import { until } from '../../support/shard.js';

const addon = addonAbsence() ?? false;
const GET = 'GET /1.m4s HTTP/1.1\r\nHost: test\r\n\r\n';

class ServerBench extends EdgeBench {
  readonly connections: Connections;
  readonly server: EdgeServer;
  port = 0;

  constructor(t: Test, settings: EdgeSettings = {}) {
    super(t, settings);
    const { context } = this;
    this.connections = new Connections(context.config.limits, context.metrics);
    this.server = new EdgeServer({
      context,
      uws: loadUws(),
      connections: this.connections,
    });
    t.teardown(() => {
      this.server.close();
    });
  }

  static async open(t: Test, settings: EdgeSettings = {}): Promise<ServerBench> {
    const bench = new ServerBench(t, settings);
    bench.port = await bench.server.listen('127.0.0.1', 0);
    return bench;
  }

  get(target: string, lines: readonly string[] = []): Promise<RawAnswer> {
    return rawGet(this.port, target, lines);
  }

  /** Asks of shards, oldest first. */
  get asks(): number[] {
    return this.sent.flatMap((one) => (one.kind === 'ask' ? [one.id] : []));
  }

  /** A stop looks at it in each of its rounds, when the listening socket is closed. */
  async untilClockIsReadAgain(): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      await new Promise<void>((resolve) => {
        this.onClock = resolve;
      });
    }
  }

  refuse(id: number): void {
    const retry = {
      detail: 'as the test wants',
      retryAfterS: 1,
      others: 'refused',
    } as const;
    this.context.asks.receive({ kind: 'refused', id, code: 'GW_MAILBOX_FULL', ...retry }, 0);
  }
}

t.test('hits are answered at once, and what is no hit by the exact rules', async (t) => {
  const bench = await ServerBench.open(t);
  await bench.store('/1.m4s', 'the body');
  const plain = await bench.get('/1.m4s');
  t.equal(plain.body.toString(), 'the body');
  t.equal((await bench.get('/1.m4s', ['Range: bytes=4-7'])).body.toString(), 'body');
  const head = await rawGet(bench.port, '/1.m4s', [], { method: 'HEAD' });
  t.equal(head.fields.get('content-length'), '8');
  const missed = bench.get('/2.m4s');
  await until(() => bench.asks.length === 1);
  bench.refuse(bench.asks[0] ?? 0);
  t.equal((await missed).status, 503);
  t.match(bench.counters, {
    requests: 4,
    hits: 3,
    bytesSent: 12 + (await missed).bytes,
  });
  t.match(bench.counters, {
    serverErrors: 1,
    clientErrors: 0,
    aborted: 0,
    handlerFaults: 0,
  });
});

t.test('what is not answered well is counted by whose fault it was', async (t) => {
  const bench = await ServerBench.open(t);
  t.equal((await bench.get('/..', [])).status, 400);
  t.match(bench.counters, {
    requests: 1,
    clientErrors: 1,
    serverErrors: 0,
    aborted: 0,
  });
  const client = await RawClient.open(bench.port);
  client.send(GET);
  await until(() => bench.asks.length === 1);
  client.reset();
  await until(() => bench.counters.aborted === 1);
  t.match(bench.counters, { requests: 2, clientErrors: 1, serverErrors: 0 });
  t.ok(
    bench.sent.some(({ kind }) => kind === 'cancel'),
    'its shard has heard of it',
  );
  await until(() => bench.connections.open === 0);
});

t.test('a fault of ours is told to the client, and harms nobody else', async (t) => {
  const bench = await ServerBench.open(t);
  await bench.store('/1.m4s', 'the body');
  const { lookup } = bench.context;
  const broken = (): never => {
    throw new TypeError('as the test wants');
  };
  Object.assign(lookup, { find: broken });
  const told = await bench.get('/1.m4s', ['Range: bytes=0-0']);
  t.equal(told.status, 500);
  t.match(told.body.toString(), /^GW_INTERNAL: /);
  Reflect.deleteProperty(lookup, 'find');
  Object.assign(lookup, { directoryOf: broken });
  if (addon === false)
    t.equal((await bench.get('/1.m4s')).status, 0, 'on the hit path it is closed');
  Reflect.deleteProperty(lookup, 'directoryOf');
  t.equal((await bench.get('/1.m4s')).status, 200);
  t.equal(bench.counters.handlerFaults, addon === false ? 2 : 1);
  t.match(bench.logged, [{ level: 'error', line: { err: { message: 'as the test wants' } } }]);
});

t.test('a fault behind a whole answer ends nothing', { skip: addon }, async (t) => {
  const bench = await ServerBench.open(t);
  await bench.store('/1.m4s', 'the body');
  const { access } = bench.context;
  Object.assign(access, {
    sampled: () => {
      throw new TypeError('as the test wants');
    },
  });
  const client = await RawClient.open(bench.port);
  t.equal((await client.get('/1.m4s')).body.toString(), 'the body');
  Reflect.deleteProperty(access, 'sampled');
  t.equal((await client.get('/1.m4s')).status, 200, 'on the same connection');
  client.close();
  t.equal(bench.counters.handlerFaults, 1);
  t.match(bench.logged, [{ level: 'error', line: { cut: false } }]);
});

t.test('whoever asks on without reading has the last of his hits cut', async (t) => {
  const bench = await ServerBench.open(t);
  const body = 'x'.repeat(60_000);
  await bench.store('/1.m4s', body);
  const client = await RawClient.open(bench.port);
  await until(() => bench.connections.open === 1);
  while (bench.connections.open > 0) {
    client.send(GET.repeat(4));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { requests, hits, aborted, bytesSent } = bench.counters;
  t.equal(hits, requests);
  t.equal(aborted, 1);
  t.ok(bytesSent > (hits - 1) * body.length && bytesSent < hits * body.length, `${bytesSent}`);
  client.close();
});

t.test('nothing is served behind the last answer of a connection', { skip: addon }, async (t) => {
  const bench = await ServerBench.open(t);
  await bench.store('/1.m4s', 'the body');
  const lasts = [
    'GET /1.m4s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n',
    'GET /1.m4s HTTP/1.1\r\nHost: test\r\nConnection: x, close\r\n\r\n',
    'OPTIONS /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n' +
      'Access-Control-Request-Method: GET\r\n\r\n0\r\n\r\n',
    `PUT /x HTTP/1.1\r\nHost: test\r\nContent-Length: ${2 ** 40 + 1}\r\n\r\n`,
    'GET /1.m4s HTTP/1.1\r\nHost: test\r\nContent-Length: 3, 3\r\n\r\n',
    'GET /1.m4s HTTP/1.1\r\nHost: test\r\n: hides the rest\r\n\r\n',
  ];
  for (const last of lasts) {
    const before = bench.counters.requests;
    const answers = await rawExchange(bench.port, last + GET + GET);
    t.equal(answers.match(/HTTP\/1\.1 \d/g)?.length, 1, last);
    t.match(answers, /\r\nconnection: close\r\n/i, last);
    t.equal(bench.counters.requests, before + 1, last);
  }
  t.equal((await bench.get('/1.m4s')).status, 200, 'a connection in its place is another');
});

t.test('a connection goes on behind what leaves no doubt', async (t) => {
  const bench = await ServerBench.open(t);
  await bench.store('/1.m4s', 'the body');
  const client = await RawClient.open(bench.port);
  t.teardown(() => {
    client.close();
  });
  t.equal((await client.get('/..')).status, 400);
  t.equal((await client.get('/..', [], { method: 'HEAD' })).status, 400);
  t.equal((await client.get('/1.m4s', [], { method: 'TRACE' })).status, 405);
  t.equal((await client.get('/1.m4s')).status, 200);
  t.equal(bench.counters.connectionsOpened, 1);
});

t.test('a client that asks on without reading is cut', { skip: addon }, async (t) => {
  const bench = await ServerBench.open(t);
  await bench.store('/1.m4s', 'x'.repeat(10_000));
  const client = await RawClient.open(bench.port);
  while (!client.isClosed && bench.counters.cutPipelined === 0) {
    client.send(GET.repeat(4));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(bench.counters.cutPipelined, 1);
  await until(() => bench.connections.open === 0);
  t.ok(bench.counters.hits < 2_000, 'it is owed no more than the kernel took');
});

t.test('a connection beyond the limit is closed at once', async (t) => {
  const bench = await ServerBench.open(t, { limits: { connections: 1 } });
  const first = await RawClient.open(bench.port);
  await until(() => bench.connections.open === 1);
  const second = await RawClient.open(bench.port);
  await second.rest();
  t.equal(bench.connections.open, 1);
  t.equal(bench.counters.refused, 1);
  first.close();
});

t.test('EdgeServer.listen() refuses what it cannot have, and all once it is closed', async (t) => {
  const { server } = new ServerBench(t);
  await t.rejects(server.listen('192.0.2.1', 0), { code: 'GW_PORT_IN_USE' });
  t.ok((await server.listen('127.0.0.1', 0)) > 0, 'it may try again');
  server.close();
  await t.rejects(server.listen('127.0.0.1', 0), { code: 'GW_SHUTTING_DOWN' });
  server.close();
  await server.stop(1_000);
});

t.test('a stop lets what is in flight end, and tells each connection', async (t) => {
  const bench = await ServerBench.open(t, { shutdownIdleMs: 10_000 });
  await bench.store('/1.m4s', 'the body');
  const [asking, idle] = [await RawClient.open(bench.port), await RawClient.open(bench.port)];
  t.equal((await idle.get('/1.m4s')).status, 200);
  const missed = asking.get('/2.m4s');
  await until(() => bench.asks.length === 1);
  const stopping = bench.server.stop(5_000);
  const last = await idle.get('/1.m4s');
  t.equal(last.status, 200, 'what comes meanwhile is answered');
  t.equal(last.fields.get('connection'), 'close');
  await idle.closed;
  bench.refuse(bench.asks[0] ?? 0);
  t.equal((await missed).fields.get('connection'), 'close');
  await stopping;
  t.equal(bench.connections.open, 0);
  await t.rejects(once(connect({ port: bench.port, host: '127.0.0.1' }), 'connect'), {
    code: 'ECONNREFUSED',
  });
});

t.test('a stop waits for idle connections and for answers no longer than it is told', async (t) => {
  for (const [idleMs, deadlineMs, asks] of [
    [1_000, 9_000, false],
    [0, 3_000, true],
  ] as const) {
    const bench = await ServerBench.open(t, { shutdownIdleMs: idleMs });
    const client = await RawClient.open(bench.port);
    if (asks) client.send(GET);
    await until(() => bench.connections.open === 1 && bench.asks.length === (asks ? 1 : 0));
    const stopping = bench.server.stop(deadlineMs);
    bench.storage.nowMs += (asks ? deadlineMs : idleMs) - 1;
    await bench.untilClockIsReadAgain();
    t.equal(bench.connections.open, 1, 'it waits');
    bench.storage.nowMs += 1;
    await stopping;
    await client.closed;
    t.equal(bench.connections.open, 0);
  }
});
