import path from 'node:path';
import { Command } from 'commander';
import t from 'tap';
import {
  addSourceOptions,
  collect,
  loadFrom,
  type SourceOptions,
} from '../../src/commands/source-options.js';
import { ConfigError } from '../../src/config/faults.js';
import { fakeTerminal } from '../support/fake-terminal.js';

function parsed(...args: readonly string[]): SourceOptions {
  return addSourceOptions(new Command().exitOverride()).parse(args, { from: 'user' }).opts();
}

t.test('collect() keeps every value of an option, in order, and leaves the list as it was', (t) => {
  const one = collect('a');
  const two = collect('b', one);
  t.strictSame([one, two], [['a'], ['a', 'b']]);
  t.end();
});

t.test('addSourceOptions() takes --set again and again, the others once', (t) => {
  const args = ['--set', 'a=1', '--log-level', 'debug', '--set', 'b=2', '--config', 'x.yaml'];
  t.strictSame(parsed(...args), { config: 'x.yaml', set: ['a=1', 'b=2'], logLevel: 'debug' });
  t.strictSame(parsed(), {});
  t.strictSame(parsed('--set', '--x=1').set, ['--x=1'], 'a value that looks like an option');
  t.end();
});

t.test('loadFrom() brings file, environment, flags and --set together, the later first', (t) => {
  const folder = t.testdir({ 'h.yaml': 'shards: 2\nworkers: 2\nlog: { level: warn }\n' });
  const file = path.join(folder, 'h.yaml');
  const flags = [{ path: 'shards', value: '4', name: '--shards' }];
  const env = { HEADGATE_SHARDS: '3', HEADGATE_WORKERS: '3' };
  const rows = [
    [{ config: file }, {}, [], [2, 2, 'warn']],
    [{ config: file }, env, [], [3, 3, 'warn']],
    [{ config: file }, env, flags, [4, 3, 'warn']],
    [{ config: file, set: ['shards=5'] }, env, flags, [5, 3, 'warn']],
    [{ config: file, logLevel: 'error' }, env, flags, [4, 3, 'error']],
    [{ config: file, logLevel: 'error', set: ['log.level=trace'] }, env, flags, [4, 3, 'trace']],
    [{}, { ...env, HEADGATE_CONFIG: file }, [], [3, 3, 'warn']],
    [{}, { HEADGATE_LOG_LEVEL: 'debug' }, [], [16, undefined, 'debug']],
  ] as const;
  for (const [options, given, flags, [shards, workers, level]] of rows) {
    const { config } = loadFrom(options, fakeTerminal(given), { flags });
    t.equal(config.shards, shards);
    t.equal(config.log.level, level);
    if (workers !== undefined) t.equal(config.workers, workers);
  }
  t.end();
});

t.test('loadFrom() reads the environment of the terminal, not of this process', (t) => {
  process.env['HEADGATE_SHARDS'] = '7';
  t.teardown(() => {
    delete process.env['HEADGATE_SHARDS'];
  });
  t.equal(loadFrom({}, fakeTerminal()).config.shards, 16);
  t.end();
});

t.test('loadFrom() names the faults of all of them, by the words on the command line', (t) => {
  const options = { config: '/no/such.yaml', logLevel: 'loud', set: ['shards=0'] };
  const flags = [{ path: 'listen', value: 'x', name: '--listen' }];
  try {
    loadFrom(options, fakeTerminal({ HEADGATE_WORKERS: '-1' }), { flags });
    t.fail('it has faults');
  } catch (reason) {
    t.ok(reason instanceof ConfigError);
    const { faults } = reason as ConfigError;
    t.strictSame(
      faults.map(({ from }) => from),
      ['--config', 'env HEADGATE_WORKERS', '--listen', '--log-level', '--set shards'],
    );
  }
  t.end();
});

t.test('loadFrom() looks for the files it names unless told not to', (t) => {
  const options = { set: ['origins=/no/such/folder'] };
  t.throws(() => loadFrom(options, fakeTerminal()), { code: 'GW_CONFIG_INVALID' });
  const { config } = loadFrom(options, fakeTerminal(), { checkMachine: false });
  t.strictSame(config.origins, ['/no/such/folder']);
  t.end();
});
