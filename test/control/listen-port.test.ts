import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { explainPort, freePort } from '../../src/control/listen-port.js';
import { GatewayError } from '../../src/errors.js';
import { freePort as unusedPort } from '../support/ports.js';

const IN_USE = { code: 'GW_PORT_IN_USE' };
/** For documentation (RFC 5737): no machine has it. */
const FOREIGN = '192.0.2.1';

async function listener(t: Test, host: string): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

async function canListen(host: string, port: number): Promise<boolean> {
  const server = createServer().listen({ host, port, exclusive: true });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
  return true;
}

t.test('freePort() gives a port that nobody listens on back as it is', async (t) => {
  for (const host of ['127.0.0.1', '0.0.0.0', 'localhost', '::1', '::']) {
    const port = await unusedPort();
    t.equal(await freePort(host, port), port, host);
    t.ok(await canListen('127.0.0.1', port), 'and does not listen there itself');
  }
});

t.test(
  'freePort() finds a port of its own for 0, another one each time that it is taken',
  async (t) => {
    const first = await freePort('127.0.0.1', 0);
    t.ok(first > 0 && first < 65_536);
    const holder = createServer().listen(first, '127.0.0.1');
    await once(holder, 'listening');
    t.teardown(() => holder.close());
    t.not(await freePort('127.0.0.1', 0), first);
  },
);

t.test('freePort() refuses a port where somebody answers', async (t) => {
  const rows = [
    ['127.0.0.1', '127.0.0.1', 'there'],
    ['127.0.0.1', '0.0.0.0', 'on one of all addresses'],
    ['0.0.0.0', '127.0.0.1', 'on all addresses'],
    ['0.0.0.0', '0.0.0.0', 'on all addresses, as we would'],
    ['127.0.0.1', 'localhost', 'under its name'],
    ['::1', '::', 'over IPv6'],
    ['::', '::1', 'on all addresses, over IPv6'],
    ['0.0.0.0', '::', 'on all of IPv4, which we would take, too'],
    ['127.0.0.1', '::', 'on one of IPv4'],
    ['127.0.0.2', '0.0.0.0', 'on one that no interface has'],
    ['127.0.0.2', '::', 'the same, over IPv6'],
    ['::ffff:127.0.0.2', '0.0.0.0', 'the same, written as IPv6'],
  ] as const;
  for (const [taken, host, why] of rows) {
    const { port } = await listener(t, taken);
    await t.rejects(freePort(host, port), IN_USE, why);
  }
});

t.test('freePort() gives a port that somebody else has at another address', async (t) => {
  const rows = [
    ['127.0.0.2', '127.0.0.1'],
    ['::1', '0.0.0.0'],
    ['127.0.0.1', '::1'],
  ] as const;
  for (const [taken, host] of rows) {
    const { port } = await listener(t, taken);
    t.equal(await freePort(host, port), port, `${taken} and ${host}`);
  }
});

t.test('freePort() lets go of whom it called', async (t) => {
  const { server, port } = await listener(t, '127.0.0.1');
  const called = once(server, 'connection') as Promise<[Socket]>;
  await t.rejects(freePort('127.0.0.1', port), IN_USE);
  const [socket] = await called;
  socket.on('error', () => undefined).resume(); // a reset is as good
  await once(socket, 'close');
  t.ok(
    await new Promise((resolve) =>
      server.getConnections((_, count) => {
        resolve(count === 0);
      }),
    ),
  );
});

t.test('freePort() takes a listener that says nothing for somebody', async (t) => {
  // A thread that stands still accepts nobody: its queue of one is full after two.
  const deaf = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setImmediate(() => { Atomics.wait(workerData, 0, 0); process.exit(); });
     });`,
    { eval: true, workerData: new Int32Array(new SharedArrayBuffer(4)) },
  );
  t.teardown(() => deaf.terminate());
  const [port] = (await once(deaf, 'message')) as [number];
  const { connect } = await import('node:net');
  const waiting = Array.from({ length: 4 }, () => connect(port, '127.0.0.1'));
  t.teardown(() => {
    for (const socket of waiting) socket.destroy();
  });
  for (const socket of waiting) socket.on('error', () => undefined);
  await Promise.all(waiting.slice(0, 2).map((socket) => once(socket, 'connect')));
  const startMs = performance.now();
  await t.rejects(freePort('127.0.0.1', port), IN_USE);
  const tookMs = performance.now() - startMs;
  t.ok(tookMs >= 990 && tookMs < 1_900, `after ${tookMs} ms`);
});

t.test('freePort() names an address that it cannot listen on, for any port', async (t) => {
  await t.rejects(freePort(FOREIGN, 0), { ...IN_USE, message: /192\.0\.2\.1.*EADDRNOTAVAIL/ });
});

t.test('explainPort() says what stands against a port that workers could not have', async (t) => {
  const told = new GatewayError('GW_PORT_IN_USE', 'a worker cannot listen');
  const { port } = await listener(t, '127.0.0.1');
  const taken = (await explainPort('127.0.0.1', port, told)) as GatewayError;
  t.match(taken, {
    code: 'GW_PORT_IN_USE',
    message: new RegExp(`127\\.0\\.0\\.1:${port}: .*EADDRINUSE`),
  });
  t.match(taken.cause, { code: 'EADDRINUSE' });
  t.match(await explainPort(FOREIGN, 8080, told), { message: /EADDRNOTAVAIL/ });
});

t.test('explainPort() gives the reason back when it has nothing to add', async (t) => {
  const port = await unusedPort();
  const told = new GatewayError('GW_PORT_IN_USE', 'a worker cannot listen');
  t.equal(await explainPort('127.0.0.1', port, told), told, 'nothing stands against it any more');
  const { port: taken } = await listener(t, '127.0.0.1');
  for (const other of [new GatewayError('GW_INTERNAL', 'x'), new Error('x'), 'x', undefined]) {
    t.equal(await explainPort('127.0.0.1', taken, other), other, 'another matter');
  }
});
