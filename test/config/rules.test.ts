import t from 'tap';
import type { Config } from '../../src/config/config.js';
import { loadConfig } from '../../src/config/load.js';
import {
  judgeFiles,
  judgeMemory,
  judgeRules,
  MAX_OBJECT_BYTES,
  type FileKind,
} from '../../src/config/rules.js';

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const KIB = 2 ** 10;
const NONE: ReadonlySet<string> = new Set();
/** Keeps every rule, with shards of 256 MiB. */
const GOOD = loadConfig({
  set: ['workers=2', 'cache.memory=4GiB', 'shards=16', 'cache.maxObject=128MiB'],
}).config;

/** Paths of the settings at fault, in the order of the rules. */
function faultsOf(config: Config, faulty = NONE): string[] {
  return judgeRules(config, faulty).map(({ path }) => path);
}

function withCache(cache: Partial<Config['cache']>, shards = GOOD.shards): Config {
  return { ...GOOD, shards, cache: { ...GOOD.cache, ...cache } };
}

function withAdmin(host: string, token = '', port = 9090): Config {
  return { ...GOOD, admin: { listen: { host, port }, token } };
}

t.test('judgeRules() wants a token wherever others reach the admin port', (t) => {
  const rows = [
    ['127.0.0.1', '', true, 'loopback'],
    ['127.8.8.8', '', true, 'all of 127.0.0.0/8 is'],
    ['::1', '', true, 'over IPv6'],
    ['LOCALHOST', '', true, 'by name'],
    ['0.0.0.0', '', false, 'every address'],
    ['::', '', false, 'every address, over IPv6'],
    ['10.0.0.1', '', false, 'an address of a network'],
    ['127.0.0.1.example', '', false, 'a name that looks like loopback'],
    ['0.0.0.0', 'correct-horse', true, 'a token will do'],
  ] as const;
  for (const [host, token, good, why] of rows) {
    t.strictSame(faultsOf(withAdmin(host, token)), good ? [] : ['admin.token'], why);
  }
  const off = { ...GOOD, admin: { listen: false, token: '' } } as const;
  t.strictSame(faultsOf(off), [], 'no admin port, no token');
  const [finding] = judgeRules(withAdmin('::'), NONE);
  t.equal(finding?.of, 'admin.listen', 'the address is to blame');
  t.match(finding?.want, '[::]:9090');
  t.end();
});

t.test('judgeRules() wants tls.cert and tls.key both or neither', (t) => {
  const rows = [
    ['', '', undefined],
    ['/c.pem', '/k.pem', undefined],
    ['/c.pem', '', { path: 'tls.key', of: 'tls.cert' }],
    ['', '/k.pem', { path: 'tls.cert', of: 'tls.key' }],
  ] as const;
  for (const [cert, key, want] of rows) {
    const [finding] = judgeRules({ ...GOOD, tls: { cert, key } }, NONE);
    if (want === undefined) t.equal(finding, undefined);
    else t.match(finding, want);
  }
  t.end();
});

t.test('judgeRules() wants two ports, unless one of them is any free one', (t) => {
  const at = (port: number): Config['listen'] => ({ host: '127.0.0.1', port });
  const rows = [
    [at(8080), at(9090), []],
    [at(9090), at(9090), ['admin.listen']],
    [at(0), at(0), []],
    [at(9090), false, []],
  ] as const;
  for (const [listen, admin, want] of rows) {
    t.strictSame(faultsOf({ ...GOOD, listen, admin: { listen: admin, token: '' } }), want);
  }
  t.end();
});

t.test('judgeRules() bounds what the cache holds, to the byte', (t) => {
  const slices = { sliceSize: 0 };
  const rows = [
    [withCache({ memory: 64 * 64 * KIB, maxObject: 4096, ...slices }, 64), [], 'the least shards'],
    [
      withCache({ memory: 64 * 64 * KIB - 1, maxObject: 4096, ...slices }, 64),
      ['cache.memory'],
      'a byte less',
    ],
    [withCache({ maxObject: 256 * MIB, ...slices }), [], 'an object that fills its shard'],
    [withCache({ maxObject: 256 * MIB + 1, ...slices }), ['cache.maxObject'], 'a byte more'],
    [
      withCache({ memory: 8 * GIB, maxObject: MAX_OBJECT_BYTES, ...slices }, 2),
      [],
      'as long as a length can be told',
    ],
    [
      withCache({ memory: 8 * GIB, maxObject: MAX_OBJECT_BYTES + 1, ...slices }, 2),
      ['cache.maxObject'],
      'a byte longer',
    ],
  ] as const;
  for (const [config, want, why] of rows) t.strictSame(faultsOf(config), want, why);
  t.ok(MAX_OBJECT_BYTES < 2 ** 31, 'a length in 31 bits');
  t.end();
});

t.test('judgeRules() bounds slices by what they are worth and by an object', (t) => {
  const rows = [
    [0, MIB, true, 'none at all'],
    [64 * KIB, MIB, true, 'the smallest'],
    [64 * KIB - 1, MIB, false, 'a byte smaller'],
    [MIB, MIB, true, 'an object'],
    [MIB + 1, MIB, false, 'more than an object'],
    [4 * KIB, 4 * KIB, true, 'objects are smaller than the smallest slice'],
    [4 * KIB - 1, 4 * KIB, false, 'smaller still'],
  ] as const;
  for (const [sliceSize, maxObject, good, why] of rows) {
    const config = withCache({ sliceSize, maxObject });
    t.strictSame(faultsOf(config), good ? [] : ['cache.sliceSize'], why);
  }
  t.end();
});

