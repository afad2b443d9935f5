import { Command } from 'commander';
import t from 'tap';
import {
  addServeOptions,
  serveFlags,
  type ServeOptions,
} from '../../src/commands/serve-options.js';
import { loadConfig } from '../../src/config/load.js';
import { SETTINGS } from '../../src/config/settings.js';

/** What the options of one command line come to. */
function parsed(...args: readonly string[]): ServeOptions {
  return addServeOptions(new Command().exitOverride()).parse(args, { from: 'user' }).opts();
}

const ONE_EACH = [
  ['--listen', '81', 'listen', { host: '0.0.0.0', port: 81 }],
  ['--admin', 'off', 'admin.listen', false],
  ['--workers', '3', 'workers', 3],
  ['--shards', '5', 'shards', 5],
  ['--cache-memory', '32MiB', 'cache.memory', 33_554_432],
  ['--tls-cert', '/c.pem', 'tls.cert', '/c.pem'],
  ['--tls-key', '/k.pem', 'tls.key', '/k.pem'],
] as const;

t.test('serveFlags() has each flag set its setting, under its own name', (t) => {
  for (const [name, value, path] of ONE_EACH) {
    t.strictSame(serveFlags(undefined, parsed(name, value)), [{ path, value, name }]);
    t.ok(SETTINGS.has(path), path);
  }
  t.end();
});

t.test('serveFlags() of all flags load as their settings', (t) => {
  const words = ONE_EACH.flatMap(([name, value]) => [name, value]);
  const flags = serveFlags(undefined, parsed(...words));
  const { config, from } = loadConfig({ flags, checkMachine: false });
  for (const [name, , path, want] of ONE_EACH) {
    const value = path
      .split('.')
      .reduce<unknown>((group, key) => (group as Record<string, unknown>)[key], config);
    t.strictSame(value, want, path);
    t.equal(from.get(path), name);
  }
  t.end();
});

t.test('serveFlags() sets nothing that was not given', (t) => {
  t.strictSame(serveFlags(undefined, parsed()), []);
  t.strictSame(serveFlags(undefined, parsed('--listen', '')), [
    { path: 'listen', value: '', name: '--listen' },
  ]);
  t.end();
});

t.test('serveFlags() puts the source before every --origin, in their order', (t) => {
  const rows = [
    [undefined, [], undefined, undefined],
    ['media', [], ['media'], 'source'],
    [undefined, ['http://b/', 'http://a/'], ['http://b/', 'http://a/'], '--origin'],
    ['media', ['http://a/'], ['media', 'http://a/'], 'source, --origin'],
    ['', [], [''], 'source'],
    ['a,b', [], ['a,b'], 'source'],
  ] as const;
  for (const [source, origins, want, name] of rows) {
    const options = parsed(...origins.flatMap((url) => ['--origin', url]));
    const wanted = want === undefined ? [] : [{ path: 'origins', value: want, name }];
    t.strictSame(serveFlags(source, options), wanted, JSON.stringify([source, ...origins]));
  }
  t.end();
});

t.test('a folder with a comma in its name is one origin', (t) => {
  const flags = serveFlags('/videos, old', {});
  t.strictSame(loadConfig({ flags, checkMachine: false }).config.origins, ['/videos, old']);
  t.end();
});

t.test('addServeOptions() tells the default of each flag in its help, that of the schema', (t) => {
  const command = addServeOptions(new Command());
  const help = command.helpInformation().replaceAll(/\s+/g, ' ');
  for (const [name, , path] of ONE_EACH) {
    const initial = SETTINGS.get(path)?.facts.initial ?? '';
    const option = command.options.find(({ long }) => long === name);
    t.equal(option?.description.includes('(default: '), initial !== '', name);
    if (initial !== '') t.ok(option?.description.endsWith(`(default: ${initial})`), name);
    t.equal(option?.required, true, `${name} takes a value`);
  }
  t.match(help, '--config <file>', 'and those of every command');
  t.end();
});
