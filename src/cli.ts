#!/usr/bin/env node
/** The `headgate` binary: hands the process to the command line and takes its exit code. */
import { endProcess, watchSignals } from '../native/addon.js';
import { runCli } from './commands/program.js';

// Whoever reads has read enough, as `head` does: no fault of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  process,
  ending: { now: endProcess, afterSignal: watchSignals },
  loadGateway: async () => (await import('./headgate.js')).startHeadgate,
});
