/**
 * What clients and origins send that they should not, byte for byte, at the built gateway. Each gets
 * a plain answer or a closed connection, and clients who did nothing wrong never notice.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { metricsOf, startGateway } from '../support/gateway.js';
import { steadyLoad } from '../support/load.js';
import { type RawAnswer, RawClient, rawExchange, rawGet } from '../support/raw-client.js';
import { type RawRequest, startRawServer } from '../support/raw-server.js';

const BODY = Buffer.alloc(100_000, 'headgate');
const BIG = Buffer.alloc(9_000_000, 'a body that no kernel buffers whole ');
const OK = 'HTTP/1.1 200 OK\r\n';
const FRESH = 'Cache-Control: max-age=60\r\n';
const ENOUGH_MS = 20_000;

/** Upstream answers by path; what has none gets BODY. `whole`: the connection stays open. */
const UPSTREAM: Readonly<Record<string, { bytes: string | Buffer; open?: true }>> = {
  '/up/garbage': { bytes: 'HELLO WORLD\r\n\r\n' },
  '/up/status-words': { bytes: 'HTTP/1.1 abc OK\r\n\r\n' },
  '/up/status-999': { bytes: 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n' },
  '/up/head-cut': { bytes: 'HTTP/1.1 200 OK\r\nContent-Le' },
  '/up/nothing': { bytes: '' },
  '/up/two-lengths': { bytes: `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!` },
  '/up/negative-length': { bytes: `${OK}Content-Length: -5\r\n\r\nhello` },
  '/up/length-and-chunks': {
    bytes: `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  },
  '/up/coding': { bytes: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n` },
  '/up/field-flood': { bytes: OK + 'X-Flood: yes\r\n'.repeat(2_000) + 'Content-Length: 0\r\n\r\n' },
  '/up/long-field': { bytes: `${OK}X-Long: ${'a'.repeat(300_000)}\r\nContent-Length: 0\r\n\r\n` },
  '/up/status-000': { bytes: 'HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n' },
  '/up/status-099': { bytes: 'HTTP/1.1 099 Less\r\nContent-Length: 0\r\n\r\n' },
  '/up/status-600': { bytes: 'HTTP/1.1 600 More\r\nContent-Length: 0\r\n\r\n' },
  '/up/status-101': { bytes: 'HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n' },
  '/up/bytes': {
    bytes: Buffer.from(`${OK}X-Bytes: \xe9\xc3\xa9\xff\r\nContent-Length: 0\r\n\r\n`, 'latin1'),
  },
  '/up/nul': { bytes: `${OK}X-Nul: a\0b\r\nContent-Length: 0\r\n\r\n` },
  '/up/early-flood': { bytes: 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000), open: true },
  '/up/short': { bytes: Buffer.concat([head(BODY.length), BODY.subarray(0, 60_000)]) },
  '/up/short-segment.m4s': { bytes: Buffer.concat([head(BIG.length), BIG.subarray(0, 5_000_000)]) },
  '/up/chunks-cut': { bytes: `${OK}${FRESH}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n` },
  '/up/chunks-garbage': {
    bytes: `${OK}${FRESH}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n`,
  },
  '/up/long': { bytes: Buffer.concat([head(5), Buffer.from('hello, and more than was said')]) },
  '/list/binary.m3u8': {
    bytes: playlist(Buffer.from([0x23, 0, 0xff, 0xfe, 0x0a, 0xc3, 0x28])),
    open: true,
  },
  '/list/not-one.m3u8': { bytes: playlist('<html>no playlist</html>\n'), open: true },
  '/list/numbers.m3u8': {
    bytes: playlist(
      '#EXTM3U\n#EXT-X-TARGETDURATION:1e999\n#EXTINF:-nan,\n../../../etc/passwd\n#EXT-X-MEDIA-SEQUENCE:99999999999999999999\n',
    ),
    open: true,
  },
  '/list/endless.m3u8': {
    bytes: playlist(
      `#EXTM3U\n#EXT-X-TARGETDURATION:2\n${'#EXTINF:2,\nsegment.m4s\n'.repeat(60_000)}`,
    ),
    open: true,
  },
  '/list/line.m3u8': {
    bytes: playlist(`#EXTM3U\n#EXTINF:${'9'.repeat(1_000_000)},\nx.m4s\n`),
    open: true,
  },
  '/list/deep.mpd': {
    bytes: playlist(`<MPD type="dynamic" minimumUpdatePeriod="PT-9X">${'<a>'.repeat(50_000)}`),
    open: true,
  },
};

