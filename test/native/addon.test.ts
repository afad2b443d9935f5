import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import {
  addonAbsence,
  adviseHugePages,
  copyBytes,
  pinThreadToCore,
  populatePages,
  setListenSocketBuffers,
  threadCores,
  threadCpuTimeUs,
} from '../../native/addon.js';
import { loadUws } from '../../native/uws.js';

const uws = loadUws();

t.test('the addon is built and loads on this machine', (t) => {
  t.equal(addonAbsence(), undefined, 'run `node native/install.mjs` when it is not');
  t.end();
});

t.test('threadCpuTimeUs() counts one thread, not the process', async (t) => {
  const beforeUs = threadCpuTimeUs() ?? NaN;
  const worker = new Worker(new URL('./threads/cpu-clock.js', import.meta.url));
  const exited = once(worker, 'exit'); // it may come in one turn with the message
  const [told] = (await once(worker, 'message')) as [{ spentUs: number }];
  t.ok(told.spentUs >= 100_000, 'the busy thread sees its own time');
  await exited;
  const spentUs = (threadCpuTimeUs() ?? NaN) - beforeUs;
  t.ok(spentUs < 100_000, `this thread only waited: ${spentUs} µs`);
});

t.test('pinThreadToCore() binds the calling thread alone', async (t) => {
  const before = threadCores();
  t.ok(before.length > 0);
  const worker = new Worker(new URL('./threads/cpu-clock.js', import.meta.url));
  const exited = once(worker, 'exit'); // it may come in one turn with the message
  const [told] = (await once(worker, 'message')) as [
    { pinned: boolean; cores: number[]; core: number },
  ];
  t.equal(told.pinned, true);
  t.same(told.cores, [told.core]);
  t.same(threadCores(), before, 'the main thread keeps its cores');
  await exited;
});

t.test('pinThreadToCore() is false for what is no core of ours', (t) => {
  for (const core of [-1, 1_023, 1e9, NaN]) t.equal(pinThreadToCore(core), false, String(core));
  t.end();
});

t.test('adviseHugePages() marks shared memory for huge pages', (t) => {
  const buffer = new SharedArrayBuffer(64 * 2 ** 20);
  t.equal(adviseHugePages(buffer), true);
  const marked = readFileSync('/proc/self/smaps', 'utf8')
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .filter((mapping) => /^VmFlags:.* hg\b/m.test(mapping))
    .map((mapping) => Number(/^Size: +(\d+) kB$/m.exec(mapping)?.[1]));
  t.ok(
    marked.some((kilobytes) => kilobytes >= 60 * 1_024),
    'the kernel has the mapping marked',
  );
  t.equal(adviseHugePages(new SharedArrayBuffer(0)), false, 'there is nothing to mark');
  t.end();
});

t.test(
  'populatePages() has memory found for the pages of a view, and changes no byte',
  async (t) => {
    const buffer = new SharedArrayBuffer(72 * 2 ** 20);
    const view = new Uint8Array(buffer, 1_000_000, 64 * 2 ** 20);
    view[4_000_000] = 7;
    const before = process.memoryUsage.rss();
    const populated = populatePages(view);
    t.equal(populatePages(new Uint8Array(buffer)), false, 'one view at a time');
    t.equal(await populated, true);
    // Far more than a collection of garbage gives back meanwhile.
    t.ok(process.memoryUsage.rss() - before > 40 * 2 ** 20);
    t.equal(view[4_000_000], 7);
    view[4_000_000] = 0;
    t.equal(
      Buffer.from(view.buffer, view.byteOffset, view.length).compare(Buffer.alloc(view.length)),
      0,
    );
    t.equal(populatePages(new Uint8Array(buffer, 1, 100)), undefined, 'no whole page');
  },
);

t.test('a thread that ends before its work on libuv’s threads takes nobody with it', (t) => {
  const script = fileURLToPath(new URL('./threads/leaves-work.js', import.meta.url));
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [script]);
  t.equal(signal, null, stderr.toString());
  t.equal(status, 0);
  t.equal(stdout.toString(), 'all threads have ended\n');
  t.end();
});

