import t from 'tap';
import type { Test } from 'tap';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Config } from '../../src/config/config.js';
import type { Origin } from '../../src/origin/origin.js';
import { openUpstreamOrigin } from '../../src/origin/upstream.js';
import { ask, bodyOf, field, ORIGIN_SETTINGS, textOf } from '../support/origin.js';
import { freePort } from '../support/ports.js';
import { startRawServer } from '../support/raw-server.js';
import type { RawRequest, RawServer } from '../support/raw-server.js';

function open(t: Test, url: string, settings: Partial<Config['origin']> = {}): Origin {
  const origin = openUpstreamOrigin({
    url,
    settings: { ...ORIGIN_SETTINGS, ...settings },
    name: 'test',
    via: 'headgate',
  });
  t.teardown(() => origin.close());
  return origin;
}

async function raw(t: Test, answer: (request: RawRequest) => void): Promise<RawServer> {
  const server = await startRawServer(answer);
  t.teardown(() => server.stop());
  return server;
}

async function serve(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const OK_HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';

t.test('an answer that is not HTTP fails with a code and spoils nothing', async (t) => {
  const rows = [
    ['HTP/1.1 200 OK\r\n\r\n', 'no protocol name'],
    ['HTTP/1.1 20 OK\r\n\r\n', 'a status of two digits'],
    ['HTTP/1.1 999 Strange\r\nContent-Length: 0\r\n\r\n', 'a status no client knows'],
    ['HTTP/1.1 600 Strange\r\nContent-Length: 0\r\n\r\n', 'one past the last class'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok', 'two lengths'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok', 'one length twice'],
    ['HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok', 'a negative length'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok', 'a length that is no number'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok', 'an absurd length'],
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      'length and chunks: response splitting waits here',
    ],
    [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      'a coding we would lose',
    ],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok', 'a coding without an end'],
    ['HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 0\r\n\r\n', 'a space in a field name'],
    ['HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n', 'NUL in a field value'],
    ['HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n', 'a bare CR in a field value'],
    ['HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'an unasked upgrade'],
    [`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`, 'one field beyond the limit'],
    [`HTTP/1.1 200 OK\r\n${'X: a\r\n'.repeat(20_000)}\r\n`, 'fields beyond the limit in bytes'],
    [`HTTP/1.1 200 OK\r\n${'X: a\r\n'.repeat(600)}\r\n`, 'fields beyond the limit in number'],
    ['HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(40) + OK_HEAD + 'ok', 'a flood of 1xx'],
  ] as const;
  for (const [answer, why] of rows) {
    const server = await raw(t, ({ socket, connection }) => {
      socket.write(connection === 1 ? answer : `${OK_HEAD}ok`, 'latin1');
    });
    const origin = open(t, server.url);
    await t.rejects(ask(origin, '/'), { code: 'GW_ORIGIN_PROTOCOL' }, why);
    t.equal(await textOf(await ask(origin, '/')), 'ok', `${why}: the next request is well`);
    t.equal(server.connections(), 2, `${why}: on another connection`);
  }
});

t.test('a body that ends short is never a whole one', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\n';
  const rows = [
    [`${head}Content-Length: 10\r\n\r\nhello`, 'end', 'length, kept alive'],
    [`${head}Content-Length: 10\r\nConnection: close\r\n\r\nhello`, 'end', 'length, closed'],
    [`${head}Content-Length: 10\r\n\r\nhello`, 'reset', 'length, reset'],
    [`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, 'end', 'no last chunk'],
    [`${head}Transfer-Encoding: chunked\r\n\r\n9\r\nhello`, 'end', 'in the middle of a chunk'],
    [
      `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n`,
      'end',
      'no last chunk, closed',
    ],
    [
      `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n`,
      'reset',
      'no last chunk, reset',
    ],
    [`${head}\r\nhello`, 'reset', 'until close, which was a reset'],
    ['HTTP/1.0 200 OK\r\n\r\nhello', 'reset', 'until close in HTTP/1.0, reset'],
  ] as const;
  for (const [answer, ending, why] of rows) {
    let broken: RawRequest | undefined;
    const server = await raw(t, (request) => {
      broken = request;
      request.socket.write(answer);
    });
    const response = await ask(open(t, server.url), '/');
    t.equal(response.status, 200, why);
    const body = response.body[Symbol.asyncIterator]();
    const first = await body.next();
    t.equal(Buffer.from(first.value as Uint8Array).toString(), 'hello', why);
    if (ending === 'end') broken?.socket.end();
    else broken?.socket.resetAndDestroy();
    await t.rejects(body.next(), { code: 'GW_ORIGIN_BODY_SHORT' }, why);
    t.same(await body.next(), { done: true, value: undefined }, `${why}: thrown once`);
  }
});

t.test('a body until close is whole when the connection is closed in order', async (t) => {
  const server = await raw(t, ({ socket }) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'));
  t.equal(await textOf(await ask(open(t, server.url), '/')), 'hello');
});

t.test('chunks that are not chunks fail the body with GW_ORIGIN_PROTOCOL', async (t) => {
  const rows = [
    ['zz\r\nhello\r\n0\r\n\r\n', 'a size that is no number'],
    ['ffffffffffffffffffff\r\nhello', 'an absurd size'],
    ['5\r\nhelloXX0\r\n\r\n', 'no line end after the chunk'],
  ] as const;
  for (const [chunks, why] of rows) {
    const server = await raw(t, ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
    });
    const response = await ask(open(t, server.url), '/');
    await t.rejects(bodyOf(response), { code: 'GW_ORIGIN_PROTOCOL' }, why);
  }
});

t.test('bytes beyond the length are in no body, and their connection is dropped', async (t) => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
  for (const extra of ['surplus', poison, '\r\n\r\n\0']) {
    const server = await raw(t, ({ socket, nth }) => {
      if (nth === 1) socket.write(`${OK_HEAD}ok${extra}`);
    });
    const origin = open(t, server.url);
    t.equal(await textOf(await ask(origin, '/1')), 'ok');
    t.equal(await textOf(await ask(origin, '/2')), 'ok');
    t.equal(server.connections(), 2);
  }
});

t.test('an answer that nobody asked for closes its idle connection', async (t) => {
  let idle: RawRequest['socket'] | undefined;
  const server = await raw(t, ({ socket }) => {
    idle = socket;
    socket.write(`${OK_HEAD}ok`);
  });
  const origin = open(t, server.url);
  t.equal(await textOf(await ask(origin, '/')), 'ok');
  idle?.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
  if (idle !== undefined) await once(idle, 'close');
  t.equal(await textOf(await ask(origin, '/')), 'ok');
  t.equal(server.connections(), 2);
});

t.test('304 and 204 have no body, whatever their fields say', async (t) => {
  for (const status of ['304 Not Modified', '204 No Content']) {
    const server = await raw(t, ({ socket }) => {
      socket.write(`HTTP/1.1 ${status}\r\nETag: "a"\r\nContent-Length: 1234\r\n\r\n`);
    });
    const origin = open(t, server.url, { connections: 1 });
    for (let i = 0; i < 3; i += 1) {
      const response = await ask(origin, '/');
      t.equal(field(response.headers, 'etag'), '"a"', status);
      t.equal((await bodyOf(response)).length, 0, status);
    }
  }
});

t.test('silence is GW_ORIGIN_TIMEOUT', async (t) => {
  const rows = [
    ['', 'no answer', false],
    ['HTTP/1.1 200 OK\r\nContent-', 'half a head', false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello', 'half a body', true],
  ] as const;
  for (const [answer, why, answered] of rows) {
    const server = await raw(t, ({ socket }) => socket.write(answer));
    const origin = open(t, server.url, { headersTimeout: 200, bodyTimeout: 200 });
    const response = ask(origin, '/');
    const failing = answered ? bodyOf(await response) : response;
    await t.rejects(failing, { code: 'GW_ORIGIN_TIMEOUT' }, why);
  }
});

t.test('a head that drips in does not outlive the headers time-out', async (t) => {
  const server = await raw(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const drip = setInterval(() => socket.write('X: a\r\n'), 50);
    socket.on('close', () => {
      clearInterval(drip);
    });
  });
  const origin = open(t, server.url, { headersTimeout: 300 });
  await t.rejects(ask(origin, '/'), { code: 'GW_ORIGIN_TIMEOUT' });
});

t.test('a reader that pauses for longer than the body time-out loses nothing', async (t) => {
  const size = 2 * 1024 * 1024;
  const url = await serve(t, (_request, response) => response.end(Buffer.alloc(size, 'x')));
  const response = await ask(open(t, url, { bodyTimeout: 100 }), '/');
  const body = response.body[Symbol.asyncIterator]();
  const first = await body.next();
  let total = (first.value as Uint8Array).length;
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // the pause is what is tested
  for (let step = await body.next(); step.done !== true; step = await body.next()) {
    total += step.value.length;
  }
  t.equal(total, size);
});

t.test('nobody listening, and nobody accepting, are GW_ORIGIN_CONNECT', async (t) => {
  const origin = open(t, `http://127.0.0.1:${await freePort()}`);
  await t.rejects(ask(origin, '/'), { code: 'GW_ORIGIN_CONNECT' });
  const unknown = open(t, 'http://does-not-exist.invalid/');
  await t.rejects(ask(unknown, '/'), { code: 'GW_ORIGIN_CONNECT' });
});

t.test('a TLS handshake that never ends is GW_ORIGIN_CONNECT', async (t) => {
  const mute = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.teardown(() => mute.close());
  const url = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`;
  await t.rejects(ask(open(t, url, { connectTimeout: 200 }), '/'), { code: 'GW_ORIGIN_CONNECT' });
});

t.test(
  'a kept-alive connection closed under us is replaced without the caller noticing',
  async (t) => {
    const rows = [
      ['end', 'GET', 'closed in order'],
      ['reset', 'GET', 'reset'],
      ['reset', 'DELETE', 'idempotent, if not safe'],
    ] as const;
    for (const [ending, method, why] of rows) {
      const server = await raw(t, ({ socket, connection, nth }) => {
        if (connection > 1 || nth === 1) socket.write(`${OK_HEAD}ok`);
        else if (ending === 'end') socket.end();
        else socket.resetAndDestroy();
      });
      const origin = open(t, server.url);
      t.equal(await textOf(await ask(origin, '/1')), 'ok', why);
      t.equal(await textOf(await ask(origin, '/2', { method })), 'ok', why);
      t.equal(server.connections(), 2, why);
    }
  },
);

t.test('what may have taken effect is not sent twice', async (t) => {
  const server = await raw(t, ({ socket, nth }) => {
    if (nth === 1) socket.write(`${OK_HEAD}ok`);
    else socket.end();
  });
  const origin = open(t, server.url);
  t.equal(await textOf(await ask(origin, '/1')), 'ok');
  await t.rejects(ask(origin, '/2', { method: 'POST' }), { code: 'GW_ORIGIN_IO' });
  t.equal(server.heads.length, 2);
});

t.test('a new connection that is closed without an answer is an error at once', async (t) => {
  const server = await raw(t, ({ socket }) => socket.end());
  await t.rejects(ask(open(t, server.url), '/'), { code: 'GW_ORIGIN_IO' });
  t.equal(server.connections(), 1);
});

t.test('connections are reused, and never more than configured', async (t) => {
  const server = await raw(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
  const origin = open(t, server.url, { connections: 3 });
  for (let i = 0; i < 5; i += 1) t.equal(await textOf(await ask(origin, '/')), 'ok');
  t.equal(server.connections(), 1);
  const all = Array.from({ length: 30 }, async () => textOf(await ask(origin, '/')));
  t.same(new Set(await Promise.all(all)), new Set(['ok']));
  t.equal(server.connections(), 3);
});

t.test('requests that wait are bounded in number and in time, and can be aborted', async (t) => {
  const server = await raw(t, () => undefined);
  const origin = open(t, server.url, { connections: 1, connectTimeout: 300 });
  const held = new AbortController();
  const first = ask(origin, '/', { signal: held.signal });
  const abort = new AbortController();
  const aborted = ask(origin, '/', { signal: abort.signal });
  abort.abort();
  await t.rejects(aborted, { code: 'GW_CLIENT_ABORTED' }, 'aborted in the queue');
  const waiting = Array.from({ length: 17 }, () => ask(origin, '/'));
  for (const result of await Promise.allSettled(waiting)) {
    t.match(result, { status: 'rejected', reason: { code: 'GW_ORIGIN_BUSY' } });
  }
  held.abort();
  await t.rejects(first, { code: 'GW_CLIENT_ABORTED' });
});

t.test('field values keep their bytes both ways', async (t) => {
  const bytes = Buffer.from([0x61, 0xa0, 0xc3, 0xa9, 0xff, 0xe4, 0xa0]).toString('latin1');
  const server = await raw(t, ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nX-Echo: \t ${bytes} \r\nContent-Length: 0\r\n\r\n`, 'latin1');
  });
  const response = await ask(open(t, server.url), '/', { headers: [['x-sent', bytes]] });
  t.equal(field(response.headers, 'x-echo'), bytes);
  t.match(server.heads[0], `x-sent: ${bytes}`);
});

