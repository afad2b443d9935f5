/** The command line over workers that break when a request asks them to (faulty-edge.ts). */
import { endProcess, watchSignals } from '../../../native/addon.js';
import { runCli } from '../../../src/commands/program.js';
import { startHeadgate } from '../../../src/headgate.js';

const workerEntry = new URL('./faulty-edge.js', import.meta.url);

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  process,
  ending: { now: endProcess, afterSignal: watchSignals },
  loadGateway: () =>
    Promise.resolve((config, deps) => startHeadgate(config, { ...deps, workerEntry })),
});
