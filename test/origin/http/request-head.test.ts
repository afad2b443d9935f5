import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import { type HeadOptions, requestHead } from '../../../src/origin/http/request-head.js';
import { bodyOf } from '../../../src/origin/plain-answer.js';

interface Sent extends Partial<HeadOptions> {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: FieldLines;
  readonly hasBody?: boolean;
}

function headOf({ method = 'GET', target = '/a', headers = [], hasBody, ...options }: Sent) {
  const request = { method, target, headers };
  return requestHead(hasBody === true ? { ...request, body: bodyOf() } : request, {
    ...{ basePath: '', host: 'origin', preserveHost: false, via: 'headgate' },
    ...options,
  });
}

const VIA = 'via: 1.1 headgate\r\n';

t.test('requestHead() writes the whole head, and of our own fields one each', (t) => {
  const headers: FieldLines = [
    ['connection', 'x-hop, host'],
    ['x-hop', '1'],
    ['host', 'viewer'],
    ['te', 'trailers'],
    ['transfer-encoding', 'gzip, chunked'],
    ['expect', '100-continue'],
    ['content-length', '3'],
    ['x', ''],
    ['x', 'a b\xff'],
  ];
  const fields = `x: \r\nx: a b\xff\r\n${VIA}`;
  t.same(headOf({ headers, basePath: '/base', target: '/a?b' }), {
    text: `GET /base/a?b HTTP/1.1\r\nhost: origin\r\n${fields}\r\n`,
    bodyBytes: 0,
  });
  t.same(headOf({ headers, method: 'M-SEARCH', preserveHost: true, hasBody: true }), {
    text: `M-SEARCH /a HTTP/1.1\r\nhost: viewer\r\n${fields}content-length: 3\r\n\r\n`,
    bodyBytes: 3,
  });
  t.match(headOf({ preserveHost: true }).text, '\r\nhost: origin\r\n', 'none to preserve');
  t.end();
});

t.test('a body is told by its length, or in chunks', (t) => {
  const rows: [lengths: string[], framing: string, bytes: number, why: string][] = [
    [[], 'transfer-encoding: chunked', -1, 'no length'],
    [['0'], 'content-length: 0', 0, 'an empty one'],
    [['007'], 'content-length: 7', 7, 'zeros in front'],
    [['999999999999999'], 'content-length: 999999999999999', 999_999_999_999_999, 'the longest'],
  ];
  for (const [lengths, framing, bodyBytes, why] of rows) {
    const headers = lengths.map((length) => ['content-length', length] as const);
    const text = `PUT /a HTTP/1.1\r\nhost: origin\r\n${VIA}${framing}\r\n\r\n`;
    t.same(headOf({ method: 'PUT', headers, hasBody: true }), { text, bodyBytes }, why);
  }
  t.end();
});

t.test('a method that has a body says that there is none', (t) => {
  for (const method of ['POST', 'PUT', 'PATCH']) {
    const text = `${method} /a HTTP/1.1\r\nhost: origin\r\n${VIA}content-length: 0\r\n\r\n`;
    t.same(headOf({ method }), { text, bodyBytes: 0 }, method);
  }
  for (const method of ['DELETE', 'OPTIONS']) t.notMatch(headOf({ method }).text, 'content-length');
  t.end();
});

t.test('what would be another request is refused', (t) => {
  const rows: [sent: Sent, why: string][] = [
    [{ method: '' }, 'no method'],
    [{ method: 'GET /b' }, 'a method with a blank'],
    [{ method: 'GET\r\n' }, 'a method with a line end'],
    [{ target: '' }, 'no target'],
    [{ target: 'a' }, 'a target without a slash'],
    [{ target: '*' }, 'the target of a server'],
    [{ target: '/a b' }, 'a blank'],
    [{ target: '/a\tb' }, 'a tab'],
    [{ target: '/a\r\nx: y' }, 'a line end'],
    [{ target: '/a\n' }, 'a line end that is last'],
    [{ target: '/\x7f' }, 'a control byte'],
    [{ target: '/\u0100' }, 'a character of two bytes'],
    [{ headers: [['', 'a']] }, 'a field without a name'],
    [{ headers: [['x y', 'a']] }, 'a name with a blank'],
    [{ headers: [['x:', 'a']] }, 'a name with a colon'],
    [{ headers: [['x', 'a\nb']] }, 'a value with a line end'],
    [{ headers: [['x', 'a ']] }, 'a value that ends with a blank'],
    [{ headers: [['x', '\u0100']] }, 'a value with a character of two bytes'],
    [{ headers: [['host', 'a\r\nx: y']], preserveHost: true }, 'a Host with a line end'],
  ];
  for (const [sent, why] of rows) t.throws(() => headOf(sent), { code: 'GW_BAD_REQUEST' }, why);
  t.ok(headOf({ target: '/!~\xff' }).text.startsWith('GET /!~\xff HTTP/1.1\r\n'), 'no escape');
  t.end();
});

t.test('a length that is none is refused, unless it is of no body', (t) => {
  for (const lengths of [
    [''],
    ['-1'],
    ['1e3'],
    ['0x5'],
    ['5 '],
    ['5', '5'],
    ['1000000000000000'],
  ]) {
    const headers = lengths.map((length) => ['content-length', length] as const);
    const why = JSON.stringify(lengths);
    t.throws(() => headOf({ headers, hasBody: true }), { code: 'GW_BAD_REQUEST' }, why);
    t.same(headOf({ headers }), headOf({}), why);
  }
  t.end();
});
