import path from 'node:path';
import { Command } from 'commander';
import t from 'tap';
import { parse } from 'yaml';
import { addConfig } from '../../src/commands/config.js';
import { SETTINGS } from '../../src/config/settings.js';
import { fakeTerminal, type FakeTerminal } from '../support/fake-terminal.js';

const SECRETS = {
  HEADGATE_ADMIN_TOKEN: 'do-not-show-me',
  HEADGATE_ORIGINS: 'http://user:hidden@origin.example/',
};

async function config(terminal: FakeTerminal, ...words: readonly string[]): Promise<string> {
  const program = new Command('headgate').exitOverride();
  addConfig(program, terminal);
  await program.parseAsync(['config', ...words], { from: 'user' });
  return terminal.stdout.text;
}

t.test('config check says that a configuration is good, and nothing else', async (t) => {
  const terminal = fakeTerminal(SECRETS);
  t.equal(await config(terminal, 'check', '--shards', '3'), 'the configuration is good\n');
  t.equal(terminal.stderr.text, '');
});

t.test('config check throws every fault, and says nothing', async (t) => {
  const terminal = fakeTerminal({ HEADGATE_WORKERS: 'x' });
  const checked = config(
    terminal,
    'check',
    '--shards',
    '0',
    '--origin',
    '/no/such',
    '--admin',
    '::',
  );
  await t.rejects(checked, {
    code: 'GW_CONFIG_INVALID',
    faults: [
      { path: 'workers' },
      { path: 'admin.listen' },
      { path: 'shards' },
      { path: 'origins[0]' },
    ],
  });
  t.equal(terminal.stdout.text, '');
});

t.test(
  'config show prints what can be loaded again, with the source of what was set',
  async (t) => {
    const terminal = fakeTerminal({ HEADGATE_SHARDS: '3' });
    const shown = await config(terminal, 'show', '--listen', '81', '--set', 'cache.ttl.json=90s');
    t.match(shown, /^listen: .*81"? # --listen$/m);
    t.match(shown, /^shards: 3 # env HEADGATE_SHARDS$/m);
    t.match(shown, /^ {4}json: 90s # --set cache\.ttl\.json$/m);
    t.match(shown, /^tls:$/m);
    const file = path.join(t.testdir({ 'shown.yaml': shown }), 'shown.yaml');
    const again = await config(fakeTerminal(), 'show', '--config', file);
    t.strictSame(parse(again), parse(shown));
  },
);

t.test(
  'config show --json prints every setting by its path, in units of the machine',
  async (t) => {
    const shown = await config(fakeTerminal(), 'show', '--json', '--cache-memory', '32MiB');
    const values = JSON.parse(shown) as Record<string, unknown>;
    t.strictSame(Object.keys(values), [...SETTINGS.keys()]);
    t.equal(values['cache.memory'], 33_554_432);
    t.equal(values['origin.connectTimeout'], 3_000);
    t.ok(shown.endsWith('}\n'));
  },
);

t.test('config show leaves secrets out in both forms', async (t) => {
  for (const form of [[], ['--json']]) {
    const shown = await config(fakeTerminal(SECRETS), 'show', ...form);
    t.match(shown, 'origin.example');
    t.notMatch(shown, /do-not-show-me|hidden/);
    t.match(shown, '<redacted>', 'but says that there are some');
  }
});

t.test('config schema asks for no configuration, and prints a schema or a table', async (t) => {
  const broken = { HEADGATE_CONFIG: '/no/such.yaml', HEADGATE_SHARDS: 'x' };
  const schema: unknown = JSON.parse(await config(fakeTerminal(broken), 'schema'));
  t.match(schema, { type: 'object', additionalProperties: false, properties: { cache: {} } });
  const table = await config(fakeTerminal(broken), 'schema', '--markdown');
  const rows = table.trimEnd().split('\n').slice(2);
  t.equal(rows.length, SETTINGS.size);
  t.ok(rows.every((row) => /^\| `[\w.]+` \|.*\|$/.test(row)));
});
