import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { loadUws, type Uws } from '../../native/uws.js';
import { CHECKSUMS, retarget, retargetPackage, sha256 } from '../../native/retarget-uws.mjs';

const MAX_HEADER_BYTES = 8_192;
const installed = path.dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
const uws = loadUws({ maxHeaderBytes: MAX_HEADER_BYTES });

t.test('loadUws() gives a server that sends no uWebSockets header', async (t) => {
  const port = listen(t, uws);
  const answer = await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  t.match(answer, /\r\n\r\nhello$/);
  t.notMatch(answer, /uwebsockets/i);
});

t.test('loadUws() sets how large a request head may be', async (t) => {
  const port = listen(t, uws);
  const rows = [
    [5_000, 200, 'over the limit uWS has by itself, under ours'],
    [MAX_HEADER_BYTES + 1_000, 431, 'over ours'],
  ] as const;
  for (const [bytes, status, why] of rows) {
    const head = `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ${'x'.repeat(bytes)}\r\n\r\n`;
    t.match(await exchange(port, head), new RegExp(`^HTTP/1\\.1 ${status} `), why);
  }
});

t.test('loadUws() works in a worker thread, silent there too', async (t) => {
  const worker = new Worker(new URL('./threads/uws-server.js', import.meta.url), {
    workerData: { maxHeaderBytes: MAX_HEADER_BYTES },
  });
  const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
  const answer = await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  t.match(answer, /\r\n\r\nfrom a thread$/);
  t.notMatch(answer, /uwebsockets/i);
  worker.postMessage('stop');
  t.same(await once(worker, 'exit'), [0]);
});

t.test('loadUws() refuses a second header limit for the process', async (t) => {
  t.throws(() => loadUws({ maxHeaderBytes: 16_384 }), { code: 'GW_CONFIG_INVALID' });
  t.equal(loadUws({ maxHeaderBytes: MAX_HEADER_BYTES }), uws, 'the same one again is no error');
  t.equal(loadUws(), uws, 'nor is none');
  const worker = new Worker(new URL('./threads/uws-server.js', import.meta.url), {
    workerData: { maxHeaderBytes: 16_384 },
  });
  const exited = once(worker, 'exit'); // it may come in one turn with the message
  t.same(await once(worker, 'message'), [{ code: 'GW_CONFIG_INVALID' }], 'nor from a thread');
  await exited;
});

t.test('App.filter() tells of connections that open and close', async (t) => {
  const counts: number[] = [];
  const app = uws.App();
  t.teardown(() => app.close());
  const gone = new Promise<void>((resolve) => {
    app.filter((_connection, count) => {
      counts.push(count);
      if (count < 0) resolve();
    });
  });
  const socket = net.connect(listenOn(app), '127.0.0.1');
  await once(socket, 'connect');
  socket.end();
  await gone;
  t.same(counts, [1, -1]);
});

t.test('retarget() turns each published binary into the one that was tried', (t) => {
  for (const [name, { before, after }] of Object.entries(CHECKSUMS)) {
    const original = readFileSync(path.join(installed, name));
    t.equal(sha256(original), before, `${name} is the published one`);
    t.equal(sha256(retarget(original)), after, `${name} becomes the known one`);
    t.equal(sha256(original), before, `${name}: the input stays as it was`);
  }
  t.end();
});

t.test('retargetPackage() makes a folder to load from, of known binaries only', (t) => {
  const from = t.testdir();
  const name = 'uws_linux_x64_115.node';
  for (const file of ['uws.js', 'package.json', name]) {
    cpSync(path.join(installed, file), path.join(from, file));
  }
  const to = path.join(from, 'copy');
  retargetPackage({ from, to, name });
  t.equal(sha256(readFileSync(path.join(to, name))), CHECKSUMS[name]?.after);
  t.ok(existsSync(path.join(to, 'uws.js')));

  const altered = readFileSync(path.join(from, name));
  altered[altered.length - 1] = 1;
  writeFileSync(path.join(from, name), altered);
  const refused = path.join(from, 'refused');
  t.throws(() => {
    retargetPackage({ from, to: refused, name });
  }, /not the published binary/);
  mkdirSync(refused);
  writeFileSync(path.join(from, 'other.node'), altered);
  t.throws(() => {
    retargetPackage({ from, to: refused, name: 'other.node' });
  }, /no known checksum/);
  t.notOk(existsSync(path.join(refused, name)));
  t.end();
});

function listen(t: Test, uws: Uws): number {
  const app = uws.App();
  t.teardown(() => app.close());
  app.get('/', (res) => {
    res.end('hello');
  });
  return listenOn(app);
}

function listenOn(app: ReturnType<Uws['App']>): number {
  let port = 0;
  app.listen('127.0.0.1', 0, (socket) => {
    if (socket) port = uws.us_socket_local_port(socket);
  });
  return port;
}

/** Everything the server sends until it closes. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.write(request);
  return text(socket);
}
