/** Clients that ask on without reading: what they are owed is bounded, and nobody else is harmed. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { FAULTY_CLI, type Gateway, metricsOf, startGateway } from '../support/gateway.js';
import { RawClient, rawGet } from '../support/raw-client.js';

/** Just below, at and above what uWS holds back in a cork, with heads and without; and far above. */
const SIZES = [0, 200, 7_900, 14_000, 15_000, 15_900, 16_384, 30_000, 65_536, 200_000];
const CLIENTS = 80; // each size in bursts of one to four, twice
const CONNECTIONS = 6; // of each client
const ROUNDS = 60; // some ten times what the kernel takes

for (const workers of ['2', '0']) {
  t.test(`clients that pipeline and do not read, --workers ${workers}`, async (t) => {
    // A kernel that takes little: each connection comes to where it takes only a part.
    const env = { SEND_BUFFER: '16384' };
    const gateway = await gatewayOf(t, ['--workers', workers], env);
    for (const size of SIZES) t.equal((await rawGet(gateway.port, pathOf(size))).bytes, size);
    const before = residentBytes(gateway);
    await Promise.all(Array.from({ length: CLIENTS }, (_, n) => deaf(gateway.port, n)));
    for (const size of SIZES) {
      const { status, body } = await rawGet(gateway.port, pathOf(size));
      t.equal(status, 200);
      t.ok(body.equals(bodyOf(size)), `${size} bytes are right for everybody else`);
    }
    t.ok((await metricsOf(gateway))('pipelined_cut_total') > 0, 'some were cut');
    const grown = (residentBytes(gateway) - before) / 1_048_576;
    t.ok(grown < 100, `${grown.toFixed(0)} MiB more`);
    t.equal(await gateway.stop(), 0, gateway.log().slice(-1_000));
  });
}

t.test('clients that pipeline and read get every answer in its order', async (t) => {
  const gateway = await gatewayOf(t, []);
  const sizes = SIZES.filter((size) => size > 0 && size <= 14_000);
  for (const size of sizes) await rawGet(gateway.port, pathOf(size));
  await delay(50);
  const client = await RawClient.open(gateway.port);
  const asked = Array.from({ length: 60 }, (_, n) => sizes[n % sizes.length] ?? 0);
  client.send(asked.map((size) => `GET ${pathOf(size)} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''));
  for (const size of asked) {
    const answer = await client.answer();
    if (answer.status !== 200 || !answer.body.equals(bodyOf(size))) {
      t.fail(`${size}: ${answer.status}, ${answer.bytes} bytes`);
      break;
    }
  }
  client.close();
});

t.test('hits that the kernel does not take at once arrive whole', async (t) => {
  const gateway = await gatewayOf(t, []);
  await rawGet(gateway.port, pathOf(65_536));
  const slow = Array.from({ length: 20 }, async () => {
    const client = await RawClient.open(gateway.port);
    for (let i = 0; i < 6; i += 1) {
      const answer = await client.get(pathOf(65_536), [], { rate: 400_000 });
      if (!answer.whole || !answer.body.equals(bodyOf(65_536))) return `${answer.bytes} bytes`;
    }
    client.close();
    return 'whole';
  });
  t.same(new Set(await Promise.all(slow)), new Set(['whole']));
});

async function gatewayOf(
  t: Test,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Gateway> {
  const root = await mkdtemp(path.join(tmpdir(), 'headgate-pipelining-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const longAgo = new Date(Date.now() - 86_400_000);
  for (const size of SIZES) {
    const file = path.join(root, pathOf(size));
    await writeFile(file, bodyOf(size));
    await utimes(file, longAgo, longAgo);
  }
  return startGateway(t, {
    entry: FAULTY_CLI,
    env,
    args: [root, '--log-level', 'error', ...args],
  });
}

/** Asks for one size, in bursts of one to four, and never reads. */
async function deaf(port: number, n: number): Promise<void> {
  const size = SIZES[n % SIZES.length] ?? 0;
  const burst = `GET ${pathOf(size)} HTTP/1.1\r\nHost: test\r\n\r\n`.repeat(
    1 + (Math.floor(n / SIZES.length) % 4),
  );
  for (let connection = 0; connection < CONNECTIONS; connection += 1) {
    const client = await RawClient.open(port);
    for (let i = 0; i < ROUNDS && !client.isClosed; i += 1) {
      client.send(burst);
      await delay(1);
    }
    client.close();
  }
}

function bodyOf(size: number): Buffer {
  return Buffer.alloc(size, `${size} bytes `);
}

function pathOf(size: number): string {
  return `/${size}.m4s`;
}

/** The most that it ever had. */
function residentBytes({ pid }: Gateway): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}
