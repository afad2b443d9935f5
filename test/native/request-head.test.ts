import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { HEAD, newHeadReader } from '../../native/addon.js';
import { loadUws, uwsBinaryIsKnown } from '../../native/uws.js';
import { ASKING_FIELDS, asksForMore } from '../../src/edge/http/request/client-request.js';

const uws = loadUws();
const reader = newHeadReader(ASKING_FIELDS, false);

interface Seen {
  readonly look: number | undefined;
  readonly text: string | undefined;
  readonly shown: number; // fields that uWS shows
}

const seen: Seen[] = [];
const cleared: boolean[] = [];
let bodyBytes = 0;
let date: number | undefined;
const connections: (number | undefined)[] = [];
let whenClosed: (connection: number | undefined) => void = () => undefined;
let wake: (() => void) | undefined;
const app = uws.App();
app.any('/*', (response, request) => {
  let shown = 0;
  request.forEach(() => {
    shown += 1;
  });
  seen.push({ look: reader?.look(request), text: reader?.text(request), shown });
  connections.push(reader?.connection(response));
  const clear = reader?.isClear(response) === true;
  cleared.push(clear);
  if (date !== undefined) reader?.setDate(response, date);
  if (clear) response.end(Buffer.alloc(bodyBytes));
  else response.close();
  connections.push(reader?.connection(response));
  wake?.();
});
app.filter((connection, count) => {
  if (count < 0) whenClosed(reader?.connection(connection));
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

t.test('HeadReader.connection() names an open connection, and none that is gone', async (t) => {
  connections.length = 0;
  const socket = net.connect(port, '127.0.0.1');
  for (let i = 0; i < 2; i += 1) {
    const answered = new Promise<void>((resolve) => {
      wake = resolve;
    });
    socket.write(get());
    await answered;
  }
  const [first, afterwards, second] = connections;
  t.ok(first !== undefined && first > 0);
  t.equal(second, first, 'the same for each request on it');
  t.equal(afterwards, 0, 'a response that is over has none');
  const gone = new Promise<void>((resolve) => {
    whenClosed = (connection) => {
      if (connection === first) resolve();
    };
  });
  socket.destroy();
  await gone;
  t.pass('and the same when it closes');
});

t.test(
  'HeadReader.isClear() sends what is held back, until the client does not read',
  async (t) => {
    cleared.length = 0;
    bodyBytes = 15_000;
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    let got = 0;
    socket.on('data', (data) => {
      got += data.length;
    });
    socket.write(get().repeat(3));
    while (got < 3 * bodyBytes) await new Promise((resolve) => setTimeout(resolve, 5));
    t.same(cleared, [true, true, true], 'with an answer before it in the cork');
    socket.pause();
    while (!cleared.includes(false) && cleared.length < 2_000) {
      socket.write(get().repeat(2));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    t.ok(cleared.includes(false), `after ${cleared.length} requests`);
    t.equal(reader?.isClear({}), false, 'nor is what is gone');
    bodyBytes = 0;
    socket.destroy();
  },
);

t.test('HeadReader.setDate() says what the next answer does', async (t) => {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const told = async (seconds: number | undefined): Promise<string | undefined> => {
    date = seconds;
    socket.write(get());
    const [head] = (await once(socket, 'data')) as [Buffer];
    return /^Date: (.+)\r$/m.exec(head.toString('latin1'))?.[1];
  };
  const written = (seconds: number): string => new Date(seconds * 1_000).toUTCString();
  const edges = [
    '1999-12-31',
    '2000-02-28',
    '2000-02-29',
    '2000-03-01',
    '2024-12-31',
    '2100-03-01',
  ];
  const times = edges.flatMap((day) => [0, 1, 86_399].map((s) => Date.parse(day) / 1_000 + s));
  for (let i = 0; i < 500; i += 1) times.push(Math.floor(Math.random() * 2 ** 32));
  for (const seconds of [1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, ...times]) {
    const said = await told(seconds);
    if (said !== written(seconds)) t.equal(said, written(seconds), String(seconds));
  }
  const nowS = (): number => Math.floor(Date.now() / 1_000);
  for (const seconds of [0, 2 ** 32, -1, 1.5, undefined]) {
    await told(86_400);
    const fromS = nowS();
    const saidS = Date.parse((await told(seconds)) ?? '') / 1_000;
    if (seconds !== undefined) t.ok(saidS >= fromS && saidS <= nowS(), `${seconds}: now`);
  }
  reader?.setDate({}, 1);
  date = undefined;
  socket.destroy();
});

t.test('HeadReader says hidden of what is no request', (t) => {
  for (const none of [{}, [], uws]) t.equal(reader?.look(none), HEAD.hidden);
  t.equal(reader?.text({}), undefined);
  t.equal(reader?.connection({}), 0);
  t.end();
});

t.test('ASKING_FIELDS are those that asksForMore() is true of', (t) => {
  for (const name of ASKING_FIELDS) t.equal(asksForMore(name), true, name);
  for (const name of ['accept', 'x-rangy', 'cookie', 'pragmb', 'if-matcx']) {
    t.equal(asksForMore(name), false, name);
  }
  t.end();
});
