import t from 'tap';
import {
  ConfigError,
  describeValue,
  type Fault,
  formatFault,
  nearestName,
  redactUrls,
} from '../../src/config/faults.js';

const FAULT: Fault = { path: 'shards', want: 'a number', got: "'x'", from: 'h.yaml:1:9' };

t.test('a ConfigError has a line for each fault', (t) => {
  const hinted: Fault = { ...FAULT, path: 'shardz', hint: 'shards' };
  const line = "shards: want a number, got 'x' (h.yaml:1:9)";
  const hintedLine = "shardz: want a number, got 'x' (h.yaml:1:9); did you mean 'shards'?";
  t.equal(formatFault(FAULT), line);
  t.equal(formatFault(hinted), hintedLine);
  t.equal(
    new ConfigError([FAULT]).message,
    `GW_CONFIG_INVALID: 1 fault in the configuration\n  ${line}`,
  );
  const both = new ConfigError([FAULT, hinted]);
  t.equal(
    both.message,
    `GW_CONFIG_INVALID: 2 faults in the configuration\n  ${line}\n  ${hintedLine}`,
  );
  t.same(both.faults, [FAULT, hinted]);
  t.equal(both.code, 'GW_CONFIG_INVALID');
  t.end();
});

t.test('describeValue() gives one short line', (t) => {
  const rows: [value: unknown, want: string, why: string][] = [
    [null, 'nothing', 'null'],
    [undefined, 'nothing', 'absent'],
    ['', "''", 'empty text is something'],
    ['8', "'8'", 'text'],
    [8, '8', 'a number'],
    [false, 'false', 'a boolean'],
    [{ a: [1, 'b'] }, '{"a":[1,"b"]}', 'a map'],
    ['a\r\n\tb\0c\x1b[1m', "'a b c [1m'", 'lines and controls become one blank'],
    ['x'.repeat(98), `'${'x'.repeat(98)}'`, 'a hundred characters with the quotes'],
    ['x'.repeat(99), `'${'x'.repeat(98)}…`, 'one more'],
    ['http://u:p@h/', "'http://<redacted>@h/'", 'credentials'],
    [['http://u:p@h/', 'b'], '["http://<redacted>@h/","b"]', 'credentials in a list'],
    [`http://u:${'p'.repeat(120)}@h/`, "'http://<redacted>@h/'", 'taken out before it is cut'],
  ];
  for (const [value, want, why] of rows) t.equal(describeValue(value), want, why);
  t.end();
});

t.test('redactUrls() takes out who asks, and nothing else', (t) => {
  const rows = [
    ['http://u:p@h:80/x', 'http://<redacted>@h:80/x', 'user and password'],
    ['https://u@h', 'https://<redacted>@h', 'a user alone'],
    ['http://u:p@a/, http://v:q@b/', 'http://<redacted>@a/, http://<redacted>@b/', 'each of them'],
    ['http://u:p@ss@h/', 'http://<redacted>@h/', 'a password with that sign'],
    [`http://u:p'"w x@h/`, 'http://<redacted>@h/', 'one with quotes and a blank'],
    ['http://h/@x', 'http://h/@x', 'a path with that sign'],
    ['http://@h/', 'http://@h/', 'nobody'],
    ['u:p@h', 'u:p@h', 'no URL'],
    ['', '', 'nothing'],
  ] as const;
  for (const [text, want, why] of rows) t.equal(redactUrls(text), want, why);
  t.end();
});

t.test('nearestName() allows as many slips as a name is long', (t) => {
  const rows: [name: string, known: string[], want: string | undefined, why: string][] = [
    ['key', ['keg'], 'keg', 'three letters: one slip'],
    ['key', ['kit'], undefined, 'two are another word'],
    ['port', ['pots'], 'pots', 'four letters: two slips'],
    ['port', ['pink'], undefined, 'three are another word'],
    ['abcdefghi', ['abcdefxyz'], 'abcdefxyz', 'nine letters: three slips'],
    ['abcdefghijkl', ['abcdefghwxyz'], undefined, 'never four'],
    ['port', ['ports', 'port_'], 'port_', 'the nearest, wherever it stands'],
    ['port', ['sort', 'fort'], 'sort', 'the first of equals'],
    ['CACHE-MAX', ['cache.max'], 'cache.max', 'case and separators do not count'],
    ['key', ['kexy'], 'kexy', 'a letter left out'],
    ['key', ['ky'], 'ky', 'a letter too many'],
    ['LEVEL', ['x.y.level'], 'x.y.level', 'the right last word'],
    ['a.b.levels', ['x.y.level'], undefined, 'which must be right'],
    ['port', [], undefined, 'nothing is known'],
    ['x'.repeat(64) + 'abcdef', ['x'.repeat(64)], 'x'.repeat(64), 'a long one by its beginning'],
  ];
  for (const [name, known, want, why] of rows) t.equal(nearestName(name, known), want, why);
  t.equal(nearestName('shardz', new Map([['shards', 1]]).keys()), 'shards', 'of any iterable');
  t.end();
});
