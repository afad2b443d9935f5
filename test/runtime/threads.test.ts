import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { THREAD_OPTIONS } from '../../src/runtime/threads.js';

t.test(
  'no thread of ours loads an ES module by require: ended meanwhile it would abort the process',
  async (t) => {
    const anyModule = fileURLToPath(new URL('../../src/runtime/hash.js', import.meta.url));
    const code = `
    const { parentPort } = require('node:worker_threads');
    try {
      require(${JSON.stringify(anyModule)});
      parentPort.postMessage('required');
    } catch ({ code }) {
      parentPort.postMessage(code);
    }`;
    const thread = new Worker(code, { eval: true, execArgv: [...THREAD_OPTIONS.execArgv] });
    t.same(await once(thread, 'message'), ['ERR_REQUIRE_ESM']);
  },
);