function head(length: number): Buffer {
  return Buffer.from(`${OK}${FRESH}Content-Length: ${length}\r\nETag: "1"\r\n\r\n`);
}

function playlist(text: string | Buffer): Buffer {
  return Buffer.concat([head(Buffer.byteLength(text)), Buffer.from(text)]);
}

const asked: string[] = [];
function upstream({ head: request, socket }: RawRequest): void {
  const path = /^\S+ (\S+)/.exec(request)?.[1] ?? '';
  asked.push(path);
  if (request.startsWith('POST /sunk')) {
    socket.end(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`);
    return;
  }
  if (request.startsWith('POST')) return; // which waits for the body
  const answer = UPSTREAM[path];
  if (answer !== undefined) {
    socket.write(answer.bytes);
    if (answer.open !== true) socket.end();
    return;
  }
  const body = path.startsWith('/big') ? BIG : BODY;
  socket.write(head(body.length));
  socket.write(body);
}

const origin = await startRawServer(upstream);
t.teardown(() => origin.stop());
const gateway = await startGateway(t, {
  args: [
    origin.url,
    ...['--log-level', 'silent', '--set', 'origin.retries=0', '--set', 'prefetch.enabled=false'],
    ...['--set', 'origin.breaker.failures=1000', '--set', 'origin.headersTimeout=3s'],
    ...['--set', 'limits.headersTimeout=5s', '--set', 'limits.body=1MiB'],
    ...['--set', 'limits.minRate=64KiB', '--set', 'limits.minRateGrace=3s'],
    ...['--set', 'limits.bodyMinRate=64KiB'],
  ],
});
const { port } = gateway;
const healthy = steadyLoad(
  await Promise.all(Array.from({ length: 6 }, () => RawClient.open(port))),
  BODY,
);

t.test('heads, targets and bodies beyond the limits', async (t) => {
  const lines = (count: number, size: number): string =>
    Array.from({ length: count }, (_, i) => `X-${i}: ${'v'.repeat(size)}\r\n`).join('');
  const post = (fields: string, body: string): string =>
    `POST /upload HTTP/1.1\r\nHost: test\r\n${fields}\r\n${body}`;
  const chunk = `40000\r\n${'b'.repeat(0x40000)}\r\n`;
  const rows = [
    [
      `GET /${'a'.repeat(9_000)} HTTP/1.1\r\nHost: test\r\n\r\n`,
      414,
      'GW_URL_TOO_LONG',
      'a long path',
    ],
    [
      `GET /?${'a'.repeat(9_000)} HTTP/1.1\r\nHost: test\r\n\r\n`,
      414,
      'GW_URL_TOO_LONG',
      'a long query',
    ],
    [`GET /x HTTP/1.1\r\nHost: test\r\n${lines(4, 5_000)}\r\n`, 431, '', '20 KB of fields'],
    [`GET /x HTTP/1.1\r\nHost: test\r\n${lines(150, 1)}\r\n`, 431, '', '150 fields'],
    [`GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: test\r\n\r\n`, 431, '', 'no end of a path'],
    [`GET /a%00b HTTP/1.1\r\nHost: test\r\n\r\n`, 400, 'GW_BAD_TARGET', 'NUL'],
    [
      `GET /../../etc/passwd HTTP/1.1\r\nHost: test\r\n\r\n`,
      400,
      'GW_BAD_TARGET',
      'above the root',
    ],
    [`GET /a%2f..%2fb HTTP/1.1\r\nHost: test\r\n\r\n`, 400, 'GW_BAD_TARGET', 'encoded slashes'],
    [`GET /a%zz HTTP/1.1\r\nHost: test\r\n\r\n`, 400, 'GW_BAD_TARGET', 'not an escape'],
    [
      post('Content-Length: 2000000\r\n', ''),
      413,
      'GW_BODY_TOO_LARGE',
      'a length that is too much',
    ],
    [post('Transfer-Encoding: chunked\r\n', chunk.repeat(6)), 413, 'GW_BODY_TOO_LARGE', 'chunks'],
    ['TRACE /x HTTP/1.1\r\nHost: test\r\n\r\n', 405, 'GW_METHOD_NOT_ALLOWED', 'TRACE'],
  ] as const;
  for (const [bytes, status, code, why] of rows) {
    const client = await RawClient.open(port);
    client.send(bytes);
    const answer = await within(client, client.answer());
    t.equal(answer.status, status, why);
    t.ok(
      answer.body.toString().startsWith(code),
      `${why}: ${answer.body.toString('latin1', 0, 60)}`,
    );
    client.close();
  }
});

t.test('a request hidden in another one is never seen by the origin', async (t) => {
  const hidden = 'GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n';
  const post = (fields: readonly string[], body: string): string =>
    ['POST /upload HTTP/1.1', 'Host: test', ...fields, '', body].join('\r\n');
  const chunked = `0\r\n\r\n${hidden}`;
  const long = 'Content-Length: 4';
  const coded = 'Transfer-Encoding: chunked';
  const refused = [
    [post([long, coded], chunked), 'length and chunks'],
    [post([coded, long], chunked), 'chunks and length'],
    [post([long, long], `abcd${hidden}`), 'two equal lengths'],
    [post([long, 'Content-Length: 40'], `abcd${hidden}`), 'two lengths'],
    [post(['Content-Length: 4, 4'], `abcd${hidden}`), 'a list of lengths'],
    [post(['Content-Length: +4'], `abcd${hidden}`), 'a sign'],
    [post(['Content-Length: -1'], hidden), 'a negative length'],
    [post(['Content-Length: 0x4'], `abcd${hidden}`), 'a hexadecimal length'],
    [post(['Content-Length: 4 0'], `abcd${hidden}`), 'a length of two words'],
    [post(['Content-Length:'], hidden), 'an empty length'],
    [post(['Content-Length: 99999999999999999999'], hidden), 'a length beyond numbers'],
    [post([coded, coded], chunked), 'chunked twice'],
    [post([coded, 'Transfer-Encoding: identity'], chunked), 'chunked and identity'],
    [post(['Transfer-Encoding: xchunked'], chunked), 'xchunked'],
    [post(['Transfer-Encoding: gzip, chunked'], chunked), 'gzip, chunked'],
    [post(['Transfer-Encoding: chunked, identity'], chunked), 'chunked, identity'],
    [post(['Transfer-Encoding: identity'], hidden), 'identity'],
    [post(['Transfer-Encoding:'], chunked), 'an empty coding'],
    [post(['Transfer-Encoding: \x0bchunked'], chunked), 'a control character in it'],
    [post(['Transfer-Encoding : chunked'], chunked), 'a blank before the colon'],
    [post(['X: a', ` ${coded}`], chunked), 'a folded line'],
    [post(['X: a', `\t${coded}`], chunked), 'a folded line, by tab'],
    [post([`X: a\n${coded}`], chunked), 'a bare LF between fields'],
    [post([`X: a\r${coded}`], chunked), 'a bare CR between fields'],
    [`GET /x HTTP/1.1\nHost: test\n\n${hidden}`, 'bare LFs throughout'],
    [post([coded], `fffffffffffffffff\r\nabcd\r\n${chunked}`), 'a chunk size beyond numbers'],
    [post([coded], `-4\r\nabcd\r\n${chunked}`), 'a negative chunk size'],
    [post([coded], `zz\r\nabcd\r\n${chunked}`), 'a chunk size in letters'],
    [post(['Bad Name: x', long], `abcd${hidden}`), 'a blank in a name'],
    [post(['X: a\0b', long], `abcd${hidden}`), 'NUL in a value'],
    ['POST /upload HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd' + hidden, 'no Host'],
    [`GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${hidden}`, 'two Hosts'],
    [post([long, ': v'], `abcd${hidden}`), 'an empty name'],
    [post([': v', 'Content-Length: 40'], hidden), 'a length behind an empty name'],
    [post([': v', coded], chunked), 'a coding behind an empty name'],
    [`GET /x HTTP/1.1\r\nHost: a\r\n: v\r\nContent-Length: 40\r\n\r\n${hidden}`, 'the same on GET'],
    [post(['Content-Length: 4\xa0'], `abcd${hidden}`), 'a byte above ASCII behind a length'],
    [post(['Transfer-Encoding: \xffchunked'], chunked), 'a byte above ASCII before a coding'],
    [`GET /x HTTP/1.1\r\nHost: a b\r\n\r\n${hidden}`, 'a Host of two words'],
    [`GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n${hidden}`, 'a Host with a path'],
    [`GET /x HTTP/1.1\r\nHost: u@a\r\n\r\n${hidden}`, 'a Host with a user'],
    [`GET /x HTTP/1.1\r\nHost:\r\n\r\n${hidden}`, 'an empty Host'],
    [`G{T /x HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`, 'a method that is no token'],
    [`GET http://other/x HTTP/1.1\r\nHost: test\r\n\r\n${hidden}`, 'a proxy request'],
    [`GET /x HTTP/1.0\r\n\r\n${hidden}`, 'HTTP/1.0'],
    [`GET /x HTTP/9.9\r\nHost: test\r\n\r\n${hidden}`, 'a version to come'],
  ] as const;
  for (const [bytes, why] of refused) {
    const text = await inTime(why, rawExchange(port, bytes));
    const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));
    t.ok(statuses.length <= 1, `${why}: ${statuses.join()} and closed`);
    t.ok(
      [400, 413, 431, 501, 505, 502, undefined].includes(statuses[0]),
      `${why}: ${statuses.join()}`,
    );
  }
  // Good as far as one can see: one answer at most, and nothing behind it.
  const ended = [
    [post([coded], `0\r\nXX${hidden}`), 'no line end behind the last chunk'],
    [post([coded], `0\r\nX: y\r\n\r\n${hidden}`), 'a trailer'],
    [post([coded], `4\r\nabcdXX0\r\n\r\n${hidden}`), 'no line end behind a chunk'],
    [post([coded], `4\nabcd\n0\n\n${hidden}`), 'bare LFs among chunks'],
    [
      `GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${hidden}`,
      'a request behind the last',
    ],
    [`GET /x HTTP/1.1\r\nHost: a\r\nConnection: TE, Close\r\n\r\n${hidden}`, 'the same in a list'],
  ] as const;
  for (const [bytes, why] of ended) {
    const text = await inTime(why, rawExchange(port, bytes));
    t.ok((text.match(/^HTTP\/1\.1 /gm)?.length ?? 0) <= 1, `${why}: one answer, and closed`);
  }
  // Here a body is a body, whatever it looks like.
  const client = await RawClient.open(port);
  const get = `GET /x HTTP/1.1\r\nHost: test\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`;
  client.send(get);
  await within(client, client.answer());
  client.close();
  t.notOk(asked.includes('/smuggled'), 'none of them got through');
});

