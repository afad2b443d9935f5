/** Origins that accept and do not answer, and bodies that stop: nobody who watches notices. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Gateway, metricsOf, startGateway } from '../support/gateway.js';
import { type Nginx, startNginx } from '../support/nginx.js';
import { play, quantile } from '../support/paced-players.js';
import { rawGet } from '../support/raw-client.js';
import { rawServer } from '../support/upstream.js';

const SEGMENT_BYTES = 60_000;
const HANG_MS = 4_000;
const ANY_PATH = 'location ~ ^/p { try_files /seg.m4s =404; }';

async function twoOrigins(t: Test): Promise<[Nginx, Nginx]> {
  const root = t.testdir({});
  writeFileSync(join(root, 'seg.m4s'), Buffer.alloc(SEGMENT_BYTES, 7));
  const [a, b] = [
    await startNginx({ root, config: ANY_PATH }),
    await startNginx({ root, config: ANY_PATH }),
  ];
  for (const nginx of [a, b]) t.teardown(() => nginx.stop());
  return [a, b];
}

/** Resolves when every worker thinks so of the first origin. */
async function untilState(gateway: Gateway, want: string): Promise<void> {
  for (;;) {
    const status = (await (await fetch(`${gateway.adminUrl}/status`)).json()) as {
      workers: readonly { origins: readonly { state: string }[] }[];
    };
    if (status.workers.every(({ origins }) => origins[0]?.state === want)) return;
    await delay(50);
  }
}

t.test(
  'the first of two origins hangs for a while: no player stalls, none gets an error',
  async (t) => {
    const [first, second] = await twoOrigins(t);
    const gateway = await startGateway(t, {
      args: [first.url, '--origin', second.url, '--set', 'log.access=0'],
    });
    const playing = play({
      port: gateway.port,
      players: 60,
      segmentMs: 1_000,
      ahead: 3,
      durationMs: HANG_MS + 5_000,
      path: (player, n) => `/p${player}/seg-${n}.m4s`,
    });
    await delay(1_500);
    process.kill(first.pid, 'SIGSTOP');
    t.teardown(() => process.kill(first.pid, 'SIGCONT'));
    await untilState(gateway, 'resting');
    await delay(HANG_MS);
    process.kill(first.pid, 'SIGCONT');
    const backMs = performance.now();
    await untilState(gateway, 'well');
    t.ok(performance.now() - backMs < 4_000, 'found out by a probe a second, told once a second');
    const { failed, stalled, firstByteMs, segments } = await playing;
    t.same(failed, []);
    t.equal(stalled, 0);
    t.ok(segments > 300, `${segments} segments`);
    t.ok(quantile(firstByteMs, 1) < 5_000, `${quantile(firstByteMs, 1)} ms at most`);
    const metric = await metricsOf(gateway);
    t.ok(metric('hedges_won_total') >= 6, 'three on each worker');
    const lines = gateway.log().match(/does not answer in time/g) ?? [];
    t.ok(lines.length <= 4, `${lines.length} lines`);
  },
);

t.test('a body that stalls, and one that breaks, go on from the other origin', async (t) => {
  const half = 'x'.repeat(50_000);
  const head = (more: string): string =>
    `HTTP/1.1 ${more}\r\nETag: "v1"\r\nCache-Control: max-age=60\r\n`;
  const first = await rawServer(t, ({ head: asked, socket }) => {
    socket.write(`${head('200 OK')}Content-Length: 100000\r\n\r\n${half}`, () => {
      if (asked.includes('/breaks')) socket.resetAndDestroy();
    });
  });
  const second = await rawServer(t, ({ head: asked, socket }) => {
    const from = Number(/range: bytes=(\d+)-99999/.exec(asked)?.[1]);
    const fields = `Content-Range: bytes ${from}-99999/100000\r\nContent-Length: ${100_000 - from}`;
    socket.write(`${head('206 Partial Content')}${fields}\r\n\r\n${'x'.repeat(100_000 - from)}`);
  });
  const gateway = await startGateway(t, { args: [first.url, '--origin', second.url] });
  const paths = ['/breaks.m4s', '/stalls.m4s'];
  const answers = await Promise.all(paths.map((path) => rawGet(gateway.port, path)));
  for (const [n, { status, whole, bytes }] of answers.entries()) {
    t.same({ status, whole, bytes }, { status: 200, whole: true, bytes: 100_000 }, `${n}`);
  }
  for (const asked of second.heads) t.match(asked, 'if-range: "v1"');
  t.equal(second.heads.length, 2);
});
