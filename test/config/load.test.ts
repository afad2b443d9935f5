import t from 'tap';
import { ConfigError, type Fault } from '../../src/config/faults.js';
import { loadConfig, type Sources, type Surroundings } from '../../src/config/load.js';
import { GROUPS, SETTINGS } from '../../src/config/settings.js';
import { TEST_CERT, TEST_KEY } from '../support/tls.js';

const GIB = 2 ** 30;

function machine(files: Readonly<Record<string, string>> = {}): Surroundings {
  return {
    cwd: '/srv',
    cores: 6,
    memoryBytes: 2 * GIB,
    readFile: (name) => {
      const text = files[name];
      if (text === undefined) throw new Error(`ENOENT: ${name}`);
      return text;
    },
    probe: (name) =>
      name.endsWith('.pem') ? 'file' : name.includes('no') ? 'missing' : 'directory',
  };
}

function faultsOf(sources: Sources, around = machine()): readonly Fault[] {
  try {
    loadConfig(sources, around);
  } catch (reason) {
    if (reason instanceof ConfigError) return reason.faults;
    throw reason;
  }
  return [];
}

t.test('without any source the defaults hold, those of the machine included', (t) => {
  const { config, from } = loadConfig({}, machine());
  t.strictSame(config.listen, { host: '0.0.0.0', port: 8080 });
  t.strictSame(config.admin, { listen: { host: '127.0.0.1', port: 9090 }, token: '' });
  t.equal(config.workers, 6, 'one for each core');
  t.equal(config.cache.memory, GIB / 2, 'a quarter of RAM');
  t.equal(config.cache.maxObject, GIB / 64, "half of a shard's share");
  t.strictSame(config.origins, []);
  t.equal(config.origin.connectTimeout, 3_000);
  t.equal(config.cache.ttl.segment, 365 * 86_400_000);
  t.strictSame(new Set(from.values()), new Set(['default']));
  t.end();
});

t.test('cache.memory is a quarter of RAM, but never more than 1 GiB', (t) => {
  const rows = [
    [64 * GIB, GIB, 'large machine'],
    [GIB, GIB / 4, 'small machine'],
    [2 ** 20, 16 * 2 ** 20, 'nearly nothing: the least that is of use'],
  ] as const;
  for (const [memoryBytes, want, why] of rows) {
    t.equal(loadConfig({}, { ...machine(), memoryBytes }).config.cache.memory, want, why);
  }
  t.end();
});

t.test('the configuration is frozen, groups included', (t) => {
  const { config } = loadConfig({}, machine());
  t.throws(() => Object.assign(config, { workers: 1 }), TypeError);
  t.throws(() => Object.assign(config.cache.ttl, { json: 1 }), TypeError);
  t.end();
});

t.test('a later source wins: default, file, environment, flag, --set', (t) => {
  const file = { file: 'a.yaml' };
  const env = { HEADGATE_SHARDS: '3' };
  const flags = [{ path: 'shards', value: '4', name: '--shards' }];
  const set = ['shards=5', 'shards=6'];
  const rows = [
    [{}, 16, 'default'],
    [file, 2, '/srv/a.yaml:1:9'],
    [{ ...file, env }, 3, 'env HEADGATE_SHARDS'],
    [{ ...file, env, flags }, 4, '--shards'],
    [{ ...file, env, flags, set }, 6, '--set shards'],
  ] as const;
  for (const [sources, want, source] of rows) {
    const { config, from } = loadConfig(sources, machine({ 'a.yaml': 'shards: 2' }));
    t.equal(config.shards, want, source);
    t.equal(from.get('shards'), source);
  }
  t.end();
});

