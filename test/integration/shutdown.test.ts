/** How the built gateway comes and goes: its port, signals, what is in flight. Never an abort. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Gateway, spawnGateway, startGateway, untilMetric } from '../support/gateway.js';
import { heldOrigin } from '../support/held-origin.js';
import { Download, steadyLoad } from '../support/load.js';
import { RawClient, rawGet } from '../support/raw-client.js';
import { httpServer } from '../support/upstream.js';

const BODY = Buffer.alloc(100_000, 'headgate');
const LARGE = Buffer.alloc(12_000_000, 'a slow download ');

t.test('a second process on the port is refused, and the first goes on', async (t) => {
  const gateway = await startOn(t, []);
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
        const download = new Download(slow, '/large', 6_000_000);
        await download.begun;
        gateway.kill(signal);
        await untilRefused(gateway.port);
        t.ok(download.bytes < LARGE.length, `stopped at ${download.bytes} bytes of the download`);
        const { whole } = await download.answer;
        t.equal(whole, true, 'all of it came');
        t.equal(download.bytes, LARGE.length);
        t.equal(await gateway.exited, 0, gateway.log().slice(-1_000));
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
    const load = steadyLoad(clients, BODY);
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

t.test('a segment that is being filled at the signal gets to all who wait for it', async (t) => {
  const origin = await heldOrigin(t);
  const gateway = await startGateway(t, { args: [origin.url, '--log-level', 'error'] });
  const head = { 'Content-Length': LARGE.length, 'Cache-Control': 'max-age=60' };
  // Enough of each that both workers have clients, and shards that the other's clients wait for.
  const fills = await Promise.all(
    Array.from({ length: 6 }, async (_, stream) => {
      const path = `/stream-${stream}/segment.m4s`;
      const clients = await Promise.all([0, 1, 2].map(() => RawClient.open(gateway.port)));
      return clients.map((client) => new Download(client, path, 0));
    }),
  );
  const held = await Promise.all(fills.map(() => origin.next()));
  for (const { response } of held) response.writeHead(200, head).write(LARGE.subarray(0, 1_000));
  for (const { begun } of fills.flat()) await begun;
  gateway.kill('SIGTERM');
  await untilRefused(gateway.port);
  for (const { response } of held) response.end(LARGE.subarray(1_000));
  for (const { answer } of fills.flat()) {
    const { whole, bytes } = await answer;
    t.strictSame([whole, bytes], [true, LARGE.length]);
  }
  t.equal(await gateway.exited, 0, gateway.log().slice(-1_000));
});

async function startOn(t: Test, args: readonly string[]): Promise<Gateway> {
  return startGateway(t, { args: [await origin(t), '--log-level', 'error', ...args] });
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
