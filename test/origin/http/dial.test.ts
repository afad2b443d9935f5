/** Which address is connected to, for how long it is waited for, and by which name. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { GatewayError } from '../../../src/errors.js';
import { Addresses } from '../../../src/origin/http/addresses.js';
import { Dialler, type DialOptions, type SocketReading } from '../../../src/origin/http/dial.js';
import { freePort } from '../../support/ports.js';
import { TEST_CERT, TEST_KEY } from '../../support/tls.js';

const NEVER = new AbortController().signal;
const IGNORED: SocketReading = { buffer: () => new Uint8Array(1_024), callback: () => true };

/** Where it listens, and whom it has accepted. */
async function listening(t: Test, server: Server, host = '127.0.0.1', port = 0) {
  const accepted: Socket[] = [];
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    accepted.push(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, accepted };
}

/** Of a name with those addresses. */
function dialler(url: string, known: readonly string[], more: Partial<DialOptions> = {}) {
  const addresses = new Addresses('origin.test', { resolve: () => Promise.resolve(known) });
  const place = new URL(url);
  return { addresses, dialler: new Dialler({ url: place, addresses, timeoutMs: 5_000, ...more }) };
}

async function dialled(t: Test, from: Dialler, reading = IGNORED): Promise<Socket> {
  const socket = await from.dial(reading, NEVER);
  t.teardown(() => socket.destroy());
  return socket;
}

t.test('dial() takes the next address when one refuses, and remembers which did', async (t) => {
  const { port } = await listening(t, createServer());
  const known = ['127.0.0.3', '127.0.0.2', '127.0.0.1'];
  const { addresses, dialler: one } = dialler(`http://origin.test:${port}`, known);
  await addresses.inTurn();
  addresses.failed('127.0.0.1'); // a moment ago, so it is tried last
  const socket = await dialled(t, one);
  t.equal(socket.remoteAddress, '127.0.0.1');
  t.equal((await addresses.inTurn())[0], '127.0.0.1', 'those that refused come last');
  t.equal((await addresses.inTurn())[0], '127.0.0.1');
});

t.test('dial() shares its time among the addresses, and leaves the one that is mute', async (t) => {
  const mute = createServer((socket) => socket.resume()); // no TLS there
  const met = once(mute, 'connection') as Promise<[Socket]>;
  const { port } = await listening(t, mute, '127.0.0.2');
  await listening(t, createTlsServer({ cert: TEST_CERT, key: TEST_KEY }), '127.0.0.1', port);
  const more = { timeoutMs: 700, ca: TEST_CERT };
  const known = ['127.0.0.2', '127.0.0.1'];
  const { dialler: one } = dialler(`https://localhost:${port}`, known, more);
  const left = met.then(([socket]) => once(socket, 'close'));
  const startedMs = performance.now();
  const socket = await dialled(t, one);
  const tookMs = performance.now() - startedMs;
  t.equal(socket.remoteAddress, '127.0.0.1');
  t.ok(tookMs >= 340 && tookMs < 690, `half of the time is the first one's: ${tookMs}`);
  await left;
});

t.test('dial() waits for all addresses together as long as it was told', async (t) => {
  const mute = createServer();
  const { port } = await listening(t, mute);
  const known = ['127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.1'];
  const { dialler: one } = dialler(`https://localhost:${port}`, known, { timeoutMs: 300 });
  const startedMs = performance.now();
  await t.rejects(one.dial(IGNORED, NEVER), { code: 'GW_ORIGIN_CONNECT' });
  t.ok(performance.now() - startedMs < 500);
});

t.test('dial() fails with GW_ORIGIN_CONNECT and its cause', async (t) => {
  const url = `http://origin.test:${await freePort()}`;
  const resolve = (): Promise<never> => Promise.reject(new Error('no name server'));
  const silent = (): Promise<never> => new Promise(() => undefined);
  const unknown = new Addresses('origin.test', { resolve });
  const unsaid = new Addresses('origin.test', { resolve: silent });
  const rows: [Dialler, cause: RegExp, why: string][] = [
    [dialler(url, ['127.0.0.1']).dialler, /ECONNREFUSED/, 'nobody listens'],
    [dialler(url, []).dialler, /no address/, 'a name without addresses'],
    [new Dialler({ url: new URL(url), addresses: unknown, timeoutMs: 100 }), /name server/, 'none'],
    [new Dialler({ url: new URL(url), addresses: unsaid, timeoutMs: 100 }), /100 ms/, 'silence'],
  ];
  for (const [one, message, why] of rows) {
    const want = { code: 'GW_ORIGIN_CONNECT', cause: { message } };
    await t.rejects(one.dial(IGNORED, NEVER), want, why);
  }
});

