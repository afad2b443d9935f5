import t from 'tap';
import { CONFIG_SCHEMA } from '../../src/config/config.js';
import { envName, GROUPS, SETTINGS } from '../../src/config/settings.js';

/** A value of every setting, as the schema fills it in; the paths of its leaves. */
function leaves(value: unknown, path: string): string[] {
  const isGroup = GROUPS.has(path);
  if (!isGroup) return [path];
  return Object.entries(value as Record<string, unknown>).flatMap(([name, inner]) =>
    leaves(inner, path === '' ? name : `${path}.${name}`),
  );
}

t.test('SETTINGS has each leaf of the schema under its dotted path, in its order', (t) => {
  const decidedElsewhere = {
    workers: 1,
    cache: { memory: '1GiB', maxObject: '1MiB', sliceSize: '1MiB' },
  };
  const config = CONFIG_SCHEMA.parse(decidedElsewhere);
  const paths = [...SETTINGS.keys()];
  t.strictSame(new Set(paths), new Set(leaves(config, '')));
  t.equal(paths[0], 'listen');
  t.strictSame(
    paths.filter((path) => path.startsWith('origin.hedge.')),
    ['origin.hedge.share', 'origin.hedge.after'],
    'groups in groups',
  );
  for (const [path, setting] of SETTINGS) t.equal(setting.path, path);
  t.end();
});

t.test('every setting has what faults and tables need', (t) => {
  for (const { path, facts } of SETTINGS.values()) {
    t.match(facts.doc, /^[A-Z].*\.$/, `${path}: a sentence`);
    t.not(facts.want, '', `${path}: completes 'want ...'`);
    t.not(facts.takes, '', path);
  }
  const secrets = [...SETTINGS.values()].filter(({ facts }) => facts.secret);
  t.strictSame(
    secrets.map(({ path }) => path),
    ['admin.token'],
  );
  const names = [...SETTINGS.values()].filter(({ facts }) => facts.path);
  t.strictSame(
    names.map(({ path }) => path),
    ['tls.cert', 'tls.key', 'origins'],
    'taken relative to where they were written',
  );
  t.end();
});

t.test('a setting reads text by its own schema', (t) => {
  const rows = [
    ['cache.ttl.playlist', '90s', 90_000],
    ['cache.memory', '2MiB', 2_097_152],
    ['log.access', '.5', 0.5],
    ['key.sort', 'off', false],
    ['admin.listen', 'off', false],
  ] as const;
  for (const [path, text, want] of rows) {
    t.equal(SETTINGS.get(path)?.schema.parse(text), want, path);
  }
  t.end();
});

t.test('GROUPS are all beginnings of paths, whole names only', (t) => {
  const groups = [...GROUPS];
  t.ok(GROUPS.has(''), 'the root');
  t.ok(GROUPS.has('origin.breaker'));
  for (const name of ['cac', 'cache.', 'cache.memory', 'listen', 'ttl']) {
    t.notOk(GROUPS.has(name), name);
  }
  for (const group of groups.filter(Boolean)) {
    t.ok(
      [...SETTINGS.keys()].some((path) => path.startsWith(`${group}.`)),
      `${group} has settings`,
    );
  }
  t.end();
});

t.test('envName() parts words at dots and capitals', (t) => {
  const rows = [
    ['listen', 'HEADGATE_LISTEN'],
    ['cache.ttl.livePlaylistFactor', 'HEADGATE_CACHE_TTL_LIVE_PLAYLIST_FACTOR'],
    ['origin.connectTimeout', 'HEADGATE_ORIGIN_CONNECT_TIMEOUT'],
    ['a.b2C', 'HEADGATE_A_B2_C'],
  ] as const;
  for (const [path, want] of rows) t.equal(envName(path), want);
  for (const { path, env } of SETTINGS.values()) {
    t.equal(env, envName(path));
    t.match(env, /^HEADGATE(?:_[A-Z0-9]+)+$/);
  }
  t.end();
});