t.test('every setting can be set from its environment variable', (t) => {
  const names = [...SETTINGS.values()].map(({ env }) => env);
  t.equal(new Set(names).size, names.length, 'no two settings share a name');
  for (const [path, name] of [
    ['listen', 'HEADGATE_LISTEN'],
    ['cache.memory', 'HEADGATE_CACHE_MEMORY'],
    ['origin.connectTimeout', 'HEADGATE_ORIGIN_CONNECT_TIMEOUT'],
    ['cache.ttl.livePlaylistFactor', 'HEADGATE_CACHE_TTL_LIVE_PLAYLIST_FACTOR'],
  ] as const) {
    t.equal(SETTINGS.get(path)?.env, name);
  }
  for (const { path, env, facts } of SETTINGS.values()) {
    const written = {
      workers: '2',
      'cache.memory': '1GiB',
      'cache.maxObject': '1MiB',
      'cache.sliceSize': '512KiB',
      'front.addresses': '10.0.0.0/8, ::1',
    }[path];
    const value = written ?? (facts.initial || '/videos');
    if (path === 'admin.token' || path.startsWith('tls.')) continue; // no default to repeat
    const { config, from } = loadConfig({ env: { [env]: value } }, machine());
    t.equal(from.get(path), `env ${env}`, env);
    if (written === undefined && path !== 'origins') {
      t.strictSame(config, loadConfig({}, machine()).config, `${env} as its default`);
    }
  }
  t.end();
});

t.test('text and typed YAML values mean the same', (t) => {
  const yaml = [
    'listen: 8081',
    'admin: { listen: off }',
    'origins: [media, http://b/]',
    'cache: { memory: 67108864, maxObject: 1MiB }',
    'key: { query: [a, b], sort: false }',
    'prefetch: { enabled: off }',
  ].join('\n');
  const env = {
    HEADGATE_LISTEN: '8081',
    HEADGATE_ADMIN_LISTEN: 'off',
    HEADGATE_ORIGINS: 'media, http://b/',
    HEADGATE_CACHE_MEMORY: '64MiB',
    HEADGATE_CACHE_MAX_OBJECT: '1048576',
    HEADGATE_KEY_QUERY: 'a,b',
    HEADGATE_KEY_SORT: '0',
    HEADGATE_PREFETCH_ENABLED: 'no',
  };
  const fromFile = loadConfig({ file: 'a.yaml' }, machine({ 'a.yaml': yaml })).config;
  t.strictSame(fromFile, loadConfig({ env }, machine()).config);
  t.strictSame(fromFile.origins, ['/srv/media', 'http://b/']);
  t.equal(fromFile.admin.listen, false);
  t.end();
});

t.test(
  'file names are taken relative to the file that has them, else to the working folder',
  (t) => {
    const around = machine({
      '/etc/headgate/h.yaml': 'tls: { cert: c.pem, key: /k.pem }',
      '/etc/headgate/c.pem': TEST_CERT,
      '/k.pem': TEST_KEY,
    });
    const { config } = loadConfig(
      { file: '/etc/headgate/h.yaml', set: ['origins=videos,https://o/x'] },
      around,
    );
    t.strictSame(config.tls, { cert: '/etc/headgate/c.pem', key: '/k.pem' });
    t.strictSame(config.origins, ['/srv/videos', 'https://o/x']);
    t.end();
  },
);

t.test('HEADGATE_CONFIG names the file where no flag does', (t) => {
  const around = machine({ 'e.yaml': 'shards: 5', 'f.yaml': 'shards: 6' });
  const env = { HEADGATE_CONFIG: 'e.yaml' };
  t.equal(loadConfig({ env }, around).config.shards, 5);
  t.equal(loadConfig({ env, file: 'f.yaml' }, around).config.shards, 6);
  t.end();
});

