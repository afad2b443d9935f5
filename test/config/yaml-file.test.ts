import path from 'node:path';
import t from 'tap';
import type { SourceReading } from '../../src/config/sources.js';
import { readYaml } from '../../src/config/yaml-file.js';

const FILE = '/etc/headgate.yaml';

/** Entries as 'path=value (from)', so that a table can hold them. */
function told({ entries, faults }: SourceReading): string[] {
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

t.test('readYaml() names an alias that stands for nothing, where it is', (t) => {
  const rows = [
    ['shards: 2\nadmin: *nope', ['shards=2 (1:9)', '! admin (2:8)'], 'for a group'],
    ['cache: { ttl: *nope }', ['! cache.ttl (1:15)'], 'for a group in a group'],
    ['listen: *nope', ['! listen (1:9)'], 'for a value'],
    ['origins: [a, *nope]', ['! origins (1:14)'], 'in a list'],
    ['listen: *p\nshards: &p 2', ['shards=2 (2:12)', '! listen (1:9)'], 'before its anchor'],
    ['origins: &o [*o]', ['! origins (1:13)'], 'in itself'],
    ['listen: &l { host: *l, port: 1 }', ['! listen (1:12)'], 'in itself, a map'],
    ['cache: &c { memory: *c }', ['! cache.memory (1:11)'], 'its own group'],
    ['cache: &c { ttl: *c }', ['! cache.ttl.ttl (1:13)'], 'its own group as a group'],
  ] as const;
  for (const [text, want, why] of rows) t.strictSame(yaml(text), want, why);
  t.end();
});

t.test('readYaml() refuses an empty name and one with dots', (t) => {
  const rows = [
    ['"": { listen: 81 }', ["! '' (1:1)"], 'an empty name is not the whole'],
    ['"": &a { "": *a }', ["! '' (1:1)"], 'in itself'],
    ['cache: { "": 1 }', ['! cache. (1:10)'], 'in a group'],
    ['cache.memory: 1GiB', ['! cache.memory (1:1)'], 'a whole path'],
    [
      'cache: { ttl: { json: 1s } }\ncache.ttl.json: 2s',
      ['cache.ttl.json="1s" (1:23)', '! cache.ttl.json (2:1)'],
      'which would set one setting twice',
    ],
    ['cache: { ttl.json: 1s }', ['! cache.ttl.json (1:10)'], 'in a group'],
    ['cache.ttl: { json: 1s }', ['! cache.ttl (1:1)'], 'of a group'],
  ] as const;
  for (const [text, want, why] of rows) t.strictSame(yaml(text), want, why);
  t.match(readYaml('cache.memory: 1', FILE).faults, [{ got: 'a name with dots' }]);
  t.end();
});

t.test('readYaml() shows nothing of what may be a secret', (t) => {
  const rows = [
    ['admin:\n  - token: s3cret', 'a list'],
    ['admin: s3cret', 'text'],
    ['admin: 5', 'a number'],
    ['admin:\n  token:s3cret', 'text'],
    ['admin: {token:s3cret}', 'an unknown name'],
    ['admin: {token: *s3cret}', 'an alias'],
    ['admin: {token: !s3cret x}', 'a tag'],
    ['admin: {token: !s3cret []}', 'a tag'],
    ['admin:\n  token: |s3cret\n', 'Block scalar header includes extra characters'],
    ['admin:\n  token: "\\s3cret"\n', 'an invalid escape sequence'],
  ] as const;
  for (const [text, got] of rows) {
    const { faults } = readYaml(text, FILE);
    t.ok(faults.length > 0, text);
    t.notMatch(JSON.stringify(faults), 's3cret', text);
    t.match(JSON.stringify(faults), got, text);
  }
  t.end();
});
