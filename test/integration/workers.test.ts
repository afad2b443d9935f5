/** What breaks one worker or one process, and what must go on: the built gateway, real threads. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  FAULTY_CLI,
  type Gateway,
  metricsOf,
  startGateway,
  untilMetric,
  workersOf,
} from '../support/gateway.js';
import { steadyLoad } from '../support/load.js';
import { RawClient, rawGet } from '../support/raw-client.js';
import { keyOnWorker } from '../support/asks.js';
import { httpServer } from '../support/upstream.js';

const WORKERS = [0, 1] as const;
const QUIET = ['--log-level', 'error'] as const;
const BODY = Buffer.alloc(100_000, 'headgate');
const LARGE = Buffer.alloc(12_000_000, 'a slow download ');

// Its back-off takes half a minute: it runs beside the others and is looked at last.
const givenUp = startFaulty(t, [], { WORKER_DIES: '0' }).then(async (gateway) => {
  const [victims] = await connectionsByWorker(gateway);
  victims[0]?.send('GET /fault/exit HTTP/1.1\r\nHost: test\r\n\r\n');
  const startMs = Date.now();
  await victims[0]?.rest();
  const { status } = await rawGet(gateway.port, keyOnWorker(1, 16)); // of those by default
  const code = await gateway.exited;
  return { code, status, tookMs: Date.now() - startMs, log: gateway.log() };
});
givenUp.catch(() => undefined); // told by its test

t.test('a handler that throws harms its own client at most', async (t) => {
  const gateway = await startFaulty(t);
  const caught = async (): Promise<number> => (await metricsOf(gateway))('handler_faults_total');

  await t.test('before its answer: that one gets a 500', async (t) => {
    const client = await RawClient.open(gateway.port);
    const answer = await client.get('/fault/before');
    t.equal(answer.status, 500);
    t.match(answer.body.toString(), /^GW_INTERNAL/);
    t.equal((await client.get('/object-1')).status, 200, 'even the connection lives on');
    t.equal(await caught(), 1, 'it is counted');
  });

  await t.test('on the shortest way of a hit: its connection is closed', async (t) => {
    const answer = await rawGet(gateway.port, '/fault/hit-path');
    t.equal(answer.status, 0, 'what had been written cannot be known');
    t.equal(await caught(), 2);
  });

  await t.test('behind its answer: nobody notices', async (t) => {
    const client = await RawClient.open(gateway.port);
    // Cold: the answer goes out in a message's turn. Warm: in the handler itself.
    for (const how of ['cold', 'warm', 'warm again']) {
      const answer = await client.get('/fault/after?x', ['Cache-Control: max-stale=1']);
      t.equal(answer.status, 200, how);
      t.ok(answer.whole, how);
    }
    t.ok((await caught()) > 2, 'it did throw');
  });

  t.strictSame(await answeredBy(gateway), WORKERS, 'both workers answer');
  t.ok(
    (await workersOf(gateway)).every(({ restarts }) => restarts === 0),
    'none was restarted',
  );
  t.equal(await gateway.stop(), 0);
});

t.test('a lost worker is back soon, and the other never misses a request', async (t) => {
  const gateway = await startFaulty(t);
  const faults = ['timer', 'rejection', 'exit'] as const;
  for (const [lost, fault] of faults.entries()) {
    await t.test(`lost to ${fault}`, async (t) => {
      const [victims, others] = await connectionsByWorker(gateway);
      const load = steadyLoad(others, BODY);
      await load.answered(50);
      victims[0]?.send(`GET /fault/${fault} HTTP/1.1\r\nHost: test\r\n\r\n`);
      const restartedIn = await untilRestarted(gateway, 0, lost + 1);
      t.ok(restartedIn < 2_000, `back after ${restartedIn} ms`);
      await load.answered(50);
      const { failed, answers } = await load.stop();
      t.strictSame(failed, [], `${answers} answers`);
      await Promise.all(victims.map((client) => client.rest()));
      const closed = victims.every(({ isClosed }) => isClosed);
      t.ok(closed, 'its own clients see their connections closed');
      t.strictSame(await answeredBy(gateway), WORKERS, 'both answer new connections');
      const restarts = (await workersOf(gateway)).map((worker) => worker.restarts);
      t.strictSame(restarts, [lost + 1, 0]);
      for (const client of others) client.close();
    });
  }
  t.equal(await gateway.stop(), 0);
});

t.test(
  'a body that a lost worker was bringing is gone on with, if it is still the same',
  async (t) => {
    const gateway = await startFaulty(t, ['--shards', '1']);
    const [victims, others] = await connectionsByWorker(gateway);
    const paths = ['/halting', '/halting-changed'] as const;
    const before = (await metricsOf(gateway))('origin_bytes_total');
    const answers = paths.map((path, i) => others[i]?.get(path) ?? Promise.reject(new Error(path)));
    await untilMetric(gateway, (metric) => metric('origin_bytes_total') >= before + BODY.length);
    await delay(100); // both halves are here; soon they are at the clients'
    victims[0]?.send('GET /fault/exit HTTP/1.1\r\nHost: test\r\n\r\n');
    const [same, changed] = await Promise.all(answers);
    if (same === undefined || changed === undefined) throw new Error('no answers');
    t.equal(same.status, 200);
    t.ok(same.whole, 'to its end');
    t.ok(same.body.equals(BODY), 'and every byte is right');
    t.equal(changed.status, 200);
    t.notOk(changed.whole, 'its connection was closed');
    t.ok(changed.body.equals(BODY.subarray(0, BODY.length / 2)), 'with what there was');
    await untilMetric(gateway, (metric) => metric('retired_bodies') === 0);
    t.equal(await gateway.stop(), 0);
  },
);

t.test(
  'a worker that dies under load takes no lease with it: its objects can be evicted',
  async (t) => {
    const gateway = await startFaulty(t, [
      ...['--cache-memory', '32MiB', '--shards', '1', '--set', 'cache.maxObject=13MiB'],
    ]);
    const owner = 0; // of the only shard
    const [, readers] = await connectionsByWorker(gateway, owner);
    // Large objects, not read: the other worker's writers hold leases on the owner's slots.
    await Promise.all(
      readers.map(async (client, i) => {
        client.send(`GET /large-${i % 2} HTTP/1.1\r\nHost: test\r\n\r\n`);
        await once(client.socket.resume(), 'data');
        client.socket.pause();
      }),
    );
    const killer = (await connectionsByWorker(gateway, owner))[1][0];
    killer?.send('GET /fault/exit HTTP/1.1\r\nHost: test\r\n\r\n');
    await untilRestarted(gateway, 1, 1);
    // All of the arena is wanted, many times: impossible with a body pinned for ever.
    for (let i = 0; i < 40; i += 1) {
      const answer = await rawGet(gateway.port, `/evict-${i}/large`, [], { sink: () => undefined });
      t.equal(answer.bytes, LARGE.length);
      if (i > 2) t.match(answer.fields.get('cache-status'), /stored/, 'there was room to store it');
    }
    await untilMetric(gateway, (metric) => metric('retired_bodies') === 0);
    t.equal(await gateway.stop(), 0);
  },
);

t.test('SIGTERM at any moment of a restart ends in order', async (t) => {
  for (const afterMs of [0, 100, 200, 350]) {
    const gateway = await startFaulty(t);
    const client = await RawClient.open(gateway.port);
    client.send('GET /fault/exit HTTP/1.1\r\nHost: test\r\n\r\n');
    await client.rest(); // closed: the worker is gone
    await delay(afterMs);
    t.equal(await gateway.stop(), 0, `${afterMs} ms behind its end: ${gateway.log().slice(-500)}`);
  }
});

t.test('a worker that dies again and again is given up: the process ends with 1', async (t) => {
  const { code, status, tookMs, log } = await givenUp;
  t.equal(status, 200, 'the other worker answers meanwhile');
  t.equal(code, 1, log.slice(-1_000));
  t.ok(tookMs > 10_000, `pauses grow between the attempts: ${tookMs} ms`);
  t.match(log, /GW_RESTART_LIMIT/);
});

async function startFaulty(
  t: Test,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Gateway> {
  // The faults' own stacks are no news: only what is fatal is logged.
  return startGateway(t, { entry: FAULTY_CLI, args: [await origin(t), ...QUIET, ...args], env });
}

/**
 * Answers anything at once; `large` with LARGE, `never` not at all. `halting` stops half-way the first
 * time; `changed` is something else the second time.
 */