t.test('each fault names its path and where it came from', (t) => {
  const rows = [
    ['shards: 0', 'shards', ':1:9', 'below the range'],
    ['shards: 2.5', 'shards', ':1:9', 'not whole'],
    ['shards: [1]', 'shards', ':1:9', 'a list where a number belongs'],
    ['shards:', 'shards', ':1:8', 'nothing written'],
    ['workers: 65', 'workers', ':1:10', 'above the range'],
    ['cache:\n  memory: 4x', 'cache.memory', ':2:11', 'unknown unit'],
    ['cache:\n  ttl:\n    json: 10', 'cache.ttl.json', ':3:11', 'no unit'],
    ['cache: 5', 'cache', ':1:8', 'a value where a group belongs'],
    ['cache: { name: "a b" }', 'cache.name', ':1:16', 'not a token'],
    ['log: { level: loud }', 'log.level', ':1:15', 'unknown word'],
    ['log: { access: 1.1 }', 'log.access', ':1:16', 'above one'],
    ['prefetch: { enabled: maybe }', 'prefetch.enabled', ':1:22', 'neither true nor false'],
    ['listen: {host: a, port: 99999}', 'listen', ':1:9', 'no such port'],
    ['origins: [ftp://x/]', 'origins', ':1:10', 'unknown scheme'],
    ['origins: ["http://x/?a=b"]', 'origins', ':1:10', 'a query'],
    ['origins: [/no/such]', 'origins[0]', ':1:10', 'directory that is not there'],
    ['origins: [/x.pem]', 'origins[0]', ':1:10', 'a file where a directory belongs'],
    ['tls: { cert: a.pem }', 'tls.key', ':1:14', 'certificate without its key'],
    ['tls: { cert: a.pem, key: nope }', 'tls.key', ':1:26', 'key that is not there'],
    ['admin: { listen: 0.0.0.0:9090 }', 'admin.token', ':1:18', 'open to all without a token'],
    ['admin: { token: short }', 'admin.token', ':1:17', 'a token that can be guessed'],
    ['listen: 9090', 'admin.listen', 'default', 'both on one port'],
    ['cache: { memory: 1MiB }\nshards: 64', 'cache.memory', ':1:18', 'shards with no room'],
    ['cache: { maxObject: 1GiB }', 'cache.maxObject', ':1:21', 'larger than a shard'],
    [
      'cache: { memory: 16GiB, maxObject: 4GiB }\nshards: 4',
      'cache.maxObject',
      ':1:36',
      'more than a length in shared memory counts',
    ],
    ['cache: { sliceSize: 1KiB }', 'cache.sliceSize', ':1:21', 'slices of next to nothing'],
    [
      'cache: { maxObject: 1MiB, sliceSize: 2MiB }',
      'cache.sliceSize',
      ':1:38',
      'larger than an object',
    ],
    ['limits: { url: 32KiB }', 'limits.url', ':1:16', 'longer than the head'],
    ['compression: { maxSize: 1KiB, minSize: 1MiB }', 'compression.minSize', ':1:40', 'crossed'],
    ['shardz: 3', 'shardz', ':1:1', 'unknown name'],
    ['__proto__: 3', '__proto__', ':1:1', 'unknown name that JavaScript knows'],
    ['shards: 1\nshards: 2', 'a.yaml', ':2:1', 'written twice'],
    ['a: [', 'a.yaml', '', 'not YAML'],
    ['- 1', 'file', ':1:1', 'not a map'],
    ['cache: { memory: 4TiB, maxObject: 1MiB }', 'cache.memory', ':1:18', 'more than there is'],
    ['cache: { memory: 8x, sliceSize: 64MiB }', 'cache.memory', ':1:18', 'which decides the other'],
    ['origins: [http://a/, /no]', 'origins[1]', ':1:10', 'the second is not there'],
    ['origins: &o [*o]', 'origins', ':1:13', 'a list in itself'],
  ] as const;
  for (const [yaml, path, place, why] of rows) {
    const around = { ...machine({ 'a.yaml': yaml }), memoryBytes: 24 * GIB };
    const faults = faultsOf({ file: 'a.yaml' }, around);
    t.equal(faults.length, 1, `${why}: one fault`);
    const fault = faults[0];
    t.equal(fault?.path.replace('/srv/', ''), path, why);
    t.ok(fault?.from.endsWith(place), `${why}: ${fault?.from ?? ''} ends with ${place}`);
  }
  t.end();
});

