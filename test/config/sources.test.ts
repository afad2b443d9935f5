import path from 'node:path';
import t from 'tap';
import {
  readAssignments,
  readEnvironment,
  readYaml,
  type Reading,
} from '../../src/config/sources.js';

const FILE = '/etc/headgate.yaml';

/** Entries as 'path=value (from)', so that a table can hold them. */
function told({ entries, faults }: Reading): string[] {
  return [
    ...entries.map(({ path, value, from }) => `${path}=${JSON.stringify(value)} (${from})`),
    ...faults.map(({ path, from }) => `! ${path} (${from})`),
  ];
}

function yaml(text: string): string[] {
  return told(readYaml(text, FILE)).map((line) => line.replace(`${FILE}:`, '').replace(FILE, ''));
}

t.test('readYaml() gives each setting with the place of its value', (t) => {
  const rows = [
    ['', [], 'an empty file'],
    ['# nothing\n', [], 'comments alone'],
    ['cache:\nlog:\n', [], 'groups with all their lines commented out'],
    ['listen: 81', ['listen=81 (1:9)'], 'a number'],
    ['\uFEFF#\nlisten: 81', ['listen=81 (2:9)'], 'behind a byte order mark'],
    ['listen: 81\r\nshards: 2\r\n', ['listen=81 (1:9)', 'shards=2 (2:9)'], 'CRLF'],
    ['listen:\n  port: 81\n', ['listen={"port":81} (2:3)'], 'a map that is one value'],
    ['cache: { ttl: { json: 1s } }', ['cache.ttl.json="1s" (1:23)'], 'groups in groups'],
    ['origins:\n- a\n- b\n', ['origins=["a","b"] (2:1)'], 'a list'],
    ['tls: { cert: }', ['tls.cert=null (1:14)'], 'nothing written'],
    ['shards: "2"', ['shards="2" (1:9)'], 'text stays text'],
    ['listen: &p 81\nshards: *p', ['listen=81 (1:12)', 'shards=81 (1:12)'], 'an alias'],
  ] as const;
  for (const [text, want, why] of rows) t.strictSame(yaml(text), want, why);
  t.end();
});

t.test('readYaml() names unknown settings and misplaced values, and reads the rest', (t) => {
  const rows = [
    ['shardz: 1\nshards: 2', ['shards=2 (2:9)', '! shardz (1:1)'], 'an unknown name'],
    ['cache:\n  memry: 1', ['! cache.memry (2:3)'], 'in a group'],
    ['memory: 1', ['! memory (1:1)'], 'out of its group'],
    ['cache: [1]', ['! cache (1:8)'], 'a list where a group belongs'],
    ['cache: true', ['! cache (1:8)'], 'a value where a group belongs'],
    ['cache: { ttl: 1s }', ['! cache.ttl (1:15)'], 'the same, deeper'],
    ['[listen]', ['! file (1:1)'], 'no map at all'],
    ['just words', ['! file (1:1)'], 'text'],
    ['constructor: 1', ['! constructor (1:1)'], 'a name that JavaScript knows'],
    ['? [a]\n: 1', ['! ? (1:3)'], 'a name that is no text'],
    ['7: 1', ['! 7 (1:1)'], 'a number for a name'],
    ['listen.port: 81', ['! listen.port (1:1)'], 'a part of a value'],
  ] as const;
  for (const [text, want, why] of rows) t.strictSame(yaml(text), want, why);
  t.end();
});

t.test('readYaml() reads nothing of a text that is not good YAML', (t) => {
  const rows = [
    ['listen: 81\nlisten: 82', '2:1', 'written twice'],
    ['listen: 81\n\tshards: 2', '2:1', 'a tab'],
    ['listen: !env PORT', '1:9', 'an unknown tag'],
    ['listen: 81\n---\nshards: 2', '2:1', 'two documents'],
    ['listen: {', '1:10', 'unclosed'],
  ] as const;
  for (const [text, place, why] of rows) {
    const { entries, faults } = readYaml(text, FILE);
    t.strictSame(entries, [], why);
    t.ok(faults.length > 0, why);
    t.ok(
      faults.some((fault) => fault.from === `${FILE}:${place}`),
      `${why}: ${told({ entries, faults }).join()}`,
    );
    t.ok(faults.every(({ want, got }) => want === 'well-formed YAML' && !got.includes('\n')));
  }
  t.end();
});

t.test('readYaml() refuses a file of more than a million characters unread', (t) => {
  const full = '# '.padEnd(1_048_576, 'x');
  t.strictSame(told(readYaml(full, FILE)), []);
  t.strictSame(told(readYaml(`${full}x`, FILE)), [`! ${FILE} (${FILE})`]);
  t.end();
});

