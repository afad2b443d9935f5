/**
 * `npm run soak:hung-origin`: 250 players on two origins, the first of which accepts and does not
 * answer for 30 s. Goal: no player stalls, p99 of the first byte below 500 ms, no error, also when it
 * goes on. Prints one line of JSON, ends with 1 when the goal is missed. `--players N`, `--hang MS`.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { metricsOf, startGateway } from './support/gateway.js';
import { startNginx } from './support/nginx.js';
import { play, quantile } from './support/paced-players.js';

const { values: flags } = parseArgs({
  options: {
    players: { type: 'string', default: '250' },
    hang: { type: 'string', default: '30000' },
  },
});
const SEGMENT_BYTES = 100_000;
const BEFORE_MS = 10_000;
const AFTER_MS = 10_000;
const GOAL_P99_MS = 500;

const closers: (() => unknown)[] = [];
const scope = { teardown: (close: () => unknown): unknown => closers.push(close) };
const root = mkdtempSync(join(tmpdir(), 'headgate-hung-origin-'));
writeFileSync(join(root, 'seg.m4s'), Buffer.alloc(SEGMENT_BYTES, 7));
const config = 'location ~ ^/p { try_files /seg.m4s =404; }';

try {
  const first = await startNginx({ root, config });
  closers.push(() => first.stop());
  const second = await startNginx({ root, config });
  closers.push(() => second.stop());
  const gateway = await startGateway(scope, { args: [first.url, '--origin', second.url] });
  const hangMs = Number(flags.hang);
  const playing = play({
    port: gateway.port,
    players: Number(flags.players),
    segmentMs: 2_000,
    ahead: 3,
    durationMs: BEFORE_MS + hangMs + AFTER_MS,
    path: (player, n) => `/p${player}/seg-${n}.m4s`,
  });
  await delay(BEFORE_MS);
  process.kill(first.pid, 'SIGSTOP');
  await delay(hangMs);
  process.kill(first.pid, 'SIGCONT');
  const { segments, failed, stalled, firstByteMs } = await playing;
  const metric = await metricsOf(gateway);
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => Math.round(quantile(firstByteMs, share)));
  const hedges = metric('hedges_total');
  console.log(
    JSON.stringify({ segments, stalled, failed: failed.length, p50, p99, max, hedges }),
    failed.slice(0, 5).join('\n'),
  );
  if (stalled > 0 || failed.length > 0 || (p99 ?? Infinity) >= GOAL_P99_MS) process.exitCode = 1;
} finally {
  for (const close of closers.toReversed()) await close();
}