t.test('all faults of all sources come at once', (t) => {
  const faults = faultsOf(
    {
      file: 'a.yaml',
      env: { HEADGATE_WORKERS: 'many', HEADGATE_SHARD: '1' },
      flags: [{ path: 'listen', value: 'x', name: '--listen' }],
      set: ['log.level=loud', 'cache=1', 'nonsense', 'connectTimeout=3s'],
    },
    machine({ 'a.yaml': 'shards: 0\nadmin: { listen: 0.0.0.0:1 }' }),
  );
  t.strictSame(
    new Map(faults.map(({ path, from }) => [path, from])),
    new Map([
      ['shards', '/srv/a.yaml:1:9'],
      ['admin.token', '/srv/a.yaml:2:18'],
      ['HEADGATE_SHARD', 'env HEADGATE_SHARD'],
      ['workers', 'env HEADGATE_WORKERS'],
      ['listen', '--listen'],
      ['log.level', '--set log.level'],
      ['cache', '--set cache'],
      ['--set', '--set'],
      ['connectTimeout', '--set connectTimeout'],
    ]),
  );
  t.throws(() => loadConfig({ set: ['x'] }, machine()), { code: 'GW_CONFIG_INVALID' });
  t.end();
});

t.test('a fault in a source stays one when a later source overrides the value', (t) => {
  const faults = faultsOf({ env: { HEADGATE_SHARDS: 'x' }, set: ['shards=4'] });
  t.strictSame(
    faults.map(({ from }) => from),
    ['env HEADGATE_SHARDS'],
  );
  t.end();
});

t.test('unknown names come with the name that may have been meant', (t) => {
  const rows = [
    ['shardz', 'shards', 'one letter'],
    ['connectTimeout', 'origin.connectTimeout', 'the group left out'],
    ['cache.memmory', 'cache.memory', 'a doubled letter'],
    ['cache.max_object', 'cache.maxObject', 'other spelling'],
    ['cahce', 'cache', 'a group'],
    ['zzzzzzzz', undefined, 'nothing is near'],
  ] as const;
  for (const [name, want, why] of rows) {
    t.equal(faultsOf({ set: [`${name}=1`] })[0]?.hint, want, why);
  }
  t.end();
});

t.test('variables that Kubernetes and Compose put there are no faults', (t) => {
  const env = {
    HEADGATE_PORT: 'tcp://10.0.0.1:8080',
    HEADGATE_SERVICE_HOST: '10.0.0.1',
    HEADGATE_SERVICE_PORT_HTTP: '8080',
    HEADGATE_PORT_8080_TCP_ADDR: '10.0.0.1',
    HEADGATE_SHARDS: '', // empty counts as unset
    PATH: '/bin',
  };
  t.strictSame(faultsOf({ env }), []);
  t.end();
});

t.test('secrets and credentials do not appear in faults', (t) => {
  const faults = faultsOf({
    env: { HEADGATE_ADMIN_TOKEN: 'secret!', HEADGATE_ORIGINS: 'http://u:secret!@h/?x' },
  });
  t.equal(faults.length, 2);
  t.notMatch(JSON.stringify(faults), 'secret!');
  t.end();
});

t.test('a file that cannot be read or is too large is a fault, not a crash', (t) => {
  t.equal(faultsOf({ file: 'nope.yaml' })[0]?.from, '--config');
  const env = { HEADGATE_CONFIG: 'nope.yaml' };
  t.equal(faultsOf({ env })[0]?.from, 'env HEADGATE_CONFIG');
  const large = machine({ 'a.yaml': `# ${'x'.repeat(2 ** 20)}` });
  t.equal(faultsOf({ file: 'a.yaml' }, large).length, 1);
  t.end();
});

t.test('aliases are followed, and a bomb of them is refused', (t) => {
  const shared = machine({ 'a.yaml': 'origin: { connectTimeout: &t 7s, headersTimeout: *t }' });
  t.equal(loadConfig({ file: 'a.yaml' }, shared).config.origin.headersTimeout, 7_000);
  const ten = (name: string): string => `[${Array.from({ length: 10 }, () => `*${name}`).join()}]`;
  const bomb = `key:\n  ignore: &a [x]\n  query: [&b ${ten('a')}, &c ${ten('b')}, &d ${ten('c')}, ${ten('d')}]`;
  t.not(faultsOf({ file: 'a.yaml' }, machine({ 'a.yaml': bomb })).length, 0);
  t.end();
});

t.test('GROUPS are the inner names of the settings, the root included', (t) => {
  for (const group of ['', 'cache', 'cache.ttl', 'origin.breaker']) t.ok(GROUPS.has(group), group);
  t.notOk(
    [...GROUPS].some((group) => SETTINGS.has(group)),
    'no name is both',
  );
  t.end();
});