t.test('what uWS hides or changes is told by 400, or passed on byte for byte', async (t) => {
  const rows = [
    ['/seen', [': v', 'X: 1'], 400, 'fields behind an empty name'],
    ['/seen', ['X: 1', ':'], 400, 'an empty name, the last'],
    ['/bytes', ['X: \xa0\xe9\xc3\xa9\xff'], 200, 'bytes above ASCII'],
    ['/bytes-\xe9-\xff?\xc3\xa9', [], 200, 'bytes above ASCII in the target'],
  ] as const;
  for (const [path, lines, status, why] of rows) {
    for (const when of ['first', 'again']) {
      const answer = await rawGet(port, path, lines);
      t.equal(answer.status, status, `${why}, ${when}`);
    }
  }
  t.ok(asked.includes('/bytes-%E9-%FF?%C3%A9'), 'escaped, so that no two targets are one key');
  t.ok(
    origin.heads.some((head) => head.includes('\r\nx: \xa0\xe9\xc3\xa9\xff\r\n')),
    'as they came',
  );
  const answer = await rawGet(port, '/up/bytes');
  t.equal(answer.fields.get('x-bytes'), '\xe9\xc3\xa9\xff', 'and the other way');
});

t.test('an answer that ends its connection is the last, whenever more comes', async (t) => {
  const post = 'POST /sunk HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  const rows = [
    ['GET /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n', 'the client says so'],
    ['GET /x HTTP/1.1\r\nHost: test\r\nConnection: TE, close\r\n\r\n', 'in a list'],
    ['GET /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'chunks'],
    [post, 'chunks that the origin got'],
  ] as const;
  for (const [bytes, why] of rows) {
    const client = await RawClient.open(port);
    client.send(bytes);
    const answer = await within(client, client.answer());
    t.equal(answer.status, 200, why);
    t.equal(answer.fields.get('connection'), 'close', `${why}: it is told`);
    client.send('GET /behind HTTP/1.1\r\nHost: test\r\n\r\n');
    t.equal((await inTime(why, client.rest())).length, 0, `${why}: nothing more`);
    client.close();
  }
  t.notOk(asked.includes('/behind'));
});

