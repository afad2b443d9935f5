import t from 'tap';
import { parseRequestHead } from '../../src/http/request-head.js';

t.test('parseRequestHead() gives the parts as they stand on the wire', (t) => {
  const text = 'GET /a?b=c?d HTTP/1.1\r\nhost: a\r\nx:\r\ny: \t two  words\t \r\nx:1';
  t.same(parseRequestHead(text), {
    method: 'GET',
    path: '/a',
    query: 'b=c?d',
    lines: [
      ['host', 'a'],
      ['x', ''],
      ['y', 'two  words'],
      ['x', '1'],
    ],
  });
  t.match(parseRequestHead('PUT /a HTTP/1.1\r\nhost: a'), { method: 'PUT', query: undefined });
  t.match(parseRequestHead('GET /a? HTTP/1.1\r\nhost: a'), { path: '/a', query: '' });
  t.end();
});

t.test('parseRequestHead() keeps bytes above ASCII apart from each other', (t) => {
  const text = 'GET /caf\xe9\xc3\xa9?\xff HTTP/1.1\r\nhost: a\r\nx: \xa0\xe9\xff';
  const { path, query, lines } = parseRequestHead(text);
  t.equal(path, '/caf%E9%C3%A9', 'in a target as escapes');
  t.equal(query, '%FF');
  t.same(lines[1], ['x', '\xa0\xe9\xff'], 'in a value as they came, at its ends too');
  t.end();
});
