import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { AskRequest, MeshMessage } from '../../src/protocol/messages.js';
import { Mesh } from '../../src/runtime/mesh.js';
import type { Basics } from '../../src/worker/basics.js';
import { Front } from '../../src/worker/front.js';
import { freePort } from '../support/ports.js';
import { type RawAnswer, RawClient, rawGet } from '../support/raw-client.js';
import { testConfig, until } from '../support/shard.js';
import { basicsOf, countersOf, type WorkerSettings } from '../support/worker.js';

const HOST = '127.0.0.1';
const REFUSED = { detail: '', retryAfterS: 3, others: 'refused' } as const;

/** A front alone, behind which the test plays all shards. */
class FrontBench {
  readonly basics: Basics;
  readonly front: Front;
  readonly asked: { readonly id: number; readonly request: AskRequest }[] = [];
  /** Shards answer by themselves, as if the origin were not there. */
  answers = true;

  constructor(t: Test, settings: WorkerSettings = {}) {
    const { config, ...rest } = settings;
    this.basics = basicsOf(t, { ...rest, config: { ...quiet(), ...config } });
    const mesh = new Mesh<MeshMessage>({
      self: 0,
      outboxLimit: 1_000,
      deliver: (message) => {
        if (message.kind !== 'ask') return;
        this.asked.push(message);
        if (this.answers) this.refuse(message.id);
      },
      onError: (reason) => {
        t.error(reason);
      },
    });
    this.front = new Front(this.basics, mesh);
    t.teardown(() => {
      this.front.close();
      mesh.close();
    });
  }

  refuse(id: number): void {
    this.front.asks.receive({ kind: 'refused', id, code: 'GW_ORIGIN_CONNECT', ...REFUSED }, 0);
  }

  listen(): Promise<number> {
    return this.front.listen(HOST, 0);
  }
}

function quiet(): Pick<ReturnType<typeof testConfig>, 'shutdown' | 'shards' | 'log'> {
  const { shutdown, log } = testConfig({});
  return { shards: 4, shutdown: { ...shutdown, idle: 0 }, log: { ...log, level: 'silent' } };
}

t.test('Front serves clients on a port of its host', async (t) => {
  const bench = new FrontBench(t);
  const port = await bench.listen();
  const answer = await rawGet(port, '/v/1.m4s?utm_source=x', [`Host: ${HOST}:${port}`]);
  t.equal(answer.status, 502);
  t.equal(answer.fields.get('retry-after'), '3');
  t.match(bench.asked, [{ request: { key: '/v/1.m4s', lane: 0 } }]);
  t.match(countersOf(bench.basics), { requests: 1, serverErrors: 1, connectionsOpened: 1 });
});

t.test('Front judges requests by what is configured', async (t) => {
  const config = testConfig({});
  const bench = new FrontBench(t, {
    config: {
      limits: { ...config.limits, url: 300 },
      key: { ...config.key, host: true },
      origin: { ...config.origin, credentials: 'drop' },
    },
  });
  const port = await bench.listen();
  t.equal((await rawGet(port, `/${'x'.repeat(300)}`)).status, 414);
  await rawGet(port, '/a', ['Host: TV.example:80', 'Cookie: a=b']);
  const request = bench.asked.at(-1)?.request;
  t.match(request, { key: '//tv.example/a', credentialed: false });
  t.notOk(request?.headers.some(([name]) => name === 'cookie'));
});

t.test('Front refuses more fields than it takes, one before uWS does', async (t) => {
  const bench = new FrontBench(t);
  const port = await bench.listen();
  const withFields = (count: number): Promise<RawAnswer> => {
    const lines = Array.from({ length: count - 1 }, (_, i) => `X-${i}: ${i}`);
    return rawGet(port, '/v/1.m4s', lines); // and Host
  };
  t.equal((await withFields(97)).status, 502);
  const { status, body } = await withFields(98);
  t.equal(status, 431);
  t.match(body.toString(), /^GW_HEADERS_TOO_LARGE: /);
  const more = await withFields(99);
  t.equal(more.status, 431);
  t.notMatch(more.body.toString(), /GW_/, 'by uWS, as README says');
});

t.test('Front says that a port is taken', async (t) => {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const bench = new FrontBench(t);
  const { port } = server.address() as AddressInfo;
  await t.rejects(bench.front.listen(HOST, port), { code: 'GW_PORT_IN_USE' });
});

t.test('Front shares its port with those of other workers', async (t) => {
  const [one, two] = [new FrontBench(t), new FrontBench(t)];
  const port = await freePort();
  t.equal(await one.front.listen(HOST, port), port);
  t.equal(await two.front.listen(HOST, port), port);
  one.front.closeServer();
  t.equal((await rawGet(port, '/x')).status, 502);
  t.equal(two.asked.length, 1);
});

t.test('Front gives up on a shard that has been gone for long, when it ticks', async (t) => {
  const bench = new FrontBench(t, { boot: { workers: 2 }, config: { ...quiet(), shards: 2 } });
  let nowMs = 1_000_000;
  Object.assign(bench.basics.clock, { now: () => nowMs });
  const port = await bench.listen();
  const client = await RawClient.open(port);
  t.teardown(() => {
    client.close();
  });
  const answer = client.get('/v/0.m4s'); // of a shard on worker 1, which is not there
  await until(() => bench.front.asks.pending === 1);
  nowMs += 9_999;
  bench.front.tick();
  t.equal(bench.front.asks.pending, 1);
  nowMs += 2;
  bench.front.tick();
  t.equal((await answer).status, 503);
  t.same(bench.asked, []);
});

t.test('Front serves what is in flight when it stops, and takes nothing new', async (t) => {
  const bench = new FrontBench(t);
  bench.answers = false;
  const port = await bench.listen();
  const client = await RawClient.open(port);
  const answer = client.get('/v/1.m4s');
  await until(() => bench.asked.length > 0);
  let stopped = false;
  const stopping = bench.front.stop(5_000).then(() => {
    stopped = true;
  });
  bench.refuse(1);
  const { status, fields } = await answer;
  t.same([status, fields.get('connection')], [502, 'close']);
  t.notOk(stopped);
  await stopping;
  await t.rejects(RawClient.open(port), { code: 'ECONNREFUSED' });
});

t.test('Front closes its sockets at once when it has to', async (t) => {
  const bench = new FrontBench(t);
  bench.answers = false;
  const port = await bench.listen();
  const client = await RawClient.open(port);
  void client.get('/v/1.m4s');
  await until(() => bench.asked.length > 0);
  bench.front.closeServer();
  await client.closed;
  await t.rejects(RawClient.open(port), { code: 'ECONNREFUSED' });
  t.equal(bench.front.asks.pending, 0);
});

t.test('Front counts whom it cuts for being slow', (t) => {
  const { limits } = testConfig({});
  const bench = new FrontBench(t, { config: { limits: { ...limits, minRateGrace: 1 } } });
  let nowMs = 0;
  Object.assign(bench.basics.clock, { now: () => nowMs });
  let cuts = 0;
  const cut = (): void => void (cuts += 1);
  bench.front.wheel.add({ sent: 0, retry: () => undefined, cut });
  for (let turn = 0; turn < 8; turn += 1) {
    nowMs += 60_000;
    bench.front.wheel.turn();
  }
  t.equal(cuts, 1);
  t.equal(countersOf(bench.basics).cutSlow, 1);
  t.end();
});
