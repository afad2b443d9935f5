import { once } from 'node:events';
import { getHeapSpaceStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { keepNurseries } from '../../src/runtime/nursery.js';

/** The bytes of a new thread's nursery. */
async function nurseryOf(): Promise<number> {
  const code = `require('worker_threads').parentPort.postMessage(
    require('v8').getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size)`;
  const worker = new Worker(code, { eval: true });
  const [bytes] = (await once(worker, 'message')) as [number];
  await worker.terminate();
  return bytes;
}

t.test('threads started after keepNurseries() have the full nursery from the start', async (t) => {
  const own = (): unknown =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size;
  const [before, ownBefore] = [await nurseryOf(), own()];
  keepNurseries();
  const after = await nurseryOf();
  t.ok(before < 8 * 2 ** 20, `${before} before`);
  t.equal(after, 16 * 2 ** 20);
  t.ok(Number(own()) <= Math.max(Number(ownBefore), 16 * 2 ** 20), 'this one is left alone');
});