t.test('readYaml() has file names start at the folder of the file', (t) => {
  t.equal(readYaml('shards: 1', '/etc/h/a.yaml').entries[0]?.base, '/etc/h');
  t.equal(readYaml('shards: 1', 'h/a.yaml').entries[0]?.base, path.resolve('h'), 'made absolute');
  t.end();
});

t.test('readEnvironment() takes the variables of settings and leaves the others alone', (t) => {
  const rows = [
    [{ HEADGATE_SHARDS: '4' }, ['shards="4" (env HEADGATE_SHARDS)'], 'a setting'],
    [{ HEADGATE_SHARDS: '' }, [], 'empty: unset'],
    [{ HEADGATE_SHARDS: undefined }, [], 'unset'],
    [{ HEADGATE_SHARDS: ' ' }, ['shards=" " (env HEADGATE_SHARDS)'], 'a blank is something'],
    [{ PATH: '/bin', HEADGATEWAY: 'x', headgate_shards: '1' }, [], 'not ours'],
    [{ HEADGATE_CONFIG: 'a.yaml', HEADGATE_NO_ADDON: '1' }, [], 'read elsewhere'],
    [{ HEADGATE_SHARD: '4' }, ['! HEADGATE_SHARD (env HEADGATE_SHARD)'], 'unknown'],
    [{ HEADGATE_CACHE: 'x' }, ['! HEADGATE_CACHE (env HEADGATE_CACHE)'], 'a group'],
    [{ HEADGATE_: 'x' }, ['! HEADGATE_ (env HEADGATE_)'], 'no name'],
  ] as const;
  for (const [env, want, why] of rows) t.strictSame(told(readEnvironment(env, '/srv')), want, why);
  const { faults } = readEnvironment({ HEADGATE_SHARD: '4' }, '/srv');
  t.equal(faults[0]?.hint, 'HEADGATE_SHARDS');
  t.equal(readEnvironment({ HEADGATE_SHARDS: '4' }, '/srv').entries[0]?.base, '/srv');
  t.end();
});

t.test('readEnvironment() knows what Kubernetes makes of services named like us', (t) => {
  const put = {
    HEADGATE_SERVICE_HOST: '10.0.0.1',
    HEADGATE_SERVICE_PORT: '80',
    HEADGATE_SERVICE_PORT_HTTP: '80',
    HEADGATE_PORT: 'tcp://10.0.0.1:80',
    HEADGATE_PORT_80_TCP: 'tcp://10.0.0.1:80',
    HEADGATE_PORT_80_TCP_PROTO: 'tcp',
    HEADGATE_PORT_80_TCP_PORT: '80',
    HEADGATE_ADMIN_SERVICE_HOST: '10.0.0.2',
    HEADGATE_ADMIN_PORT_9090_TCP_ADDR: '10.0.0.2',
  };
  t.strictSame(told(readEnvironment(put, '/')), []);
  for (const name of ['HEADGATE_SERVICE', 'HEADGATE_PORTS', 'HEADGATE_SERVICE_HOSTS']) {
    t.strictSame(told(readEnvironment({ [name]: '1' }, '/')), [`! ${name} (env ${name})`], name);
  }
  t.end();
});

t.test('readAssignments() cuts at the first equals sign', (t) => {
  const rows = [
    ['shards=4', ['shards="4" (--set shards)'], 'a setting'],
    [' shards =4', ['shards="4" (--set shards)'], 'blanks around the name'],
    ['origins=http://a/=b', ['origins="http://a/=b" (--set origins)'], 'more of them'],
    ['tls.cert=', ['tls.cert="" (--set tls.cert)'], 'made empty'],
    ['shards', ['! --set (--set)'], 'none'],
    ['=4', ['! --set (--set)'], 'no name'],
    ['shardz=4', ['! shardz (--set shardz)'], 'unknown'],
    ['cache.ttl=4', ['! cache.ttl (--set cache.ttl)'], 'a group'],
    ['__proto__=4', ['! __proto__ (--set __proto__)'], 'a name that JavaScript knows'],
  ] as const;
  for (const [text, want, why] of rows) t.strictSame(told(readAssignments([text], '/')), want, why);
  t.strictSame(
    readAssignments(['shards=1', 'x=1', 'shards=2'], '/srv').entries.map(({ value }) => value),
    ['1', '2'],
    'in their order, around what is wrong',
  );
  t.end();
});

t.test('readAssignments() says what is in a group', (t) => {
  const [fault] = readAssignments(['compression=off'], '/').faults;
  t.match(fault?.want, 'compression.enabled, compression.minSize');
  t.notMatch(fault?.want, 'cache.');
  t.end();
});
