/** What breaks one worker or one process, and what must go on: the built gateway, real threads. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import {
  FAULTY_CLI,
  type Gateway,
  metricsOf,
  spawnGateway,
  startGateway,
  workersOf,
} from '../support/gateway.js';
import { RawClient, rawGet } from '../support/raw-client.js';
import { httpServer } from '../support/upstream.js';

const WORKERS = [0, 1] as const;
const QUIET = ['--log-level', 'error'] as const;
const BODY = Buffer.alloc(100_000, 'headgate');
const LARGE = Buffer.alloc(12_000_000, 'a slow download ');

t.test(
  'a handler that throws before its answer costs its client a 500, and nothing else',
  async (t) => {
    const gateway = await startFaulty(t);
    const client = await RawClient.open(gateway.port);
    const answer = await client.get('/fault/before');
    t.equal(answer.status, 500);
    t.match(answer.body.toString(), /^GW_INTERNAL/);
    t.equal((await client.get('/object-1')).status, 200, 'even the connection lives on');
    t.equal((await metricsOf(gateway))('handler_faults_total'), 1, 'it is counted');
    await checkNoRestart(t, gateway);
  },
);

t.test(
  'one that throws on the shortest way of a hit costs its client the connection',
  async (t) => {
    const gateway = await startFaulty(t);
    const answer = await rawGet(gateway.port, '/fault/hit-path');
    t.equal(answer.status, 0, 'closed: what had been written cannot be known');
    await checkNoRestart(t, gateway);
  },
);

t.test('a handler that throws behind its answer harms nobody', async (t) => {
  const gateway = await startFaulty(t);
  const client = await RawClient.open(gateway.port);
  // Cold: the answer goes out in a message's turn. Warm: in the handler itself.
  for (const how of ['cold', 'warm', 'warm again']) {
    const answer = await client.get('/fault/after?x', ['Cache-Control: max-stale=1']);
    t.equal(answer.status, 200, how);
    t.ok(answer.whole, how);
  }
  t.ok((await metricsOf(gateway))('handler_faults_total') > 0, 'it did throw');
  await checkNoRestart(t, gateway);
});

for (const fault of ['timer', 'rejection', 'exit'] as const) {
  t.test(`a worker lost to ${fault} is back soon; the other never misses a request`, async (t) => {
    const gateway = await startFaulty(t);
    const [victims, others] = await connectionsByWorker(gateway);
    const load = steadyLoad(others);
    await load.answered(50);
    victims[0]?.send('GET /fault/' + fault + ' HTTP/1.1\r\nHost: test\r\n\r\n');
    const restartedIn = await untilRestarted(gateway, 0, 1);
    t.ok(restartedIn < 2_000, `back after ${restartedIn} ms`);
    await load.answered(50);
    const { failed, answers } = await load.stop();
    t.strictSame(failed, [], `${answers} answers`);
    await Promise.all(victims.map((client) => client.rest()));
    t.ok(
      victims.every(({ isClosed }) => isClosed),
      'its own clients see their connections closed',
    );
    t.strictSame(await answeredBy(gateway), WORKERS, 'both answer new connections');
    t.strictSame(
      (await workersOf(gateway)).map(({ restarts }) => restarts),
      [1, 0],
    );
    t.equal(await gateway.stop(), 0);
  });
}

t.test(
  'a worker that dies under load takes no lease with it: its objects can be evicted',
  async (t) => {
    const gateway = await startFaulty(t, [
      '--cache-memory',
      '16MiB',
      '--shards',
      '1',
      '--workers',
      '2',
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

t.test('a worker that dies again and again is given up: the process ends with 1', async (t) => {
  const gateway = await startFaulty(t, [], { WORKER_DIES: '0' });
  const [victims] = await connectionsByWorker(gateway);
  victims[0]?.send('GET /fault/exit HTTP/1.1\r\nHost: test\r\n\r\n');
  const startMs = Date.now();
  const [lost, answered] = await Promise.all([
    rawGet(gateway.port, '/x'),
    rawGet(gateway.port, '/y'),
  ]);
  t.ok(lost.status + answered.status > 0, 'the other worker answers meanwhile');
  t.equal(await gateway.exited, 1, gateway.log().slice(-1_000));
  const tookMs = Date.now() - startMs;
  t.ok(tookMs > 1_000, `not in a loop without pauses: ${tookMs} ms`);
  t.match(gateway.log(), /GW_RESTART_LIMIT/);
});

t.test('a second process on the port is refused, and the first goes on', async (t) => {
  const gateway = await startFaulty(t);
  for (const workers of ['2', '0']) {
    const listen = `127.0.0.1:${gateway.port}`;
    const second = spawnGateway(t, { args: ['--listen', listen, '--workers', workers] });
    t.equal(await second.exited, 1, `workers ${workers}`);
    t.match(second.log(), /^headgate: GW_PORT_IN_USE: /m);
  }
  t.equal((await rawGet(gateway.port, '/x')).status, 200);
});

t.test('a port that another kind of server holds is refused, too', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const gateway = spawnGateway(t, { args: ['--listen', `127.0.0.1:${port}`] });
  t.equal(await gateway.exited, 1);
  t.match(gateway.log(), /^headgate: GW_PORT_IN_USE: /m);
  const admin = spawnGateway(t, { args: ['--admin', `127.0.0.1:${port}`] });
  t.equal(await admin.exited, 1);
  t.match(admin.log(), /^headgate: GW_PORT_IN_USE: /m);
});

for (const workers of ['2', '0']) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    t.test(
      `${signal} with --workers ${workers} finishes what is in flight and ends with 0`,
      async (t) => {
        const gateway = await startOn(t, ['--workers', workers]);
        const slow = await RawClient.open(gateway.port);
        const idle = await RawClient.open(gateway.port);
        t.equal((await idle.get('/x')).status, 200);
        let received = 0;
        const begun = new Promise<void>((resolve) => {
          void slow.get('/large', [], { rate: 6_000_000, sink: keep }).then((answer) => {
            whole = answer.whole;
          });
          function keep(chunk: Buffer): void {
            received += chunk.length;
            resolve();
          }
        });
        let whole: boolean | undefined;
        await begun;
        gateway.kill(signal);
        await untilRefused(gateway.port);
        t.ok(received < LARGE.length, `stopped at ${received} bytes of the download`);
        t.equal(await gateway.exited, 0, gateway.log().slice(-1_000));
        await slow.rest();
        t.equal(received, LARGE.length, 'all of it came');
        t.equal(whole, true);
        t.equal((await idle.rest()).length, 0, 'idle connections are closed');
      },
    );
  }

  t.test(
    `a download slower than the deadline is cut with --workers ${workers}: still 0`,
    async (t) => {
      const gateway = await startOn(t, ['--workers', workers, '--set', 'shutdown.deadline=1s']);
      const slow = await RawClient.open(gateway.port);
      slow.send('GET /large HTTP/1.1\r\nHost: test\r\n\r\n'); // and read nothing
      const filling = await RawClient.open(gateway.port);
      filling.send('GET /never HTTP/1.1\r\nHost: test\r\n\r\n');
      await untilMetric(gateway, (metric) => metric('origin_requests_total') >= 2);
      const startMs = Date.now();
      t.equal(await gateway.stop(), 0, gateway.log().slice(-1_000));
      const tookMs = Date.now() - startMs;
      t.ok(tookMs > 900 && tookMs < 6_000, `after ${tookMs} ms`);
    },
  );

  t.test(`SIGTERM under load with --workers ${workers} ends with 0`, async (t) => {
    const gateway = await startOn(t, ['--workers', workers]);
    const clients = await Promise.all(
      Array.from({ length: 24 }, () => RawClient.open(gateway.port)),
    );
    const load = steadyLoad(clients);
    await load.answered(300);
    t.equal(await gateway.stop(), 0, gateway.log().slice(-1_000));
    const { torn } = await load.stop();
    t.equal(torn, 0, 'no answer was cut short');
  });
}

t.test('SIGTERM while it starts ends it without an abort', async (t) => {
  // From the first moments on; before any handler can be in place the signal itself ends it.
  for (const afterMs of [0, 150, 250, 350, 500, 700, 1_000]) {
    const gateway = spawnGateway(t);
    await delay(afterMs);
    gateway.kill('SIGTERM');
    const code = await gateway.exited;
    t.ok(code === 0 || (code === 143 && gateway.log() === ''), `${afterMs} ms: ${code}`);
  }
});

t.test('starting and stopping leaves no descriptor behind', async (t) => {
  const script = spawnGateway(t, {
    entry: 'dist/test/support/threads/start-stop.js',
    args: ['20'],
  });
  t.equal(await script.exited, 0, script.log());
  const counts = script.log().trim().split('\n').map(Number);
  t.equal(counts.length, 20, script.log());
  const [early = 0, last = Infinity] = [counts[4], counts.at(-1)];
  t.ok(last <= early + 2, `open descriptors after each cycle: ${counts.join(' ')}`);
});

async function startOn(t: Test, args: readonly string[]): Promise<Gateway> {
  return startGateway(t, { args: [await origin(t), ...QUIET, ...args] });
}

async function startFaulty(
  t: Test,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Gateway> {
  // The faults' own stacks are no news: only what is fatal is logged.
  return startGateway(t, { entry: FAULTY_CLI, args: [await origin(t), ...QUIET, ...args], env });
}

/** Answers anything at once; `large` with LARGE, `never` not at all. */
function origin(t: Test): Promise<string> {
  return httpServer(t, (request, response) => {
    if (request.url?.includes('never') === true) return;
    const body = request.url?.includes('large') === true ? LARGE : BODY;
    response.writeHead(200, { 'Content-Length': body.length, 'Cache-Control': 'max-age=60' });
    response.end(body);
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

interface Load {
  /** Resolves after that many more answers. */
  answered(count: number): Promise<void>;
  stop(): Promise<{ answers: number; failed: readonly string[]; torn: number }>;
}

/** Requests on these connections, one after the other: hits, misses, objects of every shard. */
function steadyLoad(clients: readonly RawClient[]): Load {
  let state: 'on' | 'off' = 'on';
  let answers = 0;
  let torn = 0; // begun and not whole
  let wanted: { at: number; resolve: () => void } | undefined;
  const failed: string[] = [];
  const loops = clients.map(async (client, n) => {
    for (let i = 0; state === 'on'; i += 1) {
      const path = `/stream-${(i * 7 + n) % 40}/object-${i % 9 === 0 ? `${n}-${i}` : 0}`;
      const answer = await client.get(path);
      answers += 1;
      if (wanted !== undefined && answers >= wanted.at) wanted.resolve();
      if (answer.status !== 0 && !answer.whole) torn += 1;
      if (answer.status === 200 && answer.body.equals(BODY)) continue;
      failed.push(
        `${path}: ${answer.status}, ${answer.bytes} bytes, ${answer.body.toString('latin1', 0, 60)}`,
      );
      if (client.isClosed) return;
    }
  });
  return {
    answered: (count) =>
      new Promise((resolve) => {
        wanted = { at: answers + count, resolve };
      }),
    stop: async () => {
      state = 'off';
      await Promise.all(loops);
      return { answers, failed, torn };
    },
  };
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

async function untilMetric(
  gateway: Gateway,
  holds: (metric: (name: string) => number) => boolean,
): Promise<void> {
  for (let i = 0; !holds(await metricsOf(gateway)); i += 1) {
    if (i > 200) throw new Error('it never comes to that');
    await delay(50);
  }
}

/** Resolves when the port takes no more connections. */
async function untilRefused(port: number): Promise<void> {
  for (let i = 0; ; i += 1) {
    try {
      (await RawClient.open(port)).close();
    } catch {
      return;
    }
    if (i > 300) throw new Error('it still accepts connections');
    await delay(10);
  }
}

async function checkNoRestart(t: Test, gateway: Gateway): Promise<void> {
  t.strictSame(await answeredBy(gateway), WORKERS, 'both workers answer');
  t.ok(
    (await workersOf(gateway)).every(({ restarts }) => restarts === 0),
    'none was restarted',
  );
  t.equal(await gateway.stop(), 0);
}