t.test('who gives up is told so, wherever that was, and leaves nothing open', async (t) => {
  const before = new AbortController();
  before.abort();
  const { port } = await listening(t, createServer());
  const { dialler: plain } = dialler(`http://origin.test:${port}`, ['127.0.0.1']);
  await t.rejects(plain.dial(IGNORED, before.signal), { code: 'GW_CLIENT_ABORTED' });

  const silent = new Addresses('origin.test', { resolve: () => new Promise(() => undefined) });
  const url = new URL(`http://origin.test:${port}`);
  const looking = new AbortController();
  const asked = new Dialler({ url, addresses: silent, timeoutMs: 5_000 });
  const lookingUp = asked.dial(IGNORED, looking.signal);
  looking.abort();
  await t.rejects(lookingUp, { code: 'GW_CLIENT_ABORTED' });

  const mute = createServer((socket) => socket.resume());
  const met = once(mute, 'connection') as Promise<[Socket]>;
  const { port: mutePort } = await listening(t, mute, '127.0.0.2');
  const known = ['127.0.0.2', '127.0.0.1'];
  const { addresses, dialler: secure } = dialler(`https://localhost:${mutePort}`, known);
  const failed: string[] = [];
  addresses.failed = (address) => void failed.push(address);
  const shaking = new AbortController();
  const handshake = secure.dial(IGNORED, shaking.signal);
  const [socket] = await met;
  const left = once(socket, 'close');
  shaking.abort();
  await t.rejects(handshake, { code: 'GW_CLIENT_ABORTED' });
  await left;
  t.strictSame(failed, [], 'that was not the fault of the address');
});

t.test('what is read lies in the buffers of the reader, who may pause', async (t) => {
  const server = createServer((socket) => socket.write('ab'));
  const { port } = await listening(t, server);
  const { dialler: one } = dialler(`http://origin.test:${port}`, ['127.0.0.1']);
  const buffers: Uint8Array[] = [];
  const read: [Uint8Array, number][] = [];
  let wake: () => void = () => undefined;
  const reading: SocketReading = {
    buffer: () => {
      const buffer = new Uint8Array(1);
      buffers.push(buffer);
      return buffer;
    },
    callback: (bytes, buffer) => {
      read.push([buffer, bytes]);
      wake();
      return read.length > 1; // a pause after the first
    },
  };
  const first = new Promise<void>((resolve) => (wake = resolve));
  const socket = await dialled(t, one, reading);
  await first;
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  t.equal(read.length, 1, 'paused');
  const second = new Promise<void>((resolve) => (wake = resolve));
  socket.resume();
  await second;
  t.strictSame(
    read.map(([buffer, bytes]) => Buffer.from(buffer.subarray(0, bytes)).toString()),
    ['a', 'b'],
  );
  t.ok(read.every(([buffer], nth) => buffer === buffers[nth]));
});

t.test('TLS is for the name of the URL, and its sessions are resumed', async (t) => {
  const server = createTlsServer({ cert: TEST_CERT, key: TEST_KEY, ALPNProtocols: ['http/1.1'] });
  const names: unknown[] = [];
  server.on('secureConnection', (socket) => {
    names.push(socket.servername, socket.alpnProtocol);
  });
  const { port } = await listening(t, server);
  for (const [host, name] of [
    ['localhost', 'localhost'],
    ['127.0.0.1', false], // an address is no server name (RFC 6066 section 3)
  ] as const) {
    names.length = 0;
    const { dialler: one } = dialler(`https://${host}:${port}`, ['127.0.0.1'], { ca: TEST_CERT });
    const resumed: boolean[] = [];
    for (let nth = 0; nth < 2; nth += 1) {
      const met = once(server, 'secureConnection');
      const socket = await dialled(t, one);
      const ticket = once(socket, 'session');
      await met;
      resumed.push(socket instanceof TLSSocket && socket.isSessionReused());
      if (nth === 0) await ticket;
    }
    t.strictSame(resumed, [false, true], host);
    t.strictSame(names, [name, 'http/1.1', name, 'http/1.1'], host);
  }
});

t.test('an address in brackets is dialled without them', async (t) => {
  const probe = createServer();
  const here = await listening(t, probe, '::1').catch(() => undefined);
  if (here === undefined) {
    t.pass('there is no IPv6 on this machine');
    return;
  }
  const url = new URL(`http://[::1]:${here.port}`);
  const addresses = new Addresses(url.hostname);
  const socket = await dialled(t, new Dialler({ url, addresses, timeoutMs: 5_000 }));
  t.equal(socket.remoteAddress, '::1');
});

t.test('the error of a connection names its origin, not what it was asked', async (t) => {
  const { dialler: one } = dialler(`http://origin.test:${await freePort()}`, ['127.0.0.1']);
  const error = await one.dial(IGNORED, NEVER).then(
    () => undefined,
    (reason: unknown) => reason as GatewayError,
  );
  t.match(error?.detail, /^origin\.test:\d+: /);
});