t.test('copyBytes() copies into shared memory, and nowhere else', (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(100), 10, 80);
  const source = Uint8Array.from({ length: 50 }, (_, i) => i + 1).subarray(3, 13);
  copyBytes(shared, 70, source);
  t.strictSame([...shared.subarray(70)], [...source]);
  t.ok(
    [...new Uint8Array(shared.buffer)].every((byte, i) => byte === 0 || (i >= 80 && i < 90)),
    'the rest is as it was',
  );
  for (const at of [71, 80, 81, -1, 2 ** 53]) {
    t.throws(
      () => {
        copyBytes(shared, at, source);
      },
      RangeError,
      `at ${at}`,
    );
  }
  copyBytes(shared, 80, source.subarray(0, 0));
  t.end();
});

t.test('setListenSocketBuffers() bounds what a reader that stops costs the kernel', async (t) => {
  const body = Buffer.alloc(8 * 2 ** 20);
  const taken = async (tune: (port: number) => void): Promise<number> => {
    const app = uws.App();
    t.teardown(() => app.close());
    const offset = new Promise<number>((resolve) => {
      app.get('/', (res) => {
        res.onAborted(() => undefined);
        res.tryEnd(body, body.length);
        resolve(res.getWriteOffset());
      });
    });
    const port = listenOn(app);
    tune(port);
    const client = await connect(t, port);
    client.pause();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    return offset;
  };
  const without = await taken(() => undefined);
  const sendBufferBytes = 128 * 1_024;
  const within = await taken((localPort) => {
    const settings = { localPort, sendBufferBytes, notSentLowatBytes: 64 * 1_024 };
    t.equal(setListenSocketBuffers(settings), 1);
  });
  t.ok(within < 2 ** 20 && within < without, `${within} bytes at once instead of ${without}`);
  t.equal(setListenSocketBuffers({ localPort: 1, sendBufferBytes }), 0, 'nobody listens there');
});

t.test('setListenSocketBuffers() lets a paused upload stop at once', async (t) => {
  const app = uws.App();
  t.teardown(() => app.close());
  let received = 0;
  let largest = 0;
  const paused = new Promise<void>((resolve) => {
    app.put('/', (res) => {
      res.onAborted(() => undefined);
      res.onData((piece) => {
        received += piece.byteLength;
        largest = Math.max(largest, piece.byteLength);
        if (received < 2 ** 22) return;
        res.pause();
        resolve();
      });
    });
  });
  const port = listenOn(app);
  t.equal(setListenSocketBuffers({ localPort: port, receiveBufferBytes: 196_608 }), 1);
  const client = await connect(t, port);
  client.write('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 268435456\r\n\r\n');
  for (let i = 0; i < 64; i += 1) client.write(Buffer.alloc(2 ** 20));
  await paused;
  t.ok(largest < 524_288, `${largest} bytes at a time: uWS reads on when it gets 512 KiB`);
});

t.test('without the addon every call answers that it cannot', (t) => {
  const code = `import(process.argv[1]).then((a) => console.log(JSON.stringify([
    typeof a.addonAbsence(), a.pinThreadToCore(0), a.threadCores(), a.threadCpuTimeUs() ?? null,
    a.adviseHugePages(new SharedArrayBuffer(4096)), a.setListenSocketBuffers({ localPort: 80 }),
  ])))`;
  const file = new URL('../../native/addon.js', import.meta.url).href;
  const { stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, '-e', code, file], {
    env: { ...process.env, HEADGATE_NO_ADDON: '1' },
    encoding: 'utf8',
  });
  const answers = ['string', false, [], null, false, 0];
  t.same(JSON.parse(stdout), answers, stderr);
  t.end();
});

function listenOn(app: ReturnType<typeof uws.App>): number {
  let port = 0;
  app.listen('127.0.0.1', 0, (socket) => {
    if (socket) port = uws.us_socket_local_port(socket);
  });
  return port;
}

async function connect(t: Test, port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
