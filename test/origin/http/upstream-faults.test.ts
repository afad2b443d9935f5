import t from 'tap';
import { once } from 'node:events';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { ask, bodyOf, field, textOf } from '../../support/origin.js';
import { freePort } from '../../support/ports.js';
import type { RawRequest } from '../../support/raw-server.js';
import { OK_HEAD, openUpstream, rawServer } from '../../support/upstream.js';

t.test('an answer that is not HTTP fails with a code and spoils nothing', async (t) => {
  const rows = [
    ['HTP/1.1 200 OK\r\n\r\n', 'no protocol name'],
    ['HTTP/1.1 20 OK\r\n\r\n', 'a status of two digits'],
    ['HTTP/1.1 999 Strange\r\nContent-Length: 0\r\n\r\n', 'a status no client knows'],
    ['HTTP/1.1 600 Strange\r\nContent-Length: 0\r\n\r\n', 'the first beyond the last'],
    ['HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n', 'a status of nothing'],
    ['HTTP/1.1 099 Less\r\nContent-Length: 0\r\n\r\n', 'a status below the first'],
    ['HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'an unasked switch'],
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
    const server = await rawServer(t, ({ socket, connection }) => {
      socket.write(connection === 1 ? answer : `${OK_HEAD}ok`, 'latin1');
    });
    const origin = openUpstream(t, server.url);
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
    const server = await rawServer(t, (request) => {
      broken = request;
      request.socket.write(answer);
    });
    const response = await ask(openUpstream(t, server.url), '/');
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
  const server = await rawServer(t, ({ socket }) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'));
  t.equal(await textOf(await ask(openUpstream(t, server.url), '/')), 'hello');
});

t.test('chunks that are not chunks fail the body with GW_ORIGIN_PROTOCOL', async (t) => {
  const rows = [
    ['zz\r\nhello\r\n0\r\n\r\n', 'a size that is no number'],
    ['ffffffffffffffffffff\r\nhello', 'an absurd size'],
    ['5\r\nhelloXX0\r\n\r\n', 'no line end after the chunk'],
  ] as const;
  for (const [chunks, why] of rows) {
    const server = await rawServer(t, ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
    });
    const response = await ask(openUpstream(t, server.url), '/');
    await t.rejects(bodyOf(response), { code: 'GW_ORIGIN_PROTOCOL' }, why);
  }
});

t.test('bytes beyond the length are in no body, and their connection is dropped', async (t) => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
  for (const extra of ['surplus', poison, '\r\n\r\n\0']) {
    const server = await rawServer(t, ({ socket, nth }) => {
      if (nth === 1) socket.write(`${OK_HEAD}ok${extra}`);
    });
    const origin = openUpstream(t, server.url);
    t.equal(await textOf(await ask(origin, '/1')), 'ok');
    t.equal(await textOf(await ask(origin, '/2')), 'ok');
    t.equal(server.connections(), 2);
  }
});

t.test('an answer that nobody asked for closes its idle connection', async (t) => {
  let idle: RawRequest['socket'] | undefined;
  const server = await rawServer(t, ({ socket }) => {
    idle = socket;
    socket.write(`${OK_HEAD}ok`);
  });
  const origin = openUpstream(t, server.url);
  t.equal(await textOf(await ask(origin, '/')), 'ok');
  idle?.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
  if (idle !== undefined) await once(idle, 'close');
  t.equal(await textOf(await ask(origin, '/')), 'ok');
  t.equal(server.connections(), 2);
});

t.test('304 and 204 have no body, whatever their fields say', async (t) => {
  for (const status of ['304 Not Modified', '204 No Content']) {
    const server = await rawServer(t, ({ socket }) => {
      socket.write(`HTTP/1.1 ${status}\r\nETag: "a"\r\nContent-Length: 1234\r\n\r\n`);
    });
    const origin = openUpstream(t, server.url, { connections: 1 });
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
    const server = await rawServer(t, ({ socket }) => socket.write(answer));
    const origin = openUpstream(t, server.url, { headersTimeout: 200, bodyTimeout: 200 });
    const failing = async () => {
      const response = await ask(origin, '/');
      t.ok(answered, 'the head came');
      return bodyOf(response);
    };
    await t.rejects(failing(), { code: 'GW_ORIGIN_TIMEOUT' }, why);
  }
});

t.test('a head that drips in does not outlive the headers time-out', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const drip = setInterval(() => socket.write('X: a\r\n'), 50);
    socket.on('close', () => {
      clearInterval(drip);
    });
  });
  const origin = openUpstream(t, server.url, { headersTimeout: 300 });
  await t.rejects(ask(origin, '/'), { code: 'GW_ORIGIN_TIMEOUT' });
});

t.test('nobody listening is GW_ORIGIN_CONNECT', async (t) => {
  const origin = openUpstream(t, `http://127.0.0.1:${await freePort()}`);
  await t.rejects(ask(origin, '/'), { code: 'GW_ORIGIN_CONNECT' });
});

t.test('a TLS handshake that never ends is GW_ORIGIN_CONNECT', async (t) => {
  const mute = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.teardown(() => mute.close());
  const url = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`;
  await t.rejects(ask(openUpstream(t, url, { connectTimeout: 200 }), '/'), {
    code: 'GW_ORIGIN_CONNECT',
  });
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
      const server = await rawServer(t, ({ socket, connection, nth }) => {
        if (connection > 1 || nth === 1) socket.write(`${OK_HEAD}ok`);
        else if (ending === 'end') socket.end();
        else socket.resetAndDestroy();
      });
      const origin = openUpstream(t, server.url);
      t.equal(await textOf(await ask(origin, '/1')), 'ok', why);
      t.equal(await textOf(await ask(origin, '/2', { method })), 'ok', why);
      t.equal(server.connections(), 2, why);
    }
  },
);

t.test('what may have taken effect is not sent twice', async (t) => {
  const server = await rawServer(t, ({ socket, nth }) => {
    if (nth === 1) socket.write(`${OK_HEAD}ok`);
    else socket.end();
  });
  const origin = openUpstream(t, server.url);
  t.equal(await textOf(await ask(origin, '/1')), 'ok');
  await t.rejects(ask(origin, '/2', { method: 'POST' }), { code: 'GW_ORIGIN_IO' });
  t.equal(server.heads.length, 2);
});

t.test('a new connection that is closed without an answer is an error at once', async (t) => {
  const server = await rawServer(t, ({ socket }) => socket.end());
  await t.rejects(ask(openUpstream(t, server.url), '/'), { code: 'GW_ORIGIN_IO' });
  t.equal(server.connections(), 1);
});
