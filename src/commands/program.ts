/** The command line as a whole: commands, errors on one line, exit codes. */
import { Command, CommanderError } from 'commander';
import { asGatewayError } from '../errors.js';
import { addConfig } from './config.js';
import { addPurge } from './purge.js';
import { addServe } from './serve.js';
import { EXIT, type CommandOutcome, type Terminal } from './terminal.js';
import { VERSION } from './version.js';
import { addWarm } from './warm.js';

const AFTER_HELP = `
Every flag is also a setting of the file and of the environment: headgate config schema --markdown.
Exit codes: 0 done, 1 it failed, 2 the command line or the configuration is wrong.`;

/** Runs one command line, without the names of node and script; resolves with the exit code. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const outcome: CommandOutcome = { exitCode: EXIT.ok };
  try {
    await buildProgram(terminal, outcome).parseAsync(args, { from: 'user' });
    return outcome.exitCode;
  } catch (reason) {
    return reportFailure(reason, args, terminal);
  }
}

export function buildProgram(terminal: Terminal, outcome: CommandOutcome): Command {
  const program = new Command('headgate')
    .description('Video-stream gateway: serves HLS and DASH from a directory or an origin.')
    .version(VERSION, '--version', 'print the version')
    .helpOption('--help', 'show help')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => {
        const line = text
          .replace(/^error: /, '')
          .trim()
          .replaceAll(/\s+/g, ' ');
        write(`headgate: GW_USAGE: ${line}\n`);
      },
    })
    .addHelpText('after', AFTER_HELP);
  addServe(program, terminal, outcome);
  addConfig(program, terminal);
  addPurge(program, terminal);
  addWarm(program, terminal, outcome);
  return program;
}

function reportFailure(reason: unknown, args: readonly string[], terminal: Terminal): number {
  if (reason instanceof CommanderError) {
    return reason.exitCode === 0 ? EXIT.ok : EXIT.usage; // it has written its line already
  }
  const error = asGatewayError(reason);
  terminal.stderr.write(`headgate: ${error.message}\n`);
  if (wantsStack(args, terminal)) {
    terminal.stderr.write(`${error.stack ?? ''}\n`);
    if (error.cause instanceof Error) terminal.stderr.write(`cause: ${error.cause.stack ?? ''}\n`);
  }
  return error.code === 'GW_USAGE' || error.code === 'GW_CONFIG_INVALID'
    ? EXIT.usage
    : EXIT.failure;
}

/** Read from the words themselves: the configuration may be what failed. */
function wantsStack(args: readonly string[], { env }: Terminal): boolean {
  const words = [...args.join(' ').matchAll(/--log-level[= ](\w+)/g)].map(([, level]) => level);
  return /^(?:debug|trace)$/.test(words.at(-1) ?? env['HEADGATE_LOG_LEVEL'] ?? '');
}
