import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { HEAD, newHeadReader } from '../../native/addon.js';
import { loadUws, uwsBinaryIsKnown } from '../../native/uws.js';
import { ASKING_FIELDS, asksForMore } from '../../src/edge/http/request/client-request.js';
import { CLIENT_DATA, isOutsideKey, type KeyRules } from '../../src/http/target.js';

const uws = loadUws();
const reader = newHeadReader(ASKING_FIELDS, CLIENT_DATA);

interface Seen {
  readonly look: number | undefined;
  readonly text: string | undefined;
  readonly shown: number; // fields that uWS shows
  readonly clientData: number | undefined;
}

const seen: Seen[] = [];
const app = uws.App();
app.any('/*', (response, request) => {
  let shown = 0;
  request.forEach(() => {
    shown += 1;
  });
  seen.push({
    look: reader?.look(request),
    text: reader?.text(request),
    shown,
    clientData: reader?.clientData(request),
  });
  response.end();
});
let port = 0;
app.listen('127.0.0.1', 0, (socket) => {
  if (socket) port = uws.us_socket_local_port(socket);
});
t.teardown(() => app.close());

/** What is seen of one request, sent in these pieces. */
async function see(...pieces: readonly string[]): Promise<Seen | undefined> {
  seen.length = 0;
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const answered = once(socket, 'data');
  for (const piece of pieces) {
    socket.write(piece, 'latin1');
    if (pieces.length > 1) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await answered;
  socket.destroy();
  return seen[0];
}

const get = (...lines: readonly string[]): string =>
  ['GET /a?b HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n');

t.test('the binary is known, so its memory is', (t) => {
  t.equal(uwsBinaryIsKnown(), true);
  t.not(reader, undefined);
  t.end();
});

t.test('HeadReader.look() tells ordinary heads from those that ask for more', async (t) => {
  const rows: readonly (readonly [string, number, string])[] = [
    [get(), HEAD.ordinary, 'the least'],
    [get('Accept: */*', 'User-Agent: x', 'X-Rangy: 1', 'X:'), HEAD.ordinary, 'what many send'],
    [get('Connection: keep-alive'), HEAD.ordinary, 'the default said'],
    [get('Range: bytes=0-1'), HEAD.special, 'a range'],
    [get('Accept: x', 'If-None-Match: "1"'), HEAD.special, 'a condition behind another field'],
    [get('Connection: close'), HEAD.special, 'an end'],
    [get('Connection:'), HEAD.special, 'an odd Connection'],
    [get('Content-Length: 0'), HEAD.special, 'a length'],
  ];
  for (const [bytes, look, why] of rows) t.equal((await see(bytes))?.look, look, why);
});

t.test('HeadReader.look() takes plain hosts, and leaves all others to a closer look', async (t) => {
  const rows = [
    ['example.com', HEAD.ordinary],
    ['A-b.example.com.', HEAD.ordinary],
    ['127.0.0.1:8080', HEAD.ordinary],
    ['a:80', HEAD.ordinary],
    ['a:65535', HEAD.ordinary],
    ['a:', HEAD.special],
    ['a:0', HEAD.special],
    ['a:65536', HEAD.special],
    ['a:123456', HEAD.special],
    ['a:x', HEAD.special],
    [':80', HEAD.special],
    ['', HEAD.special],
    ['.a', HEAD.special],
    ['a..b', HEAD.special],
    ['a_b', HEAD.special],
    ['a b', HEAD.special],
    ['u@a', HEAD.special],
    ['a/b', HEAD.special],
    ['[::1]', HEAD.special],
    ['a'.repeat(129), HEAD.special],
  ] as const;
  for (const [host, look] of rows) {
    t.equal((await see(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`))?.look, look, host);
  }
  const two = await see(get('Host: b'));
  t.ok(two === undefined || two.look === HEAD.special, 'two of them');
});

t.test('HeadReader.look() sees that uWS hides fields', async (t) => {
  const rows = [
    [get(': v', 'Content-Length: 5'), 1, 'behind an empty name'],
    [get(': v'), 1, 'an empty name, the last'],
    [get(':', 'Range: bytes=0-1'), 1, 'an empty name without a value'],
    [get('X: 1', ': v', 'Y: 2'), 2, 'in the middle'],
    [`GET / HTTP/1.1\r\n: v\r\nHost: a\r\n\r\n`, 0, 'in front'],
  ] as const;
  for (const [bytes, shown, why] of rows) {
    const got = await see(bytes);
    if (got === undefined) continue; // refused by uWS itself: no Host to be seen
    t.equal(got.shown, shown, `${why}: uWS shows no more`);
    t.equal(got.look, HEAD.hidden, why);
  }
  const many = Array.from({ length: 97 }, (_, i) => `X-${i}: 1`);
  t.match(await see(get(...many)), { look: HEAD.ordinary, shown: 98 }, 'as many as uWS takes');
});

t.test('HeadReader.look() sees bytes above ASCII wherever they are', async (t) => {
  const rows = [
    [get('X: \xe9'), 'all of a value, which uWS trims'],
    [get('X: a\xff'), 'at the end'],
    [get('X:\xa0a'), 'in front'],
    [get('X: a\xc3\xa9b'), 'inside'],
    [`GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n`, 'in the path'],
    [`GET /?\xff HTTP/1.1\r\nHost: a\r\n\r\n`, 'in the query'],
    [get('Range: bytes=0-1', 'X: \x80'), 'whatever else there is'],
  ] as const;
  for (const [bytes, why] of rows) t.equal((await see(bytes))?.look, HEAD.aboveAscii, why);
});

t.test('HeadReader.text() gives the head as it was sent, in one piece or several', async (t) => {
  const head = get('X-A: \xe9 b\xff \t', 'Empty:', 'x-a:2');
  const want = 'GET /a?b HTTP/1.1\r\nhost: a\r\nx-a: \xe9 b\xff \t\r\nempty:\r\nx-a:2';
  t.equal((await see(head))?.text, want);
  t.equal((await see(head.slice(0, 20), head.slice(20)))?.text, want, 'in two');
  t.equal((await see(head.slice(0, 3), head.slice(3, 33), head.slice(33)))?.text, want, 'in three');
});

t.test('HeadReader.clientData() tells queries of client data alone from all others', async (t) => {
  const rows = [
    ['/a', 0],
    ['/a?', 0],
    ['/a?CMCD=br%3D3', 11],
    ['/a?CMCD', 4],
    ['/a?CMCD=a&CMSD=b&CMCD', 18],
    ['/a?CMCD=a;b?c', 10],
    ['/a?CMCD=a=b', 8],
    [`/a?CMCD=${'x'.repeat(300)}`, 305],
    ['/a?cmcd=a', -1],
    ['/a?CMC%44=a', -1],
    ['/a?CMCDE=a', -1],
    ['/a?CMC=a', -1],
    ['/a?=CMCD', -1],
    ['/a?CMCD=a&', -1],
    ['/a?&CMCD=a', -1],
    ['/a?CMCD=a&&CMCD=b', -1],
    ['/a?CMCD=a&b=1', -1],
    ['/a?b=1&CMCD=a', -1],
    ['/a?CMCD=a#b', -1],
    [`/a?CMCD=${'x'.repeat(100)}\x7f${'x'.repeat(100)}`, -1],
    ['/a?CMCD=\xe9', -1],
    ['/a?CMCD=\x01', -1],
  ] as const;
  for (const [target, bytes] of rows) {
    const got = await see(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    if (got !== undefined) t.equal(got.clientData, bytes, target);
    const query = target.split('?')[1] ?? '';
    const rules: KeyRules = {
      query: 'all',
      ignore: [],
      sort: true,
      sendIgnored: false,
      maxUrl: 8_192,
    };
    if (bytes > 0) t.ok(isOutsideKey(query, rules), `${target}: of no key, and it is one`);
    if (bytes > 0) t.equal(target.length, '/a?'.length + bytes);
  }
});

t.test('HeadReader says hidden of what is no request', (t) => {
  for (const none of [{}, [], uws]) t.equal(reader?.look(none), HEAD.hidden);
  t.equal(reader?.text({}), undefined);
  t.equal(reader?.clientData({}), -1);
  t.end();
});

t.test('ASKING_FIELDS are those that asksForMore() is true of', (t) => {
  for (const name of ASKING_FIELDS) t.equal(asksForMore(name), true, name);
  for (const name of ['accept', 'x-rangy', 'cookie', 'pragmb', 'if-matcx']) {
    t.equal(asksForMore(name), false, name);
  }
  t.end();
});