t.test('judgeRules() wants no lower bound above its upper one', (t) => {
  const { limits, compression } = GOOD;
  const rows = [
    [{ ...GOOD, limits: { ...limits, url: limits.header } }, []],
    [{ ...GOOD, limits: { ...limits, url: limits.header + 1 } }, ['limits.url']],
    [{ ...GOOD, compression: { ...compression, minSize: compression.maxSize } }, []],
    [
      { ...GOOD, compression: { ...compression, minSize: compression.maxSize + 1 } },
      ['compression.minSize'],
    ],
  ] as const;
  for (const [config, want] of rows) t.strictSame(faultsOf(config), want);
  t.end();
});

t.test('judgeRules() leaves alone what a setting at fault decides', (t) => {
  const rows = [
    [withAdmin('0.0.0.0'), ['admin.listen', 'admin.token']],
    [{ ...GOOD, tls: { cert: '/c', key: '' } }, ['tls.cert', 'tls.key']],
    [withAdmin('127.0.0.1', '', GOOD.listen.port), ['listen', 'admin.listen']],
    [withCache({ memory: MIB, maxObject: 4096, sliceSize: 0 }, 64), ['cache.memory', 'shards']],
    [withCache({ maxObject: GIB, sliceSize: 0 }), ['cache.memory', 'shards', 'cache.maxObject']],
    [withCache({ sliceSize: 1 }), ['cache.sliceSize', 'cache.maxObject', 'cache.memory', 'shards']],
    [{ ...GOOD, limits: { ...GOOD.limits, url: MIB } }, ['limits.url', 'limits.header']],
  ] as const;
  for (const [config, paths] of rows) {
    t.equal(faultsOf(config).length, 1, `${paths.join()}: a fault`);
    for (const path of paths) t.strictSame(faultsOf(config, new Set([path])), [], path);
  }
  t.end();
});

t.test('judgeRules() finds every fault at once', (t) => {
  const broken = {
    ...withCache({ maxObject: GIB, sliceSize: 1 }),
    admin: { listen: { host: '0.0.0.0', port: GOOD.listen.port }, token: '' },
    tls: { cert: '/c', key: '' },
  };
  t.strictSame(faultsOf(broken), [
    'admin.token',
    'tls.key',
    'admin.listen',
    'cache.maxObject',
    'cache.sliceSize',
  ]);
  t.end();
});

t.test('judgeMemory() leaves room for the books', (t) => {
  const rows = [
    [106 * MIB, [], 'as much as it takes'],
    [106 * MIB - 1, ['cache.memory'], 'a byte less'],
  ] as const;
  for (const [memoryBytes, want, why] of rows) {
    const findings = judgeMemory(withCache({ memory: 100 * MIB }), memoryBytes);
    t.strictSame(
      findings.map(({ path }) => path),
      want,
      why,
    );
  }
  t.match(judgeMemory(withCache({ memory: 4096 * GIB }), 24 * GIB)[0]?.want, '24GiB');
  t.end();
});

t.test('judgeFiles() names the item that is at fault, URLs before it or not', (t) => {
  const origins = ['http://a/', '/no', 'https://b/', '/nor'];
  t.match(
    judgeFiles({ ...GOOD, origins }, () => 'missing').map(({ path }) => path),
    ['origins[1]', 'origins[3]'],
  );
  t.end();
});

t.test('judgeFiles() looks at every file and directory, and at nothing else', (t) => {
  const probed: string[] = [];
  const probe = (name: string): FileKind => {
    probed.push(name);
    return name.endsWith('.pem') ? 'file' : 'directory';
  };
  t.strictSame(judgeFiles(GOOD, probe), [], 'no files, no faults');
  t.strictSame(probed, []);
  const named = {
    ...GOOD,
    tls: { cert: '/c.pem', key: '/k.pem' },
    origins: ['/videos', 'http://a/', 'HTTPS://b/'],
  };
  t.strictSame(judgeFiles(named, probe), []);
  t.strictSame(probed, ['/c.pem', '/k.pem', '/videos']);
  t.end();
});

t.test('judgeFiles() says what it found in place of what it wants', (t) => {
  const rows = [
    ['missing', "'/x', missing"],
    ['unreadable', "'/x', unreadable"],
    ['file', "'/x', a file"],
    ['directory', "'/x', a directory"],
  ] as const;
  for (const [kind, got] of rows) {
    const config = { ...GOOD, tls: { cert: '/x', key: '' }, origins: ['/x'] };
    const wants = [
      ...(kind === 'file' ? [] : [{ path: 'tls.cert', want: 'a readable file', got }]),
      ...(kind === 'directory'
        ? []
        : [{ path: 'origins[0]', want: 'a readable directory', got, of: 'origins' }]),
    ];
    t.strictSame(
      judgeFiles(config, () => kind),
      wants,
      kind,
    );
  }
  t.end();
});
