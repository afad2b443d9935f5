/** What all threads of ours have in common, as options of a piscina pool. */
import type { Piscina } from 'piscina';

/**
 * piscina loads a module by `require` first. Node 20 to 24 abort the process when a thread is ended while
 * it `require`s an ES module (`v8::Module::IsGraphAsync`), as the thread of a worker that is lost may be.
 */
const IMPORTS_ONLY = '--no-experimental-require-module';

export const THREAD_OPTIONS = {
  concurrentTasksPerWorker: 1,
  // 'sync' parks an idle thread in Atomics.wait, and its sockets with it.
  atomics: 'disabled',
  recordTiming: false,
  execArgv: process.allowedNodeEnvironmentFlags.has(IMPORTS_ONLY)
    ? [...process.execArgv, IMPORTS_ONLY]
    : process.execArgv,
} as const satisfies ConstructorParameters<typeof Piscina>[0];
