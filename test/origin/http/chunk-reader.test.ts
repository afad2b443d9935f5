/** The edges of what ResponseParser's test reads as whole answers. */
import t from 'tap';
import { ChunkReader } from '../../../src/origin/http/chunk-reader.js';
import { ResponseFault } from '../../../src/origin/http/response-head.js';

const END = '0\r\n\r\n';

function read(text: string, from = 0) {
  const reader = new ChunkReader();
  let body = '';
  const at = reader.read(Buffer.from(text, 'latin1'), from, text.length, (bytes) => {
    body += Buffer.from(bytes).toString('latin1');
  });
  return { at, body, isDone: reader.isDone };
}

t.test('read() stops behind the last chunk, wherever it began', (t) => {
  const whole = `3\r\nabc\r\nA\r\n0123456789\r\n${END}`;
  const want = { body: 'abc0123456789', isDone: true };
  t.same(read(whole), { ...want, at: whole.length });
  t.same(read(`${whole}HTTP/1.1`), { ...want, at: whole.length }, 'the next answer is not ours');
  t.same(
    read(`5\r\n${whole}`, 3),
    { ...want, at: 3 + whole.length },
    'what lies before is not ours',
  );
  t.same(read(END), { at: END.length, body: '', isDone: true });
  t.same(read('0\r\nX: 1\r\n'), { at: 9, body: '', isDone: false }, 'trailers that go on');
  t.end();
});

t.test('read() looks at nothing behind `to`', (t) => {
  const reader = new ChunkReader();
  const buffer = Buffer.from('2\r\nab\r\n0\r\n\r\n');
  const pieces: string[] = [];
  for (const [from, to] of [
    [0, 2],
    [2, 4],
    [4, 4],
    [4, 6],
    [6, 12],
  ] as const) {
    const at = reader.read(buffer, from, to, (bytes) => pieces.push(Buffer.from(bytes).toString()));
    t.equal(at, to);
    t.equal(reader.isDone, to === 12, `up to ${to}`);
  }
  t.same(pieces, ['a', 'b']);
  t.equal(
    reader.read(buffer, 0, 12, () => t.fail('it is over')),
    0,
  );
  t.end();
});

t.test('lines that are taken, and lines that are one step beyond', (t) => {
  const size = (line: string) => `${line}\r\n`;
  const chunk = (line: string) => `${line}\r\na\r\n${END}`;
  const trailer = (line: string) => `0\r\n${line}\r\n\r\n`;
  const trailers = (last: number) =>
    `0\r\n${`X: ${'x'.repeat(8_187)}\r\n`.repeat(3)}X: ${'x'.repeat(last)}\r\n\r\n`;
  const rows: [bytes: string, taken: boolean, why: string][] = [
    [size('fffffffffffff'), true, 'thirteen digits: still an exact number'],
    [size('10000000000000'), false, 'fourteen digits'],
    [size('00000000000000'), false, 'fourteen digits, of nothing'],
    [chunk('0000000000001'), true, 'zeros in front'],
    [size('-1'), false, 'a sign'],
    [size('g'), false, 'no hex digit'],
    [chunk('1;a'), true, 'an extension without a value'],
    [chunk('1;a=b;c="d;\\" \xff"'), true, 'two, one with a quote within quotes'],
    [chunk('1;a=""'), true, 'an empty quoted value'],
    [size('1;'), false, 'an extension without a name'],
    [size('1;a='), false, 'a value that is missing'],
    [size('1;a="b'), false, 'a quote that does not close'],
    [size('1;a="b\\"'), false, 'a quote whose end is escaped'],
    [size('1;a="b"c'), false, 'something behind the quote'],
    [size('1;a="\x01"'), false, 'a control byte within quotes'],
    [size('1; a'), false, 'a blank before a name'],
    [size('1;a =b'), false, 'a blank before the equals sign'],
    [chunk(`1;${'x'.repeat(8_188)}`), true, 'a line of 8 KiB with its end'],
    [chunk(`1;${'x'.repeat(8_189)}`), false, 'a byte more'],
    ['1\r\na\rb', false, 'a CR and no LF behind a chunk'],
    [trailer('X:'), true, 'a trailer without a value'],
    [trailer('X: \ta\xff'), true, 'a tab, and a byte above ASCII'],
    [trailer('Content-Length: 1'), false, 'a length in the trailer'],
    [trailer('TRANSFER-ENCODING: chunked'), false, 'a coding in the trailer, in capitals'],
    [trailer('X'), false, 'no colon'],
    [trailer(': a'), false, 'no name'],
    [trailer('X: 1\r\n folded'), false, 'a folded line'],
    [trailer('X: a\x7f'), false, 'a control byte'],
    [trailer('X(: a'), false, 'a name that is no token'],
    ['0\r\nX: 1\n', false, 'a trailer that ends without CR'],
    [trailers(8_185), true, 'trailers of 32 KiB with their end'],
    [trailers(8_186), false, 'a byte more, and no line too long'],
  ];
  for (const [bytes, taken, why] of rows) {
    if (taken) t.equal(read(bytes).at, bytes.length, why);
    else t.throws(() => read(bytes), ResponseFault, why);
  }
  t.end();
});
