/** Thread entry of directory.test.ts: reads objects whose memory their owner reuses all the while. */
import { parentPort, workerData } from 'node:worker_threads';
import { ArenaView } from '../../../src/arena/arena.js';
import type { Pool } from '../../../src/arena/layout.js';
import { Directory } from '../../../src/arena/directory.js';
import { hash32 } from '../../../src/runtime/hash.js';

const { pool, worker, stop, keys } = workerData as {
  pool: Pool;
  worker: number;
  stop: SharedArrayBuffer;
  keys: readonly string[];
};
const directory = new Directory(new ArenaView(pool, worker), 0);
const stopped = new Int32Array(stop);
const hashes = keys.map(hash32);
let reads = 0;
let torn = 0;
parentPort?.postMessage('ready');
while (Atomics.load(stopped, 0) === 0) {
  for (const [index, key] of keys.entries()) {
    if (!directory.protect(key, hashes[index] ?? 0)) continue;
    // The body is one byte all over, and the fields and the time say which.
    const body = directory.body();
    const want = directory.metadata.bornMs;
    if (Buffer.from(directory.metadata.fieldBytes()).toString() !== `${key} ${want}`) torn += 1;
    for (let at = 0; at < body.length; at += 64) if (body[at] !== want) torn += 1;
    directory.view.unprotect();
    reads += 1;
  }
}
parentPort?.postMessage({ reads, torn });