t.test('duplicate fields stay separate and in order', async (t) => {
  const server = await raw(t, ({ socket }) => {
    socket.write(
      'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX: 1\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n',
    );
  });
  const headers = [
    ['accept', 'a'],
    ['x', '1'],
    ['accept', 'b'],
  ] as const;
  const response = await ask(open(t, server.url), '/', { headers });
  const cookies = response.headers.filter(([name]) => name === 'set-cookie');
  t.same(cookies, [
    ['set-cookie', 'a'],
    ['set-cookie', 'b'],
  ]);
  t.match(server.heads[0], /accept: a\r\nx: 1\r\naccept: b/);
});

t.test('hop-by-hop fields end here in both directions', async (t) => {
  const server = await raw(t, ({ socket }) => {
    socket.write(
      'HTTP/1.1 200 OK\r\nConnection: x-private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\n' +
        'Proxy-Authenticate: Basic\r\nX-Public: 2\r\nContent-Length: 0\r\n\r\n',
    );
  });
  const headers = [
    ['connection', 'x-mine'],
    ['x-mine', '1'],
    ['te', 'trailers'],
    ['expect', '100-continue'],
    ['content-length', '5'],
    ['x-theirs', '2'],
  ] as const;
  const response = await ask(open(t, server.url), '/', { headers });
  t.same(
    response.headers.map(([name]) => name),
    ['x-public', 'content-length'],
  );
  const head = server.heads[0] ?? '';
  t.match(head, /\r\nx-theirs: 2/);
  t.notMatch(head, /x-mine|te: trailers|expect|content-length/i);
});

