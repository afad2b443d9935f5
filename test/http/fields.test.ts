import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import {
  fieldValue,
  isFieldName,
  isFieldValue,
  listMembers,
  withoutHopByHop,
  type FieldLines,
} from '../../src/http/fields.js';

t.test('fieldValue() joins the lines of one field in order', (t) => {
  const lines: FieldLines = [
    ['vary', 'accept'],
    ['x-other', '1'],
    ['vary', 'origin'],
  ];
  t.equal(fieldValue(lines, 'vary'), 'accept, origin');
  t.equal(fieldValue(lines, 'x-other'), '1');
  t.equal(fieldValue(lines, 'age'), undefined);
  t.equal(fieldValue([['age', '']], 'age'), '', 'present and empty is not absent');
  t.end();
});

t.test('withoutHopByHop() removes what ends at the next hop', (t) => {
  const rows: [why: string, lines: FieldLines, left: string[]][] = [
    ['the fixed fields of HTTP', fixedFields(), ['x-kept']],
    [
      'fields that Connection nominates, in any case',
      [
        ['connection', 'Close, X-Secret ,,x-b'],
        ['x-secret', '1'],
        ['x-a', '2'],
        ['x-b', '3'],
      ],
      ['x-a'],
    ],
    [
      'nominations on a line after the field, and on two lines',
      [
        ['x-a', '1'],
        ['connection', 'x-a'],
        ['x-b', '2'],
        ['connection', 'x-b'],
      ],
      [],
    ],
    [
      'but none that is meant for all recipients',
      [
        ['connection', 'Host, COOKIE, authorization, cache-control, set-cookie, x-a'],
        ['host', 'h'],
        ['cookie', 'a'],
        ['authorization', 'b'],
        ['cache-control', 'private'],
        ['set-cookie', 'c'],
        ['x-a', '1'],
      ],
      ['host', 'cookie', 'authorization', 'cache-control', 'set-cookie'],
    ],
    ['Proxy-Status is end-to-end (RFC 9209)', [['proxy-status', 'a']], ['proxy-status']],
    [
      'duplicates of what stays, in order',
      [
        ['te', 'trailers'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ],
      ['set-cookie', 'set-cookie'],
    ],
  ];
  for (const [why, lines, left] of rows) {
    t.same(
      withoutHopByHop(lines).map(([name]) => name),
      left,
      why,
    );
  }
  const untouched: FieldLines = [['accept', '*/*']];
  t.equal(withoutHopByHop(untouched), untouched, 'nothing to remove: no copy');
  t.end();
});

t.test('isFieldName() accepts tokens only', (t) => {
  for (const name of ['a', 'content-type', 'X_y', "!#$%&'*+-.^_`|~9"])
    t.ok(isFieldName(name), name);
  for (const name of ['', 'a b', 'a:', 'a\r\n', 'é', '"a"', 'a\0', 'a/b', 'a(b)']) {
    t.notOk(isFieldName(name), JSON.stringify(name));
  }
  t.end();
});

t.test('isFieldValue() refuses what could break out of its line', (t) => {
  const rows: [value: string, ok: boolean, why: string][] = [
    ['', true, 'empty is a value'],
    ['a b\tc', true, 'blanks inside'],
    ['caf\u00e9', true, 'obs-text'],
    ['"\u65e5\u672c"', false, 'text above Latin-1'],
    ['a\r\nb: c', false, 'CRLF injects a field'],
    ['a\rb', false, 'bare CR'],
    ['a\nb', false, 'bare LF'],
    ['a\n', false, 'LF at the very end'],
    ['a\0b', false, 'NUL'],
    ['a\x1bb', false, 'escape'],
    ['a\x7fb', false, 'DEL'],
    [' a', false, 'leading blank'],
    ['a\t', false, 'trailing tab'],
  ];
  for (const [value, ok, why] of rows) t.equal(isFieldValue(value), ok, why);
  t.end();
});

t.test('listMembers() splits at commas outside quoted strings', (t) => {
  const rows: [value: string, members: string[], why: string][] = [
    ['', [], 'empty'],
    ['a', ['a'], 'one'],
    [' a\t, b,c ', ['a', 'b', 'c'], 'blanks around members'],
    [',, a,,b ,', ['a', 'b'], 'empty members are dropped'],
    ['a="x,y", b', ['a="x,y"', 'b'], 'comma in quotes'],
    ['a="x\\",y", b', ['a="x\\",y"', 'b'], 'escaped quote'],
    ['a="x, b', ['a="x', 'b'], 'an unclosed quote hides nothing'],
    ['"a,b", c="d, e', ['"a,b"', 'c="d', 'e'], 'closed one first, then an unclosed one'],
    ['\u00a0a', ['\u00a0a'], 'a no-break space is no blank'],
  ];
  for (const [value, members, why] of rows) t.same(listMembers(value), members, why);
  t.end();
});

t.test('listMembers() gives back the members that were joined', (t) => {
  const member = fc.stringMatching(/^[A-Za-z0-9=;]+("[a-z, ]*")?$/);
  fc.assert(
    fc.property(fc.array(member), fc.constantFrom(',', ', ', ' ,\t'), (members, separator) => {
      const split = listMembers(members.join(separator));
      return isDeepStrictEqual(split, members);
    }),
  );
  t.pass('for any members and separators');
  t.end();
});

function fixedFields(): FieldLines {
  const names = [
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'proxy-authentication-info',
    'proxy-authorization',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'x-kept',
  ];
  return names.map((name) => [name, 'v'] as const);
}
