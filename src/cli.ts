#!/usr/bin/env node
/** The `headgate` binary: hands the process to the command line and takes its exit code. */
import { endProcess, watchSignals } from '../native/addon.js';
import { runCli } from './commands/program.js';

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  process,
  ending: { now: endProcess, afterSignal: watchSignals },
  loadGateway: async () => (await import('./headgate.js')).startHeadgate,
});
