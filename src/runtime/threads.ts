/**
 * Pools of threads that each run the default export of one ES module.
 *
 * piscina loads by `require` what its threads run, and Node 20 to 24 abort the process when a thread is ended
 * while it `require`s an ES module (`v8::Module::IsGraphAsync`), as a thread of a worker that is lost may be.
 * `import` bears being ended, and takes a quarter longer: with it, what is required is `thread.cts`, which imports.
 */
import type { Transferable } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';

export interface ThreadsOptions {
  readonly module: URL; // its default export does a task
  readonly least: number; // threads
  readonly most: number;
  readonly idleMs: number; // a thread above `least` ends after so long without a task
  /** `require` for threads that nobody ends while they start. */
  readonly loadsBy: 'require' | 'import';
}

export class Threads {
  readonly #wrapped: string | undefined; // the module, where it is to be imported
  readonly #pool: Piscina;

  constructor({ module, least, most, idleMs, loadsBy }: ThreadsOptions) {
    this.#wrapped = loadsBy === 'import' ? module.href : undefined;
    const required = loadsBy === 'import' ? new URL('./thread.cjs', import.meta.url) : module;
    this.#pool = new Piscina({
      filename: fileURLToPath(required),
      minThreads: least,
      maxThreads: most,
      idleTimeout: idleMs,
      concurrentTasksPerWorker: 1,
      // 'sync' parks an idle thread in Atomics.wait, and its sockets with it.
      atomics: 'disabled',
      closeTimeout: 5_000,
      recordTiming: false,
    });
  }

  /** What was not a task's. */
  onError(listener: (reason: unknown) => void): void {
    this.#pool.on('error', listener);
  }

  /** Resolves with what the module gave; rejects with what it threw, or when its thread has ended. */
  run(task: unknown, transferList: Transferable[] = []): Promise<unknown> {
    const order = this.#wrapped === undefined ? task : { module: this.#wrapped, task };
    return this.#pool.run(order, { transferList }) as Promise<unknown>;
  }

  /** Share of time that each thread's event loop was busy, 0..1. */
  utilizations(): number[] {
    return this.#pool.threads.map(
      (thread) => thread.performance.eventLoopUtilization().utilization,
    );
  }

  /** Once its tasks are done. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  /** Now, whatever its threads do. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}
