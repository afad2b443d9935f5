/** Who hears of what a connection reads, and of its end. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { GatewayError } from '../../../src/errors.js';
import type { Connection } from '../../../src/origin/http/connection.js';
import type { Exchange } from '../../../src/origin/http/exchange.js';
import { diallerOf, openConnection } from '../../support/connection.js';
import { settled } from '../../support/shard.js';

interface Wire {
  readonly connection: Connection;
  readonly peer: Socket;
  readonly events: string[];
  /** Resolves with all events, once there is this one. */
  readonly until: (event: string) => Promise<readonly string[]>;
}

async function wire(t: Test, greeting = ''): Promise<Wire> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const accepted = new Promise<Socket>((resolve) => {
    server.on('connection', (socket) => {
      socket.on('error', () => undefined); // resets are part of the tests
      t.teardown(() => socket.destroy());
      if (greeting !== '') socket.write(greeting);
      resolve(socket);
    });
  });
  const events: string[] = [];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connection = await openConnection(t, diallerOf(url), () => events.push('gone'));
  const until = async (event: string): Promise<readonly string[]> => {
    while (!events.includes(event)) await new Promise(setImmediate);
    return events;
  };
  return { connection, peer: await accepted, events, until };
}

/** An exchange that only notes what it is told. `goesOn`: whether it wants more, at each read. */
function noting(events: string[], goesOn: (buffer: Buffer, text: string) => boolean): Exchange {
  const told = {
    begin: () => events.push('begin'),
    read: (buffer: Buffer, bytes: number) => {
      const text = buffer.toString('latin1', 0, bytes);
      events.push(text);
      return goesOn(buffer, text);
    },
    peerEnded: () => events.push('ended'),
    connectionLost: (why: string) => events.push(`lost: ${why}`),
    fail: ({ code }: GatewayError) => events.push(code),
  };
  return told as unknown as Exchange;
}

t.test('each read lies in the other of two buffers, for as long as it lives', async (t) => {
  const { connection, peer, events, until } = await wire(t);
  const buffers: Buffer[] = [];
  const exchange = noting(events, (buffer) => buffers.push(buffer) > 0);
  connection.begin(exchange);
  for (const text of ['a', 'b', 'c', 'd']) {
    peer.write(text);
    await until(text);
  }
  const [a, b, c, d] = buffers;
  t.not(a, b, 'what was read before is not overwritten');
  t.equal(a, c);
  t.equal(b, d);
  t.equal(new Set(buffers).size, 2);
});

t.test('nothing is read after a pause, until the connection rests', async (t) => {
  const { connection, peer, events, until } = await wire(t);
  connection.begin(noting(events, () => false));
  peer.write('a');
  await until('a');
  await new Promise<void>((resolve) => peer.write('b', () => { resolve(); })); // prettier-ignore
  for (let turn = 0; turn < 20; turn += 1) await settled();
  t.strictSame(events, ['begin', 'a'], 'the buffers may be in use');
  connection.rest();
  t.strictSame(await until('gone'), ['begin', 'a', 'gone'], 'b belongs to nobody');
  t.ok(connection.isGone);
  t.ok(connection.socket.destroyed);
});

t.test('what comes while nothing is asked ends the connection', async (t) => {
  const { connection, peer, events, until } = await wire(t);
  connection.begin(noting(events, () => true));
  connection.rest();
  peer.write('HTTP/1.1 200 OK\r\n\r\npoison');
  await until('gone');
  t.ok(connection.isGone);
  t.strictSame(events, ['begin', 'gone'], 'nobody is told but the owner');
});

t.test('a peer that speaks first is left, and who asks it hears of that', async (t) => {
  const { connection, events, until } = await wire(t, 'HTTP/1.1 200 OK\r\n\r\npoison');
  await until('gone');
  t.ok(connection.socket.destroyed);
  connection.begin(noting(events, () => true));
  t.strictSame(events.slice(1), ['begin', 'lost: closed by the origin']);
});

t.test('the end of a connection is told in order, and once', async (t) => {
  const rows: [how: (wire: Wire) => void, want: string[]][] = [
    [({ peer }) => peer.end(), ['ended', 'lost: closed by the origin', 'gone']],
    [({ peer }) => peer.resetAndDestroy(), ['lost: read ECONNRESET', 'gone']],
    [({ connection }) => connection.socket.destroy(), ['lost: closed', 'gone']],
  ];
  for (const [how, want] of rows) {
    const one = await wire(t);
    one.connection.begin(noting(one.events, () => true));
    one.peer.resume();
    how(one);
    await one.until('gone');
    t.strictSame(one.events.slice(1, want.length + 1), want);
    t.ok(one.connection.isGone);
    if (!one.connection.socket.closed) await once(one.connection.socket, 'close');
    const told = one.events.filter((event) => event.startsWith('lost'));
    t.equal(told.length, 1, 'the exchange hears of it once');
  }
});

t.test('fail() reaches the exchange that is there, and none that is over', async (t) => {
  const { connection, events } = await wire(t);
  connection.fail(new GatewayError('GW_SHUTTING_DOWN', 'nobody is there'));
  connection.begin(noting(events, () => true));
  connection.fail(new GatewayError('GW_SHUTTING_DOWN', 'test'));
  connection.rest();
  connection.fail(new GatewayError('GW_SHUTTING_DOWN', 'it is over'));
  t.strictSame(events, ['begin', 'GW_SHUTTING_DOWN']);
});

t.test('destroy() tells the exchange nothing, and the peer that it is over', async (t) => {
  const { connection, peer, events, until } = await wire(t);
  connection.begin(noting(events, () => true));
  const closed = once(peer.resume(), 'close');
  connection.destroy();
  t.ok(connection.isGone);
  await closed;
  t.strictSame(await until('gone'), ['begin', 'gone']);
});

t.test('open() fails as its dialler does', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const dialler = diallerOf(`http://127.0.0.1:${port}`);
  await t.rejects(openConnection(t, dialler), { code: 'GW_ORIGIN_CONNECT' });
});
