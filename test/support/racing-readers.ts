/** Threads that read shared memory until they are told to stop, and say then what they saw. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Test } from 'tap';

export interface RacingReaders {
  /** Ends them; asserts that each read something and nothing torn. */
  stop(t: Test): Promise<void>;
}

/** Resolves when all run `file`, each with `workerData`, its number from 1 on, and `stop`. */
export async function startReaders(
  t: Test,
  file: URL,
  count: number,
  workerData: Readonly<Record<string, unknown>>,
): Promise<RacingReaders> {
  const stop = new SharedArrayBuffer(4);
  const end = (): void => void Atomics.store(new Int32Array(stop), 0, 1);
  t.teardown(end);
  const workers = Array.from(
    { length: count },
    (_, i) => new Worker(file, { workerData: { ...workerData, worker: i + 1, stop } }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return {
    async stop(t) {
      const exits = workers.map((worker) => once(worker, 'exit'));
      const reports = workers.map((worker) => once(worker, 'message'));
      end();
      for (const [report] of await Promise.all(reports)) {
        const { reads, torn } = report as { reads: number; torn: number };
        t.equal(torn, 0, 'no reader saw bytes of another object');
        t.ok(reads > 0, `${reads} guarded reads`);
      }
      await Promise.all(exits);
    },
  };
}
