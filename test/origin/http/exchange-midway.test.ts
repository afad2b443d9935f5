/** Exchanges that go wrong in the middle: malformed answers, slow uploads, readers that wait, TLS. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { begin, diallerOf, openConnection } from '../../support/connection.js';
import { ask, textOf } from '../../support/origin.js';
import { TEST_CERT, TEST_KEY } from '../../support/tls.js';
import { OK_HEAD, openUpstream, rawServer } from '../../support/upstream.js';

t.test('an answer that is no HTTP gives its connection back', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (const answer of ['garbage\r\n\r\n', `${head}zz\r\n`, 'HTTP/1.1 103 Early Hints\r\n\r\n']) {
    const server = await rawServer(t, ({ socket, connection }) => {
      socket.write(connection === 1 ? answer : `${OK_HEAD}ok`);
    });
    const origin = openUpstream(t, server.url, { connections: 1, connectTimeout: 500 });
    const onInformational = (): void => {
      throw new TypeError('a bug');
    };
    const asked = ask(origin, '/', { onInformational }).then(textOf);
    await t.rejects(asked, { code: /^GW_(?:ORIGIN_PROTOCOL|INTERNAL)$/ }, answer);
    t.equal(await textOf(await ask(origin, '/')), 'ok', answer);
  }
});

t.test('a reader that waits when the chunks go wrong gives the connection back', async (t) => {
  const server = await rawServer(t, ({ socket, connection }) => {
    if (connection > 1) socket.write(`${OK_HEAD}ok`);
    else socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n');
    if (connection === 1) setTimeout(() => socket.write('zz\r\n'), 50);
  });
  const origin = openUpstream(t, server.url, { connections: 1, connectTimeout: 500 });
  await t.rejects(ask(origin, '/').then(textOf), { code: 'GW_ORIGIN_PROTOCOL' });
  t.equal(await textOf(await ask(origin, '/')), 'ok');
});

t.test('who gives up as he hears of a 1xx leaves no answer to the next one', async (t) => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${poison.length}\r\n\r\n`;
  const server = await rawServer(t, ({ socket, connection, nth }) => {
    if (connection > 1) socket.write(`${OK_HEAD}ok`);
    else socket.write(nth === 1 ? `HTTP/1.1 103 Early Hints\r\n\r\n${head}` : poison);
  });
  const origin = openUpstream(t, server.url, { connections: 1 });
  const abort = new AbortController();
  const onInformational = (): void => {
    abort.abort();
  };
  const { signal } = abort;
  await t.rejects(ask(origin, '/', { signal, onInformational }), { code: 'GW_CLIENT_ABORTED' });
  t.equal(await textOf(await ask(origin, '/2')), 'ok');
});

t.test(
  'an upload may take longer than the wait for a head while the origin takes it',
  async (t) => {
    const server = createServer((socket) => {
      let bytes = 0;
      socket.on('error', () => undefined);
      socket.on('data', (piece) => {
        bytes += piece.length;
        socket.pause();
        setTimeout(() => socket.resume(), 2);
        if (bytes > 24 << 20) socket.end(`${OK_HEAD}ok`);
      });
      t.teardown(() => socket.destroy());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 400; i += 1) yield await Promise.resolve(Buffer.alloc(1 << 16));
    }
    const connection = await openConnection(t, diallerOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)); // prettier-ignore
    const startedMs = performance.now();
    const limits = { headersTimeoutMs: 150 };
    const { exchange } = begin(connection, { method: 'PUT', body: body() }, limits);
    t.equal(await textOf(await exchange.response), 'ok');
    t.ok(performance.now() - startedMs > 300, 'it did take longer');
  },
);

t.test('a reader that begins to wait has all of the body time-out', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab');
  });
  const origin = openUpstream(t, server.url, { bodyTimeout: 400 });
  const reader = (await ask(origin, '/')).body[Symbol.asyncIterator]();
  await reader.next();
  await delay(350); // nobody waits
  const startedMs = performance.now();
  await t.rejects(reader.next(), { code: 'GW_ORIGIN_TIMEOUT' });
  t.ok(performance.now() - startedMs > 390);
});

t.test('a slow reader of a TLS origin gets the bytes that were sent', async (t) => {
  const content = Buffer.alloc(1_000_000);
  for (let i = 0; i < content.length; i += 1) content[i] = (i * 31 + (i >> 8)) % 251;
  const server = createTlsServer({ cert: TEST_CERT, key: TEST_KEY }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n`);
      socket.write(content);
    });
    t.teardown(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  const connection = await openConnection(t, diallerOf(url, TEST_CERT));
  const pieces: Uint8Array[] = [];
  for await (const piece of (await begin(connection).exchange.response).body) {
    await delay(1);
    pieces.push(new Uint8Array(piece));
  }
  t.ok(Buffer.concat(pieces).equals(content));
});
