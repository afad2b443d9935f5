import t from 'tap';
import { readAssignments, readEnvironment, type SourceReading } from '../../src/config/sources.js';

/** Entries as 'path=value (from)', so that a table can hold them. */
function told({ entries, faults }: SourceReading): string[] {
  return [
    ...entries.map(({ path, value, from }) => `${path}=${JSON.stringify(value)} (${from})`),
    ...faults.map(({ path, from }) => `! ${path} (${from})`),
  ];
}

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
    HEADGATE_V6_SERVICE_HOST: 'fd00::1',
    HEADGATE_V6_SERVICE_PORT_QUIC: '443',
    HEADGATE_V6_PORT: 'udp://[fd00::1]:443',
    HEADGATE_V6_PORT_443_UDP: 'udp://[fd00::1]:443',
  };
  t.strictSame(told(readEnvironment(put, '/')), []);
  for (const name of ['HEADGATE_SERVICE', 'HEADGATE_PORTS', 'HEADGATE_SERVICE_HOSTS']) {
    t.strictSame(told(readEnvironment({ [name]: '1' }, '/')), [`! ${name} (env ${name})`], name);
  }
  t.end();
});

t.test('readEnvironment() swallows no port that somebody wished for', (t) => {
  const rows = [
    ['HEADGATE_PORT', '9000', 'HEADGATE_LISTEN'],
    ['HEADGATE_LISTEN_PORT', '81', 'HEADGATE_LISTEN'],
    ['HEADGATE_ADMIN_PORT', '9091', 'HEADGATE_ADMIN_LISTEN'],
    ['HEADGATE_SERVICE_PORT', '81', undefined],
    ['HEADGATE_SERVICE_HOST', 'a.example', undefined],
    ['HEADGATE_PORT_80_TCP_ADDR', 'all', undefined],
    ['HEADGATE_PORT_80_TCP', '80', undefined],
  ] as const;
  for (const [name, value, hint] of rows) {
    const { faults } = readEnvironment({ [name]: value }, '/');
    t.strictSame(
      faults.map((fault) => fault.path),
      [name],
    );
    if (hint !== undefined) t.equal(faults[0]?.hint, hint, name);
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
    [' =4', ['! --set (--set)'], 'a blank for a name'],
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

t.test('readAssignments() shows nothing of what may be a secret', (t) => {
  const rows = [
    ['admin.token s3cret', 'admin.token…'],
    ['admin.token:s3cret', 'admin.token…'],
    ['admin.token:s3cret==', 'admin.token…'],
    ['admin.token\ts3cret', 'admin.token…'],
  ] as const;
  for (const [text, shown] of rows) {
    const { faults } = readAssignments([text], '/');
    t.equal(faults.length, 1, text);
    t.notMatch(JSON.stringify(faults), 's3cret', text);
    t.match(JSON.stringify(faults), shown, text);
  }
  t.end();
});
