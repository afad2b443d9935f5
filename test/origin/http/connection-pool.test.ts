/** Who gets which connection, and when it may be used again. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ask, bodyOf, textOf } from '../../support/origin.js';
import { httpServer, OK_HEAD, openUpstream, rawServer } from '../../support/upstream.js';

t.test('a reader that has not begun does not keep the connection from others', async (t) => {
  const server = await rawServer(t, ({ socket, nth }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody${nth}`);
  });
  const origin = openUpstream(t, server.url, { connections: 1 });
  const answers = [];
  for (let i = 0; i < 4; i += 1) answers.push(await ask(origin, `/${i}`));
  const texts = await Promise.all(answers.map(textOf));
  t.strictSame(texts, ['body1', 'body2', 'body3', 'body4'], 'each has its own');
  t.equal(server.connections(), 1);
});

t.test('bodies of many sizes arrive whole by one connection, read fast and slowly', async (t) => {
  const sizes = [1, 1_000, 65_000, 65_536, 65_537, 131_072, 200_000, 1_000_003];
  const url = await httpServer(t, ({ url }, response) => {
    const size = Number(url?.slice(1));
    const body = Buffer.alloc(size);
    for (let i = 0; i < size; i += 1) body[i] = (i * 31 + size) % 251;
    if (size % 2 === 0) response.setHeader('content-length', size);
    response.end(body);
  });
  const origin = openUpstream(t, url, { connections: 1 });
  for (const slow of [false, true]) {
    for (const size of sizes) {
      const response = await ask(origin, `/${size}`);
      let at = 0;
      let wrong = 0;
      for await (const piece of response.body) {
        if (slow) await delay(1);
        for (const byte of Array.from(piece)) {
          if (byte !== (at * 31 + size) % 251) wrong += 1;
          at += 1;
        }
      }
      t.strictSame([at, wrong], [size, 0], `${size} bytes, ${slow ? 'slowly' : 'fast'}`);
    }
  }
});

t.test('a connection is left before its origin leaves it', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok`);
  });
  const origin = openUpstream(t, server.url);
  await textOf(await ask(origin, '/'));
  await delay(100);
  await textOf(await ask(origin, '/'));
  t.equal(server.connections(), 1, 'used again at once');
  await delay(700);
  await textOf(await ask(origin, '/'));
  t.equal(server.connections(), 2, 'after half of what it says');
});

t.test('Connection: close, HTTP/1.0 and keepAlive 0 are used once', async (t) => {
  const rows = [
    ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', 30_000],
    ['HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 30_000],
    [`${OK_HEAD}ok`, 0],
  ] as const;
  for (const [answer, keepAlive] of rows) {
    const server = await rawServer(t, ({ socket }) => socket.write(answer));
    const origin = openUpstream(t, server.url, { keepAlive });
    t.equal(await textOf(await ask(origin, '/')), 'ok');
    t.equal(await textOf(await ask(origin, '/')), 'ok');
    t.equal(server.connections(), 2);
  }
});

t.test('an answer before the request was sent whole ends its connection', async (t) => {
  const server = await rawServer(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
  const origin = openUpstream(t, server.url);
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc');
    await new Promise(() => undefined);
  }
  t.equal(await textOf(await ask(origin, '/', { method: 'POST', body: body() })), 'ok');
  t.equal(await textOf(await ask(origin, '/')), 'ok');
  t.equal(server.connections(), 2, 'the rest of the body would be taken for a request');
});

t.test('who leaves in the middle of a body ends its connection', async (t) => {
  const url = await httpServer(t, (_, response) => response.end(Buffer.alloc(4 << 20)));
  const origin = openUpstream(t, url, { connections: 1 });
  for (let i = 0; i < 3; i += 1) {
    const response = await ask(origin, '/');
    for await (const piece of response.body) if (piece.length > 0) break;
  }
  t.equal((await bodyOf(await ask(origin, '/'))).length, 4 << 20);
});

t.test('an idle connection that its origin closes is not used', async (t) => {
  const server = await rawServer(t, ({ socket, connection }) => {
    socket.write(`${OK_HEAD}ok`);
    if (connection === 1) setTimeout(() => socket.end(), 20);
  });
  const origin = openUpstream(t, server.url);
  await textOf(await ask(origin, '/'));
  await delay(100);
  // It may not even be asked twice.
  t.equal(await textOf(await ask(origin, '/', { method: 'POST' })), 'ok');
  t.equal(server.connections(), 2);
});

t.test('the next address is tried where one does not answer', async (t) => {
  const server = await rawServer(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
  // localhost is 127.0.0.1 and, where there is one, ::1, on which nobody listens.
  const origin = openUpstream(t, server.url.replace('127.0.0.1', 'localhost'));
  for (let i = 0; i < 3; i += 1) t.equal(await textOf(await ask(origin, '/')), 'ok');
});

t.test('a connection that goes as soon as it is open is an error at once', async (t) => {
  const server = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const origin = openUpstream(t, `http://127.0.0.1:${port}`, { headersTimeout: 60_000 });
  for (let i = 0; i < 20; i += 1) {
    await t.rejects(ask(origin, '/'), { code: /^GW_ORIGIN_(?:IO|CONNECT)$/ });
  }
});

t.test('who is told of a 1xx and fails harms his own request alone', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${OK_HEAD}ok`);
  });
  const origin = openUpstream(t, server.url);
  const onInformational = (): void => {
    throw new TypeError('a bug');
  };
  await t.rejects(ask(origin, '/', { onInformational }), { code: 'GW_INTERNAL' });
  t.equal(await textOf(await ask(origin, '/')), 'ok');
});

t.test('given up while connecting, it holds nothing', async (t) => {
  const server = await rawServer(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
  const origin = openUpstream(t, server.url, { connections: 1 });
  const abort = new AbortController();
  const asked = ask(origin, '/', { signal: abort.signal });
  abort.abort();
  await t.rejects(asked, { code: 'GW_CLIENT_ABORTED' });
  t.equal(await textOf(await ask(origin, '/')), 'ok');
  const [head] = server.heads;
  t.match(head, /^GET \/ HTTP\/1\.1\r\n/);
});

t.test('silence is a fault only while somebody reads', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab');
  });
  const origin = openUpstream(t, server.url, { bodyTimeout: 100 });
  const response = await ask(origin, '/');
  const reader = response.body[Symbol.asyncIterator]();
  t.equal((await reader.next()).done, false);
  await delay(350); // nobody waits for more
  const startedMs = performance.now();
  await t.rejects(reader.next(), { code: 'GW_ORIGIN_TIMEOUT' });
  t.ok(performance.now() - startedMs < 300, 'then it counts');
});