t.test('Host, Via and the base path are ours to set', async (t) => {
  const server = await raw(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
  const headers = [
    ['host', 'viewer.example'],
    ['via', '1.1 edge'],
  ] as const;
  const { host } = new URL(server.url);
  const rows = [
    ['', false, `GET /v/1?q=2 HTTP/1.1\r\nhost: ${host}\r\n`],
    ['/', false, `GET /v/1?q=2 HTTP/1.1\r\nhost: ${host}\r\n`],
    ['/base/', false, `GET /base/v/1?q=2 HTTP/1.1\r\nhost: ${host}\r\n`],
    ['/base', true, 'GET /base/v/1?q=2 HTTP/1.1\r\nhost: viewer.example\r\n'],
  ] as const;
  for (const [path, preserveHost, head] of rows) {
    const origin = open(t, server.url + path, { preserveHost });
    t.equal(await textOf(await ask(origin, '/v/1?q=2', { headers })), 'ok');
    const sent = server.heads.at(-1) ?? '';
    t.ok(sent.startsWith(head), sent);
    t.match(sent, /via: 1.1 edge\r\nvia: 1.1 headgate/);
  }
});

t.test('nothing is decompressed and no redirect followed', async (t) => {
  const server = await raw(t, ({ socket }) => {
    socket.write(
      'HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnogz',
    );
  });
  const response = await ask(open(t, server.url), '/here');
  t.equal(response.status, 302);
  t.equal(field(response.headers, 'content-encoding'), 'gzip');
  t.equal(await textOf(response), 'nogz');
  t.equal(server.heads.length, 1);
});

t.test('1xx answers are handed on before the final one', async (t) => {
  const server = await raw(t, ({ socket }) => {
    socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n${OK_HEAD}ok`);
  });
  const seen: unknown[] = [];
  const response = await ask(open(t, server.url), '/', {
    onInformational: (status, headers) => seen.push([status, headers]),
  });
  t.equal(await textOf(response), 'ok');
  t.same(seen, [[103, [['link', '</a>']]]]);
});

t.test('a request body arrives whole, pulled no faster than the origin reads', async (t) => {
  const size = 8 * 1024 * 1024;
  const release = new EventTarget();
  let received = 0;
  const url = await serve(t, (request, response) => {
    request.pause();
    release.addEventListener('go', () => {
      request.on('data', (chunk: Buffer) => (received += chunk.length));
      request.on('end', () => response.end(request.headers['transfer-encoding']));
      request.resume();
    });
  });
  let pulled = 0;
  async function* body() {
    while (pulled < size) {
      pulled += 65_536;
      yield Buffer.alloc(65_536);
      await new Promise(setImmediate);
    }
  }
  const answer = ask(open(t, url), '/', { method: 'POST', body: body() });
  let before = -1;
  while (before !== pulled || pulled === 0) {
    before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 100)); // until it stands still
  }
  t.ok(pulled < size, `stopped at ${pulled}`);
  release.dispatchEvent(new Event('go'));
  t.equal(await textOf(await answer), 'chunked');
  t.equal(received, size);
});

t.test('a request body of declared length keeps it, and must keep to it', async (t) => {
  const url = await serve(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end(request.headers['content-length']));
  });
  async function* body() {
    yield Buffer.from('abc');
    await Promise.resolve();
    yield Buffer.from('de');
  }
  const origin = open(t, url);
  const asked = (length: string) =>
    ask(origin, '/', { method: 'PUT', headers: [['content-length', length]], body: body() });
  t.equal(await textOf(await asked('5')), '5');
  await t.rejects(asked('4'), { code: 'GW_BAD_REQUEST' }, 'longer than declared');
  await t.rejects(asked('6'), { code: 'GW_BAD_REQUEST' }, 'shorter than declared');
});

t.test('an early answer stops a request body that has no end', async (t) => {
  const server = await raw(t, ({ socket }) => {
    socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
  });
  const closed = new EventTarget();
  const isClosed = once(closed, 'closed');
  const endless: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]() {
      let first = true;
      return {
        next: () => {
          if (!first) return new Promise(() => undefined); // the client sends no more
          first = false;
          return Promise.resolve({ done: false, value: Buffer.from('abc') });
        },
        return: () => {
          closed.dispatchEvent(new Event('closed'));
          return Promise.resolve({ done: true, value: undefined });
        },
      };
    },
  };
  const response = await ask(open(t, server.url), '/', { method: 'POST', body: endless });
  t.equal(response.status, 413);
  t.equal(await textOf(response), 'no');
  await isClosed;
});

t.test('a request body that fails is the error of the request', async (t) => {
  const server = await raw(t, () => undefined);
  // eslint-disable-next-line @typescript-eslint/require-await -- it throws before it could wait
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc');
    throw new TypeError('reader bug');
  }
  const request = ask(open(t, server.url), '/', { method: 'POST', body: body() });
  await t.rejects(request, { code: 'GW_INTERNAL' });
});

t.test('what cannot be sent is refused', async (t) => {
  const server = await raw(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
  const origin = open(t, server.url);
  await t.rejects(ask(origin, '/', { method: 'CONNECT' }), { code: 'GW_METHOD_NOT_ALLOWED' });
  await t.rejects(ask(origin, '/a b'), { code: 'GW_BAD_REQUEST' }, 'a space would split the line');
  await t.rejects(ask(origin, '/', { headers: [['x', 'a\r\nb: c']] }), { code: 'GW_BAD_REQUEST' });
  t.equal(await textOf(await ask(origin, '/')), 'ok');
  t.equal(server.heads.length, 1);
});

t.test('close() fails what is in flight with GW_SHUTTING_DOWN', async (t) => {
  const server = await raw(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello');
  });
  const origin = open(t, server.url);
  const response = await ask(origin, '/');
  const reading = bodyOf(response);
  await origin.close();
  await t.rejects(reading, { code: 'GW_SHUTTING_DOWN' });
  await t.rejects(ask(origin, '/'), { code: 'GW_SHUTTING_DOWN' });
});

t.test('openUpstreamOrigin() refuses URLs that it cannot ask', (t) => {
  const rows = [
    ['ftp://host/', 'another scheme'],
    ['nonsense', 'no URL'],
    ['http://user:secret@host/', 'a password that would reach the logs'],
    ['http://host/?a=1', 'a query that no request would carry'],
  ] as const;
  for (const [url, why] of rows) {
    const options = { url, settings: ORIGIN_SETTINGS, name: 'x', via: 'headgate' };
    t.throws(() => openUpstreamOrigin(options), { code: 'GW_CONFIG_INVALID' }, why);
  }
  t.end();
});