function origin(t: Test): Promise<string> {
  const asked = new Map<string, number>();
  return httpServer(t, (request, response) => {
    const url = request.url ?? '/';
    const times = (asked.get(url) ?? 0) + 1;
    asked.set(url, times);
    if (url.includes('never')) return;
    const body = url.includes('large') ? LARGE : BODY;
    response.writeHead(200, {
      'Content-Length': body.length,
      'Cache-Control': 'max-age=60',
      ETag: url.includes('changed') ? `"v${times}"` : '"v1"',
    });
    if (url.includes('halting') && times === 1) response.write(body.subarray(0, body.length / 2));
    else response.end(body);
  });
}

/** Four connections or more on each worker: those on `victim`, then the others. */
async function connectionsByWorker(
  gateway: Gateway,
  victim = 0,
): Promise<readonly [RawClient[], RawClient[]]> {
  const victims: RawClient[] = [];
  const others: RawClient[] = [];
  while (victims.length < 4 || others.length < 4) {
    const client = await RawClient.open(gateway.port);
    const answer = await client.get('/object-0?who');
    if (answer.fields.get('x-worker') === String(victim)) victims.push(client);
    else others.push(client);
  }
  return [victims, others];
}

/** The workers that answer new connections, within a hundred of them. */
async function answeredBy(gateway: Gateway): Promise<number[]> {
  const seen = new Set<number>();
  for (let i = 0; i < 100 && seen.size < WORKERS.length; i += 1) {
    const answer = await rawGet(gateway.port, '/object-0?who');
    seen.add(Number(answer.fields.get('x-worker')));
  }
  return [...seen].sort();
}

/** Milliseconds until that worker is up again after its nth restart. */
async function untilRestarted(gateway: Gateway, index: number, restarts: number): Promise<number> {
  const startMs = Date.now();
  for (;;) {
    const worker = (await workersOf(gateway))[index];
    if (worker?.state === 'up' && worker.restarts >= restarts) return Date.now() - startMs;
    if (Date.now() - startMs > 10_000) throw new Error('the worker does not come back');
    await delay(20);
  }
}
