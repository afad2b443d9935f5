/**
 * Where edge workers run: on threads of a piscina pool, or on this thread with `--workers 0`. Never
 * terminates a thread, aborts a task or destroys the pool while a uWS app may be open: each would take
 * the process down.
 */
import { Threads } from '../runtime/threads.js';
import type { EdgeBoot } from '../worker/edge-boot.js';

export interface WorkerPool {
  /** Workers that it runs at a time. */
  readonly size: number;
  /** Settles when the worker has ended; `boot.control` is handed over. Rejects when it died. */
  run(boot: EdgeBoot): Promise<void>;
  /** Share of time that each event loop was busy, 0..1. */
  utilizations(): readonly number[];
  /** Once all workers have ended. */
  close(): Promise<void>;
}

export function threadPool(options: {
  readonly entry: URL; // its default export runs one worker
  readonly workers: number;
  readonly onError: (reason: unknown) => void;
}): WorkerPool {
  const { entry, workers, onError } = options;
  const threads = new Threads({
    ...{ module: entry, least: workers, most: workers, idleMs: Infinity },
    loadsBy: 'require',
  });
  threads.onError(onError);
  return {
    size: workers,
    run: (boot) => threads.run(boot, [boot.control]) as Promise<void>,
    utilizations: () => threads.utilizations(),
    close: () => threads.close(),
  };
}

/** One worker on the calling thread, for profilers and debuggers; `entry` as for a pool. */
export function inlinePool(entry: URL): WorkerPool {
  const run = async (boot: EdgeBoot): Promise<void> => {
    const { default: work } = (await import(entry.href)) as {
      default: (boot: EdgeBoot) => Promise<void>;
    };
    await work(boot);
  };
  return { size: 1, run, utilizations: () => [], close: () => Promise.resolve() };
}
