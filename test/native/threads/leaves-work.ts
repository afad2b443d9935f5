/** A process whose threads end, each in a way of its own, while libuv's threads still work for them. */
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { populatePages, writesEnd } from '../../../native/addon.js';

const BYTES = 64 * 2 ** 20; // so that it takes longer than to end

const WORKS = {
  pages: () => populatePages(new Uint8Array(new SharedArrayBuffer(BYTES))),
  writes: () => writesEnd(openSync(process.execPath, 'r')),
} as const;

type Work = keyof typeof WORKS;
type End = 'exit' | 'throw' | 'terminate';

if (isMainThread) {
  for (const work of ['pages', 'writes'] satisfies Work[]) {
    for (const end of ['exit', 'throw', 'terminate'] satisfies End[]) await lose(work, end);
  }
  console.log('all threads have ended');
} else {
  const { work, end } = workerData as { work: Work; end: End };
  if (WORKS[work]() === undefined) throw new Error(`nothing is done: ${work}`);
  parentPort?.postMessage('begun');
  if (end === 'exit') process.exit(0);
  if (end === 'throw') throw new Error('lost');
}

async function lose(work: Work, end: End): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { work, end } });
  worker.on('error', () => undefined);
  const exited = once(worker, 'exit').catch(() => undefined);
  await once(worker, 'message').catch(() => undefined);
  if (end === 'terminate') await worker.terminate();
  await exited;
}
