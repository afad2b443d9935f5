/**
 * The stress of test/support/stress.ts for as long as it is told to:
 *   npm run soak -- [seconds] [seed]
 * Prints a line every minute; ends with 1 at the first wrong body.
 */
import { readFile } from 'node:fs/promises';
import { metricsOf, startGateway } from './support/gateway.js';
import { seededRandom } from './support/random.js';
import { runStress, STRESS_ARGS, STRESS_GATEWAY, stressObjects } from './support/stress.js';
import { startVersionedOrigin } from './support/versioned-origin.js';

const ROUND_S = 60;
const [seconds = 600, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);

const closing: (() => unknown)[] = [];
const scope = { teardown: (close: () => unknown) => void closing.unshift(close) };
const random = seededRandom(seed);
const objects = stressObjects();
const origin = await startVersionedOrigin(objects, random);
const gateway = await startGateway(scope, {
  ...STRESS_GATEWAY,
  args: [origin.url, ...STRESS_ARGS],
});
console.log(`seed ${seed}, ${seconds} s`);
try {
  await soak();
} finally {
  const code = await gateway.stop();
  if (code !== 0) console.log(`the gateway ended with ${code}: ${gateway.log().slice(-4_000)}`);
  if (code !== 0) process.exitCode = 1;
  await origin.stop();
  for (const close of closing) await close();
}

async function soak(): Promise<void> {
  const endMs = Date.now() + seconds * 1_000;
  for (let leftS = seconds; leftS > 0; leftS = (endMs - Date.now()) / 1_000) {
    const round = { gateway, origin, objects, random, seconds: Math.min(ROUND_S, leftS) };
    const { refused, ...report } = await runStress(round);
    const metric = await metricsOf(gateway);
    const status = await readFile(`/proc/${gateway.pid}/status`, 'utf8');
    console.log({
      ...report,
      refused: [...refused],
      rssMib: Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1_024),
      evictions: metric('evictions_total'),
      purged: metric('purged_total'),
      collapsed: metric('collapsed_total'),
      faultsCaught: metric('handler_faults_total'),
    });
    if (report.faults.length === 0) continue;
    process.exitCode = 1;
    return;
  }
}