t.test('a head that drips in is cut, one that comes slowly but soon enough is not', async (t) => {
  const drips = await RawClient.open(port);
  const slow = await RawClient.open(port);
  drips.send('GET /x HTTP/1.1\r\n');
  slow.send('GET /x HTTP/1.1\r\nHost: te');
  const timer = setInterval(() => {
    drips.send('X-Drip: 1\r\n');
  }, 250);
  const closed = drips.rest();
  await delay(500);
  slow.send('st\r\n\r\n');
  t.equal((await slow.answer()).status, 200);
  await inTime('the drip', closed);
  clearInterval(timer);
  slow.close();
});

t.test('a reader below the least rate is cut and counted; an honest slow one is not', async (t) => {
  const stopped = await RawClient.open(port);
  stopped.send('GET /big-1 HTTP/1.1\r\nHost: test\r\n\r\n');
  await once(stopped.socket.resume(), 'data');
  stopped.socket.pause();
  const honest = rawGet(port, '/big-2', [], { rate: 1_000_000 });
  const { whole, body } = await inTime('the honest one', honest);
  t.ok(whole && body.equals(BIG), 'nine megabytes in nine seconds');
  // One that takes nothing at all is given four times the grace.
  while ((await metricsOf(gateway))('slow_cut_total') < 1) {
    await new Promise((resolve) => setTimeout(resolve, 200)); // the admin port pushes nothing
  }
  const rest = await inTime('the stopped one', stopped.rest());
  t.ok(rest.length < BIG.length, 'its connection was closed');
});

