/** What ResponseParser's tests and the upstream's do not say of a head. */
import t from 'tap';
import { parseHead, ResponseFault } from '../../../src/origin/http/response-head.js';

function headOf(...rows: readonly string[]) {
  return parseHead(['HTTP/1.1 200 OK', ...rows].join('\r\n'));
}

t.test('parseHead() gives the lines as they came, hop-by-hop ones too', (t) => {
  t.same(headOf('X-A: \t b  c\t ', 'connection: X-A', 'x-a:', 'X-Z:d:\xa0'), {
    status: 200,
    lines: [
      ['x-a', 'b  c'],
      ['connection', 'X-A'],
      ['x-a', ''],
      ['x-z', 'd:\xa0'],
    ],
    framing: { by: 'close' },
    keepAlive: true,
    keepAliveMs: Infinity,
  });
  t.end();
});

t.test('the status line', (t) => {
  const rows: [line: string, status: number | undefined, why: string][] = [
    ['HTTP/1.1 100', 100, 'no reason, and no blank'],
    ['HTTP/1.1 599 ', 599, 'an empty reason'],
    ['HTTP/1.0 404 Pas trouv\xe9\t!', 404, 'a reason of any bytes'],
    ['HTTP/1.1 200OK', undefined, 'no blank'],
    ['HTTP/1.1 2000', undefined, 'four digits'],
    ['HTTP/1.2 200 OK', undefined, 'a version there is not'],
    ['HTTP/1.1 200 OK\x7f', undefined, 'a control byte in the reason'],
    ['', undefined, 'nothing'],
  ];
  for (const [line, status, why] of rows) {
    if (status !== undefined) t.equal(parseHead(line).status, status, why);
    else t.throws(() => parseHead(line), { message: 'not a status line of HTTP/1' }, why);
  }
  t.end();
});

t.test('how the end of a body is told', (t) => {
  const most = 999_999_999_999_999;
  t.same(headOf('Content-Length: 0').framing, { by: 'length', bytes: 0 });
  t.same(headOf(`Content-Length: ${most} `).framing, { by: 'length', bytes: most });
  t.same(headOf('Transfer-Encoding: Chunked').framing, { by: 'chunks' });
  t.same(headOf('X-Content-Length: 5').framing, { by: 'close' });
  const old = parseHead('HTTP/1.0 200 OK\r\nContent-Length: 5');
  t.same([old.framing, old.keepAlive], [{ by: 'length', bytes: 5 }, false]);
  const rows: [lines: string[], why: string][] = [
    [['Content-Length: 1000000000000000'], 'a length of sixteen digits'],
    [['Content-Length: 0', 'Content-Length: 0'], 'no length twice'],
    [['Content-Length:\t5'], 'a tab before a length'],
    [['Transfer-Encoding: chunked\t'], 'a tab behind a coding'],
    [['Transfer-Encoding:'], 'an empty coding'],
    [['Transfer-Encoding: chunked', 'Content-Length: 5'], 'chunks and a length'],
    [['Transfer-Encoding:', 'Transfer-Encoding: chunked'], 'two codings, if one is empty'],
    [['X: 1', ''], 'an empty line'],
    [['X: a\x7f'], 'a control byte in a value'],
  ];
  for (const [lines, why] of rows) t.throws(() => headOf(...lines), ResponseFault, why);
  const oldChunks = 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked';
  t.throws(() => parseHead(oldChunks), ResponseFault, 'chunks in HTTP/1.0');
  t.end();
});

t.test('what becomes of the connection', (t) => {
  const rows: [lines: string[], keepAlive: boolean, ms: number, why: string][] = [
    [['Connection: x, Close'], false, Infinity, 'close in a list, in capitals'],
    [['Connection: close', 'Connection: keep-alive'], false, Infinity, 'a later line'],
    [['Connection: x-close, "close"'], true, Infinity, 'neither is close'],
    [['X: close'], true, Infinity, 'another field'],
    [['Keep-Alive: timeout=5, max=9'], true, 5_000, 'first in the list'],
    [['Keep-Alive: max=9,Timeout=07'], true, 7_000, 'last in the list'],
    [['Keep-Alive: timeout=0'], true, 0, 'at once'],
    [['Keep-Alive: max=9'], true, Infinity, 'no time'],
    [['Keep-Alive: idletimeout=5'], true, Infinity, 'another name'],
    [['Keep-Alive: timeout=-5'], true, Infinity, 'no number'],
    [['Keep-Alive: timeout=5s'], true, Infinity, 'a unit'],
    [['Keep-Alive: timeout=999999999'], true, 999_999_999_000, 'nine digits'],
    [['Keep-Alive: timeout=1000000000'], true, Infinity, 'ten digits'],
  ];
  for (const [lines, keepAlive, keepAliveMs, why] of rows) {
    t.match(headOf(...lines), { keepAlive, keepAliveMs }, why);
  }
  t.end();
});

t.test('512 fields are taken, and no more', (t) => {
  const fields = Array.from({ length: 512 }, () => 'X: a');
  t.equal(headOf(...fields).lines.length, 512);
  t.throws(() => headOf(...fields, 'X: a'), { message: 'too many header fields' });
  t.end();
});
