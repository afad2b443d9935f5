/** What hangs, and that the node says so and ends all the same: the built gateway, real threads. */
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import {
  FAULTY_CLI,
  type Gateway,
  type GatewayProcess,
  spawnGateway,
  startGateway,
} from '../support/gateway.js';
import { RawClient, rawGet } from '../support/raw-client.js';
import { httpServer } from '../support/upstream.js';

const DEADLINE = ['--set', 'shutdown.deadline=1s'] as const;
/** What is promised: the deadline and 5 s. */
const LATEST_MS = 6_000;

t.test(
  'a worker that hangs makes the node unready within 2 s, and ends it with a failure',
  async (t) => {
    const gateway = await startFaulty(t, ['--set', 'shutdown.hang=4s', ...DEADLINE]);
    t.equal((await readiness(gateway)).status, 200);
    const worker = await hang(gateway, 'hang');
    const startMs = performance.now();
    await untilUnready(gateway);
    const tookMs = performance.now() - startMs;
    t.ok(tookMs < 2_000, `not ready after ${tookMs} ms`);
    t.strictSame(await readiness(gateway), { status: 503, text: `hung: worker ${worker}\n` });
    t.equal((await fetch(`${gateway.adminUrl}/livez`)).status, 200, 'the process lives');
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    t.match(metrics, `headgate_worker_up{worker="${worker}"} 0`);
    t.match(metrics, 'headgate_ready 0');
    t.equal(await gateway.exited, 1);
    t.match(last(gateway), { code: 'GW_HUNG', level: 'fatal', detail: 'a worker hangs' });
    const endedMs = performance.now() - startMs;
    t.ok(endedMs > 3_500 && endedMs < 4_000 + LATEST_MS, `ended after ${endedMs} ms`);
  },
);

t.test('a worker that comes back in time is ready again', async (t) => {
  const gateway = await startFaulty(t);
  await hang(gateway, 'pause');
  await untilUnready(gateway);
  while ((await readiness(gateway)).status !== 200);
  t.match(gateway.log(), /"worker hangs".*"worker goes on"/s);
  t.equal(await gateway.stop(), 0, gateway.log());
});

t.test('a process that was stopped for long is not taken for hung', async (t) => {
  const gateway = await startFaulty(t, ['--set', 'shutdown.hang=2s']);
  gateway.kill('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  gateway.kill('SIGCONT');
  t.equal((await readiness(gateway)).status, 200);
  t.equal(await gateway.stop(), 0, gateway.log());
  t.notMatch(gateway.log(), /hangs/);
});

const HUNG_ON_THE_WAY_OUT = [
  ['stop', 'worker 0 to drain', 'a drain without end'],
  ['end', 'worker 0 to end', 'a thread that does not end'],
] as const;
// Each mostly waits.
t.test('SIGTERM ends it within its deadline and 5 s', { jobs: 5 }, (t) => {
  for (const [where, what, why] of HUNG_ON_THE_WAY_OUT) {
    void t.test(why, async (t) => {
      const gateway = await startFaulty(t, DEADLINE, { WORKER_HANGS: where });
      const tookMs = await ended(gateway, t);
      t.match(last(gateway), { code: 'GW_HUNG', level: 'fatal' });
      t.ok(last(gateway).waitsFor.includes(what), last(gateway).waitsFor.join());
      t.ok(tookMs > 900, `after ${tookMs} ms`);
    });
  }

  void t.test('a worker that hangs', async (t) => {
    const gateway = await startFaulty(t, DEADLINE);
    const worker = await hang(gateway, 'hang');
    await ended(gateway, t);
    t.match(last(gateway), { code: 'GW_HUNG', waitsFor: [`worker ${worker} to drain`] });
  });

  void t.test('a start that is not finished', async (t) => {
    const gateway = spawnFaulty(t, DEADLINE, { WORKER_HANGS: 'start' });
    while (!gateway.log().includes('worker 0 hangs')) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await ended(gateway, t);
    t.match(last(gateway), { code: 'GW_HUNG', waitsFor: ['start-up', 'worker 0 to start'] });
  });

  void t.test('a main thread that hangs', async (t) => {
    const gateway = await startFaulty(t, ['--workers', '0', ...DEADLINE]);
    const client = await RawClient.open(gateway.port);
    client.send('GET /fault/hang?x HTTP/1.1\r\nHost: test\r\n\r\n');
    for (let looks = 0; looks < 20 && (await answers(gateway)); looks += 1);
    await ended(gateway, t);
    t.match(gateway.log(), /^headgate: GW_HUNG: the main thread hangs/m);
  });
  t.end();
});

t.test('SIGTERM ends it in order while an admin request is under way', async (t) => {
  const gateway = await startFaulty(t, DEADLINE);
  const admin = connect(Number(new URL(gateway.adminUrl).port), '127.0.0.1');
  admin.on('error', () => undefined);
  admin.write('POST /purge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{');
  t.teardown(() => admin.destroy());
  t.equal((await readiness(gateway)).status, 200, 'it is behind the other');
  const startMs = performance.now();
  t.equal(await gateway.stop(), 0, gateway.log());
  t.ok(performance.now() - startMs < LATEST_MS);
});

t.test('SIGHUP is logged and stops nothing', async (t) => {
  const gateway = await startFaulty(t);
  gateway.kill('SIGHUP');
  while (!gateway.log().includes('SIGHUP')) await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal((await rawGet(gateway.port, '/x')).status, 200);
  t.equal(await gateway.stop(), 0);
});

async function ended(gateway: GatewayProcess, t: Test): Promise<number> {
  const startMs = performance.now();
  gateway.kill('SIGTERM');
  t.equal(await gateway.exited, 1, gateway.log().slice(-1_000));
  const tookMs = performance.now() - startMs;
  t.ok(tookMs < LATEST_MS, `ended after ${tookMs} ms`);
  return tookMs;
}

async function answers({ adminUrl }: Gateway): Promise<boolean> {
  return fetch(`${adminUrl}/livez`, { signal: AbortSignal.timeout(500) }).then(
    () => new Promise((resolve) => setTimeout(resolve, 100, true)),
    () => false,
  );
}

interface LastLine {
  readonly code: string;
  readonly waitsFor: readonly string[];
}

function last(gateway: GatewayProcess): LastLine {
  const lines = gateway.log().trimEnd().split('\n');
  return JSON.parse(lines.at(-1) ?? '') as LastLine;
}

async function readiness({ adminUrl }: Gateway): Promise<{ status: number; text: string }> {
  const response = await fetch(`${adminUrl}/readyz`);
  return { status: response.status, text: await response.text() };
}

async function untilUnready(gateway: Gateway): Promise<void> {
  while ((await readiness(gateway)).status === 200) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Has the worker that holds a new connection do it; which one that is. */
async function hang(gateway: Gateway, fault: 'hang' | 'pause'): Promise<number> {
  const client = await RawClient.open(gateway.port);
  const answer = await client.get('/object?who');
  client.send(`GET /fault/${fault}?x HTTP/1.1\r\nHost: test\r\n\r\n`);
  return Number(answer.fields.get('x-worker'));
}

async function startFaulty(
  t: Test,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Gateway> {
  const origin = await httpServer(t, (_request, response) => response.end('x'));
  return startGateway(t, { entry: FAULTY_CLI, args: [origin, ...args], env });
}

function spawnFaulty(
  t: Test,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): GatewayProcess {
  return spawnGateway(t, { entry: FAULTY_CLI, args, env });
}
