import t from 'tap';
import { once } from 'node:events';
import { openUpstreamOrigin } from '../../../src/origin/http/upstream.js';
import { ask, bodyOf, field, ORIGIN_SETTINGS, textOf } from '../../support/origin.js';
import { httpServer, OK_HEAD, openUpstream, rawServer } from '../../support/upstream.js';

t.test('a reader that pauses for longer than the body time-out loses nothing', async (t) => {
  const size = 2 * 1024 * 1024;
  const url = await httpServer(t, (_request, response) => response.end(Buffer.alloc(size, 'x')));
  const response = await ask(openUpstream(t, url, { bodyTimeout: 100 }), '/');
  const body = response.body[Symbol.asyncIterator]();
  const first = await body.next();
  let total = (first.value as Uint8Array).length;
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // the pause is what is tested
  for (let step = await body.next(); step.done !== true; step = await body.next()) {
    total += step.value.length;
  }
  t.equal(total, size);
});

t.test('connections are reused, and never more than configured', async (t) => {
  const server = await rawServer(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
  const origin = openUpstream(t, server.url, { connections: 3 });
  for (let i = 0; i < 5; i += 1) t.equal(await textOf(await ask(origin, '/')), 'ok');
  t.equal(server.connections(), 1);
  const all = Array.from({ length: 30 }, async () => textOf(await ask(origin, '/')));
  t.same(new Set(await Promise.all(all)), new Set(['ok']));
  t.equal(server.connections(), 3);
});

t.test('requests that wait are bounded in number and in time, and can be aborted', async (t) => {
  const server = await rawServer(t, () => undefined);
  const origin = openUpstream(t, server.url, { connections: 1, connectTimeout: 300 });
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
  const server = await rawServer(t, ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nX-Echo: \t ${bytes} \r\nContent-Length: 0\r\n\r\n`, 'latin1');
  });
  const response = await ask(openUpstream(t, server.url), '/', { headers: [['x-sent', bytes]] });
  t.equal(field(response.headers, 'x-echo'), bytes);
  t.match(server.heads[0], `x-sent: ${bytes}`);
});

t.test('duplicate fields stay separate and in order', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.write(
      'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX: 1\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n',
    );
  });
  const headers = [
    ['accept', 'a'],
    ['x', '1'],
    ['accept', 'b'],
  ] as const;
  const response = await ask(openUpstream(t, server.url), '/', { headers });
  const cookies = response.headers.filter(([name]) => name === 'set-cookie');
  t.same(cookies, [
    ['set-cookie', 'a'],
    ['set-cookie', 'b'],
  ]);
  t.match(server.heads[0], /accept: a\r\nx: 1\r\naccept: b/);
});

t.test('hop-by-hop fields end here in both directions', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
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
  const response = await ask(openUpstream(t, server.url), '/', { headers });
  t.same(
    response.headers.map(([name]) => name),
    ['x-public', 'content-length'],
  );
  const head = server.heads[0] ?? '';
  t.match(head, /\r\nx-theirs: 2/);
  t.notMatch(head, /x-mine|te: trailers|expect|content-length/i);
});

t.test('Host, Via and the base path are ours to set', async (t) => {
  const server = await rawServer(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
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
    const origin = openUpstream(t, server.url + path, { preserveHost });
    t.equal(await textOf(await ask(origin, '/v/1?q=2', { headers })), 'ok');
    const sent = server.heads.at(-1) ?? '';
    t.ok(sent.startsWith(head), sent);
    t.match(sent, /via: 1.1 edge\r\nvia: 1.1 headgate/);
  }
});

t.test('nothing is decompressed and no redirect followed', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.write(
      'HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnogz',
    );
  });
  const response = await ask(openUpstream(t, server.url), '/here');
  t.equal(response.status, 302);
  t.equal(field(response.headers, 'content-encoding'), 'gzip');
  t.equal(await textOf(response), 'nogz');
  t.equal(server.heads.length, 1);
});

t.test("a redirect to the origin's own URL leads to us", async (t) => {
  const url = await httpServer(t, ({ headers }, response) =>
    response.writeHead(301, { Location: `http://${headers.host ?? ''}/base/folder/` }).end(),
  );
  for (const [preserveHost, want] of [
    [false, '/folder/'],
    [true, 'http://viewer.example/folder/'],
  ] as const) {
    const origin = openUpstream(t, `${url}/base`, { preserveHost });
    const response = await ask(origin, '/folder', { headers: [['host', 'viewer.example']] });
    t.equal(field(response.headers, 'location'), want);
    await textOf(response);
  }
});

t.test('1xx answers are handed on before the final one', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n${OK_HEAD}ok`);
  });
  const seen: unknown[] = [];
  const response = await ask(openUpstream(t, server.url), '/', {
    onInformational: (status, headers) => seen.push([status, headers]),
  });
  t.equal(await textOf(response), 'ok');
  t.same(seen, [[103, [['link', '</a>']]]]);
});

t.test('a request body arrives whole, pulled no faster than the origin reads', async (t) => {
  const size = 8 * 1024 * 1024;
  const release = new EventTarget();
  let received = 0;
  const url = await httpServer(t, (request, response) => {
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
  const answer = ask(openUpstream(t, url), '/', { method: 'POST', body: body() });
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
  const url = await httpServer(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end(request.headers['content-length']));
  });
  async function* body() {
    yield Buffer.from('abc');
    await Promise.resolve();
    yield Buffer.from('de');
  }
  const origin = openUpstream(t, url);
  const asked = (length: string) =>
    ask(origin, '/', { method: 'PUT', headers: [['content-length', length]], body: body() });
  t.equal(await textOf(await asked('5')), '5');
  await t.rejects(asked('4'), { code: 'GW_BAD_REQUEST' }, 'longer than declared');
  await t.rejects(asked('6'), { code: 'GW_BAD_REQUEST' }, 'shorter than declared');
});

t.test('an early answer stops a request body that has no end', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
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
  const response = await ask(openUpstream(t, server.url), '/', { method: 'POST', body: endless });
  t.equal(response.status, 413);
  t.equal(await textOf(response), 'no');
  await isClosed;
});

t.test('a request body that fails is the error of the request', async (t) => {
  const server = await rawServer(t, () => undefined);
  // eslint-disable-next-line @typescript-eslint/require-await -- it throws before it could wait
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc');
    throw new TypeError('reader bug');
  }
  const request = ask(openUpstream(t, server.url), '/', { method: 'POST', body: body() });
  await t.rejects(request, { code: 'GW_INTERNAL' });
});

t.test('what cannot be sent is refused', async (t) => {
  const server = await rawServer(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
  const origin = openUpstream(t, server.url);
  await t.rejects(ask(origin, '/', { method: 'CONNECT' }), { code: 'GW_METHOD_NOT_ALLOWED' });
  await t.rejects(ask(origin, '/a b'), { code: 'GW_BAD_REQUEST' }, 'a space would split the line');
  await t.rejects(ask(origin, '/', { headers: [['x', 'a\r\nb: c']] }), { code: 'GW_BAD_REQUEST' });
  t.equal(await textOf(await ask(origin, '/')), 'ok');
  t.equal(server.heads.length, 1);
});

t.test('close() fails what is in flight with GW_SHUTTING_DOWN', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello');
  });
  const origin = openUpstream(t, server.url);
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
