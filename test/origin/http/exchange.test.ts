/** One request and its answer: whose fault an end is, and what becomes of the connection. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { GatewayError } from '../../../src/errors.js';
import type { FieldLines } from '../../../src/http/fields.js';
import { begin, diallerOf, openConnection } from '../../support/connection.js';
import { bodyOf, field, textOf } from '../../support/origin.js';
import { settled } from '../../support/shard.js';
import { httpServer, OK_HEAD, rawServer } from '../../support/upstream.js';

async function connectionTo(t: Test, answer: (socket: Socket, nth: number) => void) {
  const server = await rawServer(t, ({ socket, nth }) => {
    answer(socket, nth);
  });
  return openConnection(t, diallerOf(server.url));
}

t.test('an exchange tells for how long its connection may be used again', async (t) => {
  const rows: [answer: string, ms: number, why: string, method?: string][] = [
    [`${OK_HEAD}ok`, Infinity, 'nothing is said'],
    ['HTTP/1.1 200 OK\r\nKeep-Alive: timeout=7\r\nContent-Length: 0\r\n\r\n', 7_000, 'it is'],
    ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', 0, 'it is closed'],
    ['HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 0, 'as of old'],
    ['HTTP/1.1 200 OK\r\n\r\nok', 0, 'the end of the connection is that of the body'],
    [`${OK_HEAD}okHTTP/1.1 200 OK\r\n\r\n`, 0, 'more than was asked for'],
    [OK_HEAD, 0, 'some send the body that a HEAD must not have, a little later', 'HEAD'],
    [`${OK_HEAD}ok`, 0, 'or at once', 'HEAD'],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', 0, 'or with a 304'],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n', Infinity, 'but not of nothing'],
    ['HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n', 0, 'or of a 204'],
    ['HTTP/1.1 204 No Content\r\nX-Length: none\r\n\r\n', Infinity, 'which most have not'],
  ];
  for (const [answer, ms, why, method = 'GET'] of rows) {
    const connection = await connectionTo(t, (socket) => {
      socket.write(answer);
      if (!/length|chunked/i.test(answer)) socket.end();
    });
    const begun = begin(connection, { method });
    await bodyOf(await begun.exchange.response);
    t.equal(await begun.over, ms, why);
    await settled();
    t.equal(begun.overs, 1, `${why}: once`);
  }
});

t.test('a connection is not over while a piece of its buffers is lent', async (t) => {
  const connection = await connectionTo(t, (socket) => socket.write(`${OK_HEAD}ok`));
  const begun = begin(connection);
  const { body } = await begun.exchange.response;
  const reader = body[Symbol.asyncIterator]();
  const piece = await reader.next();
  t.equal(piece.done, false);
  await settled();
  t.equal(begun.overs, 0, 'the next answer would be read into it');
  t.equal((await reader.next()).done, true);
  t.equal(await begun.over, Infinity);
});

t.test('what its reader has not begun with is kept, and the connection goes on', async (t) => {
  const connection = await connectionTo(t, (socket, nth) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody${nth}`);
  });
  const responses = [];
  for (let nth = 1; nth <= 4; nth += 1) {
    const begun = begin(connection);
    responses.push(await begun.exchange.response);
    t.equal(await begun.over, Infinity, 'nobody has read it');
  }
  const texts = await Promise.all(responses.map(textOf));
  t.strictSame(texts, ['body1', 'body2', 'body3', 'body4']);
});

t.test('an abort before the request is sent sends nothing', async (t) => {
  const connection = await connectionTo(t, (socket) => socket.write(`${OK_HEAD}ok`));
  const abort = new AbortController();
  abort.abort();
  const begun = begin(connection, {}, {}, abort);
  await t.rejects(begun.exchange.response, { code: 'GW_CLIENT_ABORTED' });
  t.equal(await begun.over, 0);
  t.equal(connection.socket.bytesWritten, 0);
});

t.test('an abort cuts the wait for a head and a body, and is too late after that', async (t) => {
  const rows: [sent: string, ms: number, why: string][] = [
    ['', 0, 'no answer yet'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab', 0, 'half a body'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab', Infinity, 'the whole one'],
  ];
  for (const [sent, ms, why] of rows) {
    let arrived!: () => void;
    const asked = new Promise<void>((resolve) => (arrived = resolve));
    const connection = await connectionTo(t, (socket) => {
      if (sent !== '') socket.write(sent);
      arrived();
    });
    const { exchange, abort, over } = begin(connection);
    await asked;
    if (sent === '') {
      abort.abort();
      await t.rejects(exchange.response, { code: 'GW_CLIENT_ABORTED' }, why);
      t.equal(await over, ms, why);
      continue;
    }
    const reader = (await exchange.response).body[Symbol.asyncIterator]();
    const piece = await reader.next();
    t.equal(Buffer.from(piece.value as Uint8Array).toString(), 'ab', why);
    abort.abort();
    if (ms === 0) await t.rejects(reader.next(), { code: 'GW_CLIENT_ABORTED' }, why);
    else t.equal((await reader.next()).done, true, why);
    t.equal(await over, ms, why);
  }
});

t.test('a request is lost to a closing connection only before a byte of its answer', async (t) => {
  const half = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab';
  const rows: [before: number, sent: string, reset: boolean, code: string, lost: boolean][] = [
    [0, '', false, 'GW_ORIGIN_IO', false],
    [1, '', false, 'GW_ORIGIN_IO', true],
    [1, '', true, 'GW_ORIGIN_IO', true],
    [1, 'HTT', false, 'GW_ORIGIN_IO', false],
    [1, 'HTTP/1.1 103 Early Hints\r\n\r\n', false, 'GW_ORIGIN_IO', false],
    [1, half, false, 'GW_ORIGIN_BODY_SHORT', false],
  ];
  for (const [before, sent, reset, code, lost] of rows) {
    const connection = await connectionTo(t, (socket) => {
      if (reset) socket.resetAndDestroy();
      else socket.end(sent);
    });
    connection.requests = before;
    const { exchange, over } = begin(connection);
    const why = `after ${before} requests, ${JSON.stringify(sent)}`;
    await t.rejects(exchange.response.then(bodyOf), { code }, why);
    t.equal(await over, 0, why);
    t.equal(exchange.lostReused, lost, why);
  }
});

t.test('1xx are told as they come, without what ends at this hop, and 100 is not', async (t) => {
  const connection = await connectionTo(t, (socket) => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nKeep-Alive: timeout=1\r\n\r\n';
    socket.write(`HTTP/1.1 100 Continue\r\n\r\n${hints}HTTP/1.1 102 Processing\r\n\r\n`);
    socket.write(`HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n`);
  });
  const told: [number, FieldLines][] = [];
  const { exchange } = begin(connection, {
    onInformational: (status, fields) => told.push([status, fields]),
  });
  const { headers } = await exchange.response;
  t.strictSame(told, [
    [103, [['link', '</a>']]],
    [102, []],
  ]);
  t.strictSame(headers, [['content-length', '0']]);
});

t.test('each 1xx puts off the end of the wait for a head', async (t) => {
  const connection = await connectionTo(t, (socket) => {
    const hint = (): void => void socket.write('HTTP/1.1 103 Early Hints\r\n\r\n');
    for (const ms of [250, 500]) setTimeout(hint, ms);
    setTimeout(() => socket.write(`${OK_HEAD}ok`), 750);
  });
  const { exchange } = begin(connection, {}, { headersTimeoutMs: 450 });
  t.equal(await textOf(await exchange.response), 'ok');
});

t.test('a client may be slow with its body, an origin that does not take it may not', async (t) => {
  const url = await httpServer(t, (request, response) => {
    request.resume().on('end', () => response.end(String(request.headers['content-length'])));
  });
  async function* slow(): AsyncGenerator<Uint8Array> {
    for (const piece of ['a', 'b', 'c']) {
      await delay(80); // a client's pace
      yield Buffer.from(piece);
    }
  }
  const limits = { headersTimeoutMs: 60 };
  const request = { method: 'PUT', body: slow(), headers: [['content-length', '3']] as const };
  const taken = begin(await openConnection(t, diallerOf(url)), request, limits);
  t.equal(await textOf(await taken.exchange.response), '3');

  const deaf = createServer((socket) => socket.pause()).listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  t.teardown(() => deaf.close());
  const place = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`;
  let closed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield await Promise.resolve(Buffer.alloc(1 << 18));
    } finally {
      closed = true;
    }
  }
  const connection = await openConnection(t, diallerOf(place));
  const stuck = begin(connection, { method: 'PUT', body: endless() }, limits);
  await t.rejects(stuck.exchange.response, { code: 'GW_ORIGIN_TIMEOUT' });
  t.equal(await stuck.over, 0);
  await settled();
  t.ok(closed, 'the body is told to close');
});

t.test('what was answered before all of it was sent ends the connection', async (t) => {
  const connection = await connectionTo(t, (socket) => socket.write(`${OK_HEAD}ok`));
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a');
    await new Promise(() => undefined);
  }
  const { exchange, over } = begin(connection, { method: 'POST', body: body() });
  t.equal(await textOf(await exchange.response), 'ok');
  t.equal(await over, 0, 'the rest would be taken for a request');
});

t.test('fail() is the end of it, and of nothing else afterwards', async (t) => {
  const connection = await connectionTo(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 4\r\n\r\nab');
  });
  const begun = begin(connection);
  const response = await begun.exchange.response;
  t.equal(field(response.headers, 'x'), 'y');
  begun.exchange.fail(new GatewayError('GW_SHUTTING_DOWN', 'first'));
  begun.exchange.fail(new GatewayError('GW_ORIGIN_IO', 'second'));
  begun.exchange.connectionLost('third');
  await t.rejects(bodyOf(response), { code: 'GW_SHUTTING_DOWN' });
  t.equal(await begun.over, 0);
  t.equal(begun.overs, 1);
});