t.test('an upload below the least rate is refused', async (t) => {
  const client = await RawClient.open(port);
  client.send('POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n');
  const timer = setInterval(() => {
    client.send('b'.repeat(100));
  }, 200);
  const answer = await within(client, client.answer());
  clearInterval(timer);
  t.equal(answer.status, 408);
  t.match(answer.body.toString(), /^GW_BODY_TIMEOUT/);
  await inTime('its end', client.rest());
});

t.test('ranges and dates that make no sense', async (t) => {
  await rawGet(port, '/ranged.m4s');
  const size = BODY.length;
  const rows = [
    ['Range: bytes=', 200, size, 'no range'],
    ['Range: bytes=a-b', 200, size, 'letters'],
    ['Range: bytes=5-2', 200, size, 'backwards'],
    ['Range: bytes=-', 200, size, 'nothing at all'],
    ['Range: bytes=--5', 200, size, 'two signs'],
    ['Range: bytes=0-1,x', 200, size, 'one good, one bad'],
    ['Range: bytes=0x1-0x5', 200, size, 'hexadecimal'],
    ['Range: items=0-5', 200, size, 'another unit'],
    [`Range: bytes=${'0-1,'.repeat(1_000)}0-1`, 200, size, 'a thousand'],
    ['Range: bytes=100000-', 416, undefined, 'from the end on'],
    ['Range: bytes=99999999999999999999-', 416, undefined, 'beyond numbers'],
    ['Range: bytes=-0', 416, undefined, 'the last no bytes'],
    ['Range: bytes=99990-99999999999999999999', 206, 10, 'to beyond numbers'],
    ['Range: bytes=-99999999999999999999', 206, size, 'the last of more than there is'],
    ['If-Modified-Since: yesterday', 200, size, 'no date'],
    ['If-Modified-Since: Mon, 99 Nov 2026 99:99:99 GMT', 200, size, 'no such date'],
    ['If-Unmodified-Since: never', 200, size, 'no date'],
    ['If-None-Match: "unterminated', 200, size, 'no tag'],
    ['If-Match: ,,,', 412, 0, 'no tag matches'],
    ['Cache-Control: max-age=-1, no-cache="', 200, size, 'directives'],
  ] as const;
  for (const [line, status, bytes, why] of rows) {
    const answer = await rawGet(port, '/ranged.m4s', [line]);
    t.equal(answer.status, status, `${line.slice(0, 60)}: ${why}`);
    if (bytes !== undefined) t.equal(answer.bytes, bytes, why);
  }
  const ranged = await rawGet(port, '/ranged.m4s', ['Range: bytes=0-4', 'If-Range: tomorrow']);
  t.equal(ranged.status, 200, 'If-Range without sense: all of it');
});

