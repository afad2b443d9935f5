import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { parse } from 'yaml';
import { buildProgram, runCli } from '../../src/commands/program.js';
import { fakeTerminal } from '../support/fake-terminal.js';

const COMMANDS = [
  [],
  ['serve'],
  ['config'],
  ['config', 'check'],
  ['config', 'show'],
  ['config', 'schema'],
  ['purge'],
  ['warm'],
];

t.test('--help works on every command, ends with 0 and names each of its options', async (t) => {
  const { commands } = buildProgram(fakeTerminal(), { exitCode: 0 });
  const names = commands.map((command) => command.name());
  t.strictSame(names, ['serve', 'config', 'purge', 'warm'], 'no command is missing from the list');
  for (const words of COMMANDS) {
    const terminal = fakeTerminal();
    t.equal(await runCli([...words, '--help'], terminal), 0, words.join(' '));
    t.match(terminal.stdout.text, `Usage: headgate${words.map((word) => ` ${word}`).join('')}`);
    t.equal(terminal.stderr.text, '');
  }
});

t.test('serve --help lists the flags that README promises', async (t) => {
  const terminal = fakeTerminal();
  await runCli(['serve', '--help'], terminal);
  const flags =
    '--config --listen --admin --workers --shards --cache-memory --origin --tls-cert --tls-key --log-level --set';
  for (const flag of flags.split(' ')) t.match(terminal.stdout.text, `${flag} <`, flag);
});

t.test('what is wrong with a command line is one line with a code, and ends with 2', async (t) => {
  const rows = [
    [['serve', '--lisen', '1'], 'GW_USAGE', 'unknown option'],
    [['serve', 'a', 'b'], 'GW_USAGE', 'one argument too many'],
    [['serve', '--listen'], 'GW_USAGE', 'no value'],
    [['config', 'chek'], 'GW_USAGE', 'unknown subcommand'],
    [['purge'], 'GW_USAGE', 'purge what?'],
    [['purge', '/a', '--all'], 'GW_USAGE', 'one object or all?'],
    [['purge', '--prefix'], 'GW_USAGE', 'a prefix of what?'],
    [['purge', 'a'], 'GW_USAGE', 'not a path'],
    [['purge', '/a', '--admin', 'off'], 'GW_USAGE', 'no port to ask'],
    [['warm'], 'GW_USAGE', 'warm what?'],
    [['warm', 'ftp://x'], 'GW_USAGE', 'not a URL we fetch'],
    [['warm', '/a', '--first', '0'], 'GW_USAGE', 'nothing of it'],
    [['warm', '/a', '--timeout', '5'], 'GW_USAGE', 'no unit'],
    [['config', 'check', '--workers', 'x'], 'GW_CONFIG_INVALID', 'a bad value'],
    [['config', 'show', '--config', '/no/such.yaml'], 'GW_CONFIG_INVALID', 'no such file'],
    [['/no/such/folder'], 'GW_CONFIG_INVALID', 'no such folder to serve'],
  ] as const;
  for (const [args, code, why] of rows) {
    const terminal = fakeTerminal();
    t.equal(await runCli(args, terminal), 2, why);
    const [line = '', ...more] = terminal.stderr.text.trimEnd().split('\n');
    t.match(line, `headgate: ${code}: `, why);
    t.ok(
      more.every((fault) => fault.startsWith('  ') && !/^\s+at /.test(fault)),
      `${why}: no stack`,
    );
    t.equal(more.length, code === 'GW_USAGE' ? 0 : 1, `${why}: a line for each fault`);
    t.equal(terminal.stdout.text, '', why);
  }
});

t.test('the stack of a failure is shown at log level debug only', async (t) => {
  const rows = [
    [['purge', '/a', '--log-level', 'info'], {}, false],
    [['purge', '/a', '--log-level=debug'], {}, true],
    [['purge', '/a'], { HEADGATE_LOG_LEVEL: 'debug' }, true],
  ] as const;
  for (const [args, env, want] of rows) {
    // Port 1 is reserved, and nothing listens there.
    const terminal = fakeTerminal({ ...env, HEADGATE_ADMIN_LISTEN: '1' });
    t.equal(await runCli(args, terminal), 1, 'a failure, not a usage error');
    t.match(terminal.stderr.text, /^headgate: GW_ADMIN_UNREACHABLE: /);
    t.equal(/^\s+at /m.test(terminal.stderr.text), want, args.join(' '));
  }
});

t.test('config check and show take file, environment and flags alike', async (t) => {
  const check = fakeTerminal({ HEADGATE_SHARDS: '3' });
  t.equal(await runCli(['config', 'check', '--listen', '81', '--set', 'log.access=1'], check), 0);
  const show = fakeTerminal({ HEADGATE_SHARDS: '3', HEADGATE_ADMIN_TOKEN: 'do-not-show-me' });
  t.equal(
    await runCli(['config', 'show', '--origin', 'http://a/', '--origin', 'http://b/'], show),
    0,
  );
  t.match(parse(show.stdout.text), { shards: 3, origins: ['http://a/', 'http://b/'] });
  t.match(show.stdout.text, '# env HEADGATE_SHARDS');
  t.notMatch(show.stdout.text, 'do-not-show-me');
  const json = fakeTerminal({ HEADGATE_ADMIN_TOKEN: 'do-not-show-me' });
  t.equal(await runCli(['config', 'show', '--json', '--cache-memory', '32MiB'], json), 0);
  t.match(JSON.parse(json.stdout.text), { 'cache.memory': 33_554_432 });
  t.notMatch(json.stdout.text, 'do-not-show-me');
});

t.test('config schema prints JSON Schema, or the table of README', async (t) => {
  const schema = fakeTerminal();
  t.equal(await runCli(['config', 'schema'], schema), 0);
  t.match(JSON.parse(schema.stdout.text), { type: 'object', properties: { listen: {} } });
  const table = fakeTerminal();
  t.equal(await runCli(['config', 'schema', '--markdown'], table), 0);
  t.match(table.stdout.text, '| `cache.memory` |');
});

t.test('the real binary prints its version, and ends with the exit code', async (t) => {
  const cli = new URL('../../src/cli.js', import.meta.url).pathname;
  const rows = [
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
    [['config', 'check', '--shards', '0'], 2, /^$/],
  ] as const;
  for (const [args, want, output] of rows) {
    const child = spawn(process.execPath, [...process.execArgv, cli, ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    t.equal((await once(child, 'close'))[0], want, args.join(' '));
    t.match(text, output);
  }
});

t.test('whoever stops reading what the real binary prints does no harm', async (t) => {
  const cli = new URL('../../src/cli.js', import.meta.url).pathname;
  const args = [...process.execArgv, cli, 'config', 'schema'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  t.equal((await once(child, 'close'))[0], 0);
  t.equal(said, '');
});
