import { once } from 'node:events';
import { getHeapSpaceStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { sizeHeaps } from '../../src/runtime/heaps.js';

/** What a new thread's code sends, which has `spaceOf(name)`. */
async function inThread<T>(code: string): Promise<T> {
  const spaceOf = `const spaceOf = (name) =>
    require('v8').getHeapSpaceStatistics().find((space) => space.space_name === name);
    const send = (value) => require('worker_threads').parentPort.postMessage(value);`;
  const worker = new Worker(`${spaceOf}\n${code}`, { eval: true });
  const [value] = (await once(worker, 'message')) as [T];
  await worker.terminate();
  return value;
}

const nurseryOf = (): Promise<number> => inThread("send(spaceOf('new_space').space_size)");

/** How far the old heap of a new thread grows that keeps 40 MB and makes much that goes soon, in bytes. */
const peakOf = (): Promise<number> =>
  inThread(`
    const kept = Array.from({ length: 4_000 }, () => Array.from({ length: 1_000 }, (_, i) => i + 0.5));
    let peak = 0;
    for (let round = 0; round < 30_000; round += 1) {
      kept[round % kept.length] = Array.from({ length: 1_000 }, (_, i) => i + round + 0.5);
      if (round % 250 === 0) peak = Math.max(peak, spaceOf('old_space').physical_space_size);
    }
    send(peak)`);

t.test('threads started after sizeHeaps() have the full nursery and little garbage', async (t) => {
  const own = (): unknown =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size;
  const [before, ownBefore, peakBefore] = [await nurseryOf(), own(), await peakOf()];
  sizeHeaps();
  const [after, peak] = [await nurseryOf(), await peakOf()];
  t.ok(before < 8 * 2 ** 20, `${before} before`);
  t.equal(after, 16 * 2 ** 20);
  t.ok(Number(own()) <= Math.max(Number(ownBefore), 16 * 2 ** 20), 'this one is left alone');
  t.comment(`old heaps of ${peakBefore} and ${peak} bytes`);
  t.ok(peak < 0.8 * peakBefore, `${peak} rather than ${peakBefore}`);
});
