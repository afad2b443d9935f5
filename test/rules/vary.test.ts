import t from 'tap';
import { secondaryKey, upstreamAcceptEncoding, varyNames } from '../../src/rules/vary.js';
import type { FieldLine, FieldLines } from '../../src/http/fields.js';

function vary(...values: string[]): FieldLines {
  return values.map((value): FieldLine => ['vary', value]);
}

t.test('varyNames() gives the selecting fields of all lines, or *', (t) => {
  const rows: [headers: FieldLines, want: readonly string[] | '*', why: string][] = [
    [[], [], 'no Vary'],
    [vary(''), [], 'an empty one selects nothing'],
    [vary('Foo, bar', 'FOO'), ['bar', 'foo'], 'lower-case, sorted, unique'],
    [[['access-control-allow-origin', 'https://a.tv']], ['origin'], 'for the scripts of one site'],
    [[['access-control-allow-origin', '*']], [], 'for those of all'],
    [[...vary('Foo'), ['access-control-allow-origin', 'null']], ['foo', 'origin'], 'beside others'],
    [[['content-encoding', 'gzip']], ['accept-encoding'], 'a coding that not all can read'],
    [vary('*'), '*', 'alone'],
    [vary('*, *'), '*', 'twice'],
    [vary('', '*'), '*', 'on its own line'],
    [vary(', *'), '*', 'after an empty member'],
    [vary('Foo, *'), '*', 'last'],
    [vary('*, Foo'), '*', 'first'],
    [vary('Foo bar'), '*', 'no field name: cannot be compared, so never matches'],
  ];
  for (const [headers, want, why] of rows) t.same(varyNames(headers), want, why);
  t.end();
});

t.test('secondaryKey() is the same for requests that mean the same', (t) => {
  const rows: [name: string, a: FieldLines, b: FieldLines, same: boolean, why: string][] = [
    ['foo', [['foo', '1']], [['foo', '1']], true, 'equal'],
    ['foo', [['foo', '1']], [['foo', '2']], false, 'different'],
    ['foo', [['foo', '1']], [], false, 'absent is not present'],
    ['foo', [['foo', '']], [], false, 'nor is it empty'],
    ['foo', [['foo', '-']], [], false, 'nor anything a client can send'],
    [
      'foo',
      [
        ['foo', '1'],
        ['bar', '2'],
      ],
      [
        ['bar', '3'],
        ['foo', '1'],
      ],
      true,
      'others do not count',
    ],
    [
      'foo',
      [['foo', '1, 2']],
      [
        ['foo', '1'],
        ['foo', '2'],
      ],
      true,
      'lines combined',
    ],
    ['foo', [['foo', '1,2']], [['foo', ' 1, 2 ']], true, 'blanks around members'],
    ['cookie', [['cookie', 's=ab, c']], [['cookie', 's=ab,,c']], false, 'what is no list'],
    ['foo', [['foo', '"a, b"']], [['foo', '"a,b"']], false, 'not those in quotes'],
    ['foo', [['foo', 'a']], [['foo', 'A']], false, 'case counts in fields we do not know'],
    [
      'accept-language',
      [['accept-language', 'en, de']],
      [['accept-language', 'De,  eN;q=1.0']],
      false,
      'the first of equals may be liked best',
    ],
    [
      'accept-language',
      [['accept-language', 'en, de;q=0.5']],
      [['accept-language', 'de, en;q=0.5']],
      false,
      'weights count',
    ],
    [
      'accept-encoding',
      [['accept-encoding', 'gzip, deflate, br']],
      [['accept-encoding', 'br;q=0.9, GZIP;q=1, zstd']],
      true,
      'codings we never ask for',
    ],
    [
      'accept-encoding',
      [['accept-encoding', 'gzip, br']],
      [['accept-encoding', 'br']],
      false,
      'who takes only br must not get what a gzip reader was given',
    ],
    ['accept-encoding', [], [['accept-encoding', 'gzip;q=0']], true, 'both take it as it is'],
  ];
  for (const [name, a, b, same, why] of rows) {
    t.equal(secondaryKey([name], a) === secondaryKey([name], b), same, `${name}: ${why}`);
  }
  t.end();
});

t.test('secondaryKey() keeps several fields apart', (t) => {
  t.equal(secondaryKey([], [['foo', '1']]), '', 'no Vary, no key');
  const names = ['a', 'b'];
  t.not(secondaryKey(names, [['a', '1']]), secondaryKey(names, [['b', '1']]));
  const both: FieldLines = [
    ['b', '2'],
    ['a', '1'],
  ];
  t.equal(secondaryKey(names, both), secondaryKey(names, [...both].reverse()), 'line order');
  t.end();
});

t.test('upstreamAcceptEncoding() names no coding that a client of the variant refuses', (t) => {
  const rows = [
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['*', 'br, gzip'],
    ['zstd, br', 'br'],
    ['deflate', 'identity'],
  ] as const;
  for (const [value, want] of rows) t.equal(upstreamAcceptEncoding(value), want, value ?? 'absent');
  t.end();
});

t.test('secondaryKey() of long values is a digest, which tells them apart as they do', (t) => {
  const key = (value: string): string => secondaryKey(['x-device'], [['x-device', value]]);
  const long = 'x'.repeat(8_000);
  t.ok(key(long).length < 64);
  t.equal(key(long), key(` ${long}`), 'what means the same');
  t.not(key(long), key(`${long}y`));
  t.equal(key('short'), 'x-device=short');
  t.equal(key(long)[0], ' ', 'which begins no name, so no value can pretend to be a digest');
  t.end();
});

t.test(
  'varyNames() takes an answer that varies by very many fields for one that varies by all',
  (t) => {
    const names = (count: number): FieldLines =>
      vary(Array.from({ length: count }, (_, i) => `x-${i}`).join());
    t.equal(varyNames(names(32)).length, 32);
    t.equal(varyNames(names(33)), '*');
    t.end();
  },
);
