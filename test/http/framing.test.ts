import t from 'tap';
import type { FieldLines } from '../../src/http/fields.js';
import { checkFields, checkFraming, connectionEnd } from '../../src/http/framing.js';

t.test('checkFraming() accepts messages whose length is beyond doubt', (t) => {
  const rows: [method: string, lines: FieldLines, why: string][] = [
    ['GET', [['host', 'a']], 'no body'],
    ['PUT', [['content-length', '0']], 'empty body'],
    ['PUT', [['content-length', '10']], 'known length'],
    ['PUT', [['content-length', '0010']], 'leading zeros are digits'],
    ['PUT', [['transfer-encoding', 'chunked']], 'chunked'],
    ['PUT', [['transfer-encoding', 'Chunked']], 'codings have no case'],
    ['GET', [['content-length', '3']], 'content on GET is odd but framed'],
    ['TRACE', [], 'TRACE without content'],
  ];
  for (const [method, lines, why] of rows) t.equal(checkFraming(method, lines), undefined, why);
  t.end();
});

t.test('checkFraming() refuses what two servers could read differently', (t) => {
  const cl = (value: string): FieldLines[number] => ['content-length', value];
  const te = (value: string): FieldLines[number] => ['transfer-encoding', value];
  const rows: [lines: FieldLines, why: string][] = [
    [[cl('5'), te('chunked')], 'both, length first'],
    [[te('chunked'), cl('5')], 'both, coding first'],
    [[cl('5'), cl('5')], 'two equal lengths'],
    [[cl('5'), ['x', '1'], cl('6')], 'two different lengths'],
    [[cl('5, 5')], 'a list of lengths'],
    [[cl('')], 'empty length'],
    [[cl(''), cl('5')], 'empty length first'],
    [[cl('+5')], 'sign'],
    [[cl('-1')], 'negative'],
    [[cl('0x5')], 'hexadecimal'],
    [[cl('5 ')], 'blank'],
    [[cl('1e3')], 'exponent'],
    [[cl('18446744073709551616')], '2^64'],
    [[te('chunked'), te('chunked')], 'coding twice'],
    [[te('chunked, chunked')], 'chunked twice in one line'],
    [[te('xchunked')], 'almost chunked'],
    [[te('gzip, chunked')], 'a coding we do not undo'],
    [[te('identity')], 'an obsolete coding'],
    [[te('chunked;a=b')], 'parameters'],
    [[te('\x0bchunked')], 'an odd blank in front'],
    [[te('')], 'empty coding'],
    [[te(''), te('chunked')], 'empty coding first'],
  ];
  for (const [lines, why] of rows) t.equal(checkFraming('POST', lines), 'GW_BAD_FRAMING', why);
  t.equal(checkFraming('GET', [cl('1'), cl('1')]), 'GW_BAD_FRAMING', 'also on GET');
  t.equal(checkFraming('TRACE', [cl('1')]), 'GW_BAD_FRAMING', 'TRACE has no content');
  t.equal(checkFraming('TRACE', [te('chunked')]), 'GW_BAD_FRAMING', 'in no form');
  t.end();
});

t.test('checkFields() holds fields to the limits', (t) => {
  const limits = { maxBytes: 100, maxLines: 3 };
  const big = (size: number): FieldLines => [['x', 'v'.repeat(size - 5)]];
  const rows: [lines: FieldLines, want: ReturnType<typeof checkFields>, why: string][] = [
    [[], undefined, 'none'],
    [[['host', 'a']], undefined, 'one'],
    [big(100), undefined, 'exactly the bytes'],
    [big(101), 'GW_HEADERS_TOO_LARGE', 'one byte more'],
    [[...big(50), ...big(50)], undefined, 'bytes add up'],
    [[...big(50), ...big(51)], 'GW_HEADERS_TOO_LARGE', 'bytes add up to more'],
    [Array.from({ length: 3 }, () => ['a', ''] as const), undefined, 'exactly the lines'],
    [Array.from({ length: 4 }, () => ['a', ''] as const), 'GW_HEADERS_TOO_LARGE', 'one line more'],
    [[['a b', 'c']], 'GW_BAD_REQUEST', 'name is no token'],
    [[['', 'c']], 'GW_BAD_REQUEST', 'empty name'],
    [[['a', 'b\r\nc: d']], 'GW_BAD_REQUEST', 'line break in a value'],
    [[['a', 'b\0']], 'GW_BAD_REQUEST', 'NUL in a value'],
    [
      [
        ['host', 'a'],
        ['host', 'a'],
      ],
      'GW_BAD_REQUEST',
      'two hosts, even equal ones',
    ],
  ];
  for (const [lines, want, why] of rows) t.equal(checkFields(lines, limits), want, why);
  t.end();
});

t.test(
  'connectionEnd() ends connections on which the next request cannot be found for sure',
  (t) => {
    const rows: readonly (readonly [FieldLines, string, string])[] = [
      [[], 'none', 'no body'],
      [[['content-length', '5']], 'none', 'a length that nothing speaks against'],
      [[['connection', 'keep-alive']], 'none', 'the default said'],
      [[['connection', 'x-close, closed']], 'none', 'almost'],
      [[['connection', 'close']], 'uws', 'which uWS sees'],
      [[['connection', 'CLOSE']], 'uws', 'in any case'],
      [[['connection', 'whose']], 'uws', 'uWS counts characters'],
      [[['connection', 'keep-alive, Close']], 'ours', 'which uWS does not see'],
      [
        [
          ['connection', ''],
          ['connection', 'close'],
        ],
        'ours',
        'it looks at the first',
      ],
      [[['connection', 'clos\xe9']], 'none', 'a byte that it trims'],
      [[['transfer-encoding', 'chunked']], 'ours', 'chunks'],
      [
        [
          ['transfer-encoding', 'chunked'],
          ['connection', 'close'],
        ],
        'uws',
        'chunks, ended by uWS',
      ],
    ];
    for (const [lines, want, why] of rows) t.equal(connectionEnd(lines, true), want, why);
    t.equal(connectionEnd([['content-length', '5']], false), 'ours', 'fields may be hidden');
    t.equal(connectionEnd([['content-length', '0']], false), 'none', 'there is no body');
    t.end();
  },
);
