/** Thread entry of addon.test.ts: burns CPU, then tells the thread's CPU time and cores. */
import { parentPort } from 'node:worker_threads';
import { pinThreadToCore, threadCores, threadCpuTimeUs } from '../../../native/addon.js';

const BURN_US = 100_000;
const startUs = threadCpuTimeUs() ?? 0;
let spins = 0;
while ((threadCpuTimeUs() ?? Infinity) - startUs < BURN_US) spins++;
const [core] = threadCores();
const pinned = pinThreadToCore(core ?? -1);
parentPort?.postMessage({
  spentUs: (threadCpuTimeUs() ?? 0) - startUs,
  spins,
  pinned,
  cores: threadCores(),
  core,
});