t.test('playlists that are none are passed on as they are', async (t) => {
  for (const [path, { bytes }] of Object.entries(UPSTREAM)) {
    if (!path.startsWith('/list/')) continue;
    const sent = Buffer.from(bytes);
    const body = sent.subarray(sent.indexOf('\r\n\r\n') + 4);
    for (const when of ['from the origin', 'again']) {
      const answer = await inTime(path, rawGet(port, path));
      t.equal(answer.status, 200, `${path} ${when}`);
      t.ok(answer.body.equals(body), `${path} ${when}`);
    }
  }
});

t.test('heads of origins that are no answer become 502', async (t) => {
  const paths = [
    ...['garbage', 'status-words', 'status-999', 'head-cut', 'nothing', 'two-lengths'],
    ...['negative-length', 'length-and-chunks', 'coding', 'field-flood', 'long-field', 'nul'],
    ...['early-flood', 'status-000', 'status-099', 'status-600', 'status-101'],
  ];
  for (const name of paths) {
    const answer = await inTime(name, rawGet(port, `/up/${name}`));
    t.equal(answer.status, 502, name);
    t.match(answer.body.toString(), /^GW_ORIGIN_(?:PROTOCOL|CONNECT|BODY_SHORT|IO): /, name);
    t.match(answer.fields.get('retry-after'), /^\d+$/, name);
    t.ok(answer.whole, name);
  }
});

t.test('a body that ends short is cut for all and kept by nobody', async (t) => {
  for (const path of [
    '/up/short',
    '/up/short-segment.m4s',
    '/up/chunks-cut',
    '/up/chunks-garbage',
  ]) {
    for (let round = 1; round <= 3; round += 1) {
      const before = asked.filter((one) => one === path).length;
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => inTime(path, rawGet(port, path))),
      );
      for (const { status, whole, body } of answers) {
        // Told before the first byte went out, or cut behind it.
        t.ok(
          status === 502 ? /^GW_ORIGIN_/.test(body.toString()) : !whole,
          `${path} round ${round}`,
        );
      }
      const after = asked.filter((one) => one === path).length;
      // A path that has just failed is not asked for a moment; nothing is kept all the same.
      t.ok(
        after - before <= 12,
        `${path} round ${round}: ${after - before} requests for 4 clients`,
      );
      if (round === 1) t.ok(after > before, `${path}: the origin was asked`);
    }
    const part = await inTime(path, rawGet(port, path, ['Range: bytes=0-3']));
    t.ok(part.status !== 206 || part.body.equals(BODY.subarray(0, 4)) || part.bytes === 4, path);
  }
});

t.test('bytes beyond the announced length are in nobody’s body', async (t) => {
  for (let i = 0; i < 3; i += 1) {
    const { status, body } = await rawGet(port, '/up/long');
    t.equal(status, 200);
    t.equal(body.toString(), 'hello');
  }
});

t.test('clients who did nothing wrong got all they asked for', async (t) => {
  const { answers, failed } = await healthy.stop();
  t.ok(answers > 100, `${answers} answers`);
  t.strictSame(failed, []);
  t.equal((await metricsOf(gateway))('handler_faults_total'), 0);
  t.equal(await gateway.stop(), 0, gateway.log());
});

/** The answer, or a failure that says for how long there was none. */
async function within(client: RawClient, answer: Promise<RawAnswer>): Promise<RawAnswer> {
  const timer = setTimeout(() => {
    client.close();
  }, ENOUGH_MS);
  const got = await answer;
  clearTimeout(timer);
  return got;
}

async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = delay(ENOUGH_MS, undefined, { ref: false }).then(() => {
    throw new Error(`${what}: nothing for ${ENOUGH_MS} ms`);
  });
  return Promise.race([promise, late]);
}
