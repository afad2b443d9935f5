import t from 'tap';
import { HEAD, type HeadReader } from '../../../../native/addon.js';
import type { HttpRequest } from '../../../../native/uws.js';
import { receive } from '../../../../src/edge/http/request/received.js';
import type { FieldLine } from '../../../../src/http/fields.js';

function shows(...lines: FieldLine[]): HttpRequest {
  return {
    getCaseSensitiveMethod: () => 'GET',
    getUrl: () => '/a',
    getQuery: () => 'b',
    forEach: (each: (name: string, value: string) => void) => {
      for (const [name, value] of lines) each(name, value);
    },
  } as unknown as HttpRequest;
}

function reader(look: number, text?: string): HeadReader {
  return {
    look: () => look,
    text: () => text,
    clientData: () => 0,
  };
}

t.test('receive() takes what uWS shows where that is all', (t) => {
  const all = { method: 'GET', path: '/a', query: 'b', lines: [['host', 'a']] };
  for (const look of [HEAD.ordinary, HEAD.special]) {
    t.same(receive(shows(['host', 'a']), reader(look)), all);
  }
  t.same(receive(shows(['host', 'a']), undefined), all, 'as it must without the addon');
  t.end();
});

t.test('receive() reads the bytes where uWS would have decoded and trimmed them', (t) => {
  const head = receive(shows(['x', '']), reader(HEAD.aboveAscii, 'GET /\xe9 HTTP/1.1\r\nx: \xe9'));
  t.same(head, { method: 'GET', path: '/%E9', query: undefined, lines: [['x', '\xe9']] });
  t.end();
});

t.test('receive() is undefined where something is hidden', (t) => {
  t.equal(receive(shows(['host', 'a']), reader(HEAD.hidden)), undefined);
  t.equal(receive(shows(['host', 'a']), reader(HEAD.aboveAscii)), undefined, 'no text');
  t.end();
});

t.test('receive() without the addon encodes what was UTF-8 and refuses what was not', (t) => {
  const head = receive(shows(['host', 'a'], ['x', 'é€']), undefined);
  t.same(head?.lines, [
    ['host', 'a'],
    ['x', '\xc3\xa9\xe2\x82\xac'],
  ]);
  t.equal(receive(shows(['x', 'a\ufffdb']), undefined), undefined, 'the byte is lost');
  t.end();
});
