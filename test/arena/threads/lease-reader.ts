/** Thread entry of arena.test.ts: leases or protects slots that their owner reuses all the while, and looks at the bytes. */
import { parentPort, workerData } from 'node:worker_threads';
import { ArenaView } from '../../../src/arena/arena.js';
import type { Pool } from '../../../src/arena/layout.js';

const BLOCK = 4_096;
const { pool, worker, current, stop, slots } = workerData as {
  pool: Pool;
  worker: number;
  current: SharedArrayBuffer;
  stop: SharedArrayBuffer;
  slots: number;
};
const arena = new ArenaView(pool, worker);
const generations = new Int32Array(current);
const stopped = new Int32Array(stop);
let reads = 0;
let torn = 0;
parentPort?.postMessage('ready');
while (Atomics.load(stopped, 0) === 0) {
  for (let slot = 0; slot < slots; slot += 1) {
    const generation = Atomics.load(generations, slot);
    if (generation === 0) continue;
    const leases = reads % 2 === 0;
    const guarded = leases ? arena.acquire(slot, generation) : arena.protect(slot, generation);
    if (!guarded) continue;
    const want = generation & 0xff;
    const bytes = arena.view([{ offset: slot * BLOCK, length: BLOCK }], 0, BLOCK);
    for (let at = 0; at < BLOCK; at += 64) if (bytes[at] !== want) torn += 1;
    if (leases) arena.release(slot);
    else arena.unprotect();
    reads += 1;
  }
}
parentPort?.postMessage({ reads, torn });
