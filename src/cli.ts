#!/usr/bin/env node
/** The `headgate` binary: hands the process to the command line and takes its exit code. */
import { runCli } from './commands/program.js';

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  process,
  loadGateway: async () => (await import('./headgate.js')).startHeadgate,
});
