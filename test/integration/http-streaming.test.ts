/** Bodies as streams: the bytes of a filling segment, and what passes through under back-pressure. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { patterned } from '../support/origin-server.js';
import { outcome, startProxied } from '../support/proxied.js';
import { type RawAnswer, RawClient, rawGet } from '../support/raw-client.js';

const { origin, gateway, get } = await startProxied(t);

const MIB = 1_048_576;
/** The gateway may grow by this while hundreds of MiB pass through it; V8 takes some on its own. */
const FLAT_BYTES = 80 * MIB;

function residentBytes(): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}

t.test("a second viewer gets a filling segment's bytes as they come", async (t) => {
  const path = '/live/seg.m4s';
  const body = patterned(90_000);
  const steps = [10_000, 30_000, 90_000];
  const asked = origin.hold(path);
  const seen: number[] = [0, 0, 0];
  const wakers = new Set<() => void>();
  const untilAll = async (count: number): Promise<void> => {
    while (seen.some((bytes) => bytes < count)) {
      await new Promise<void>((resolve) => wakers.add(resolve));
    }
  };
  const follow = (i: number): Promise<Buffer> => {
    const got = Buffer.alloc(body.length);
    const sink = (chunk: Buffer, offset: number): void => {
      chunk.copy(got, offset);
      seen[i] = offset + chunk.length;
      for (const wake of wakers) wake();
      wakers.clear();
    };
    return rawGet(gateway.port, path, [], { sink }).then((answer) => {
      t.ok(answer.whole);
      return got;
    });
  };
  const first = follow(0);
  const { response } = await asked;
  const followers = [first, follow(1), follow(2)];
  response.writeHead(200, { 'Content-Length': body.length, 'Content-Type': 'video/iso.segment' });
  let from = 0;
  for (const to of steps) {
    response.write(body.subarray(from, to));
    await untilAll(to);
    t.pass(`all three have ${to} bytes while the origin has sent no more`);
    from = to;
  }
  response.end();
  for (const got of await Promise.all(followers)) t.ok(got.equals(body));
  t.equal(origin.count(path), 1);
  t.equal(outcome(await get(path)), 'hit');
});

t.test('a segment of unknown length is read while it is written, too', async (t) => {
  const path = '/live/chunked.m4s';
  const body = patterned(700_000, 9);
  const asked = origin.hold(path);
  const first = get(path);
  const { response } = await asked;
  response.writeHead(200, { 'Content-Type': 'video/iso.segment' });
  response.write(body.subarray(0, 100_000));
  const second = get(path);
  for (let at = 100_000; at < body.length; at += 100_000) {
    response.write(body.subarray(at, at + 100_000));
  }
  response.end();
  for (const answer of await Promise.all([first, second])) {
    t.ok(answer.whole);
    t.ok(answer.body.equals(body));
  }
  const hit = await get(path);
  t.equal(hit.fields.get('content-length'), String(body.length), 'its length is known now');
  t.ok(hit.body.equals(body));
});

t.test('a body that ends short is never whole, for the first or the second viewer', async (t) => {
  const path = '/live/short.m4s';
  const body = patterned(100_000, 13);
  const asked = origin.hold(path);
  const first = get(path);
  const { response } = await asked;
  response.writeHead(200, { 'Content-Length': body.length, 'Content-Type': 'video/iso.segment' });
  response.write(body.subarray(0, 50_000));
  origin.on(path, { fields: { 'Content-Type': 'video/iso.segment' }, body });
  let joined: Promise<unknown> = Promise.resolve();
  const second = new Promise<RawAnswer>((resolve, reject) => {
    joined = new Promise((onHead) => {
      get(path, [], { onHead }).then(resolve, reject);
    });
  });
  await joined;
  response.destroy();
  for (const answer of await Promise.all([first, second])) {
    t.equal(answer.status, 200);
    t.notOk(answer.whole, 'cut');
    t.ok(answer.body.equals(body.subarray(0, answer.body.length)));
  }
  let again = await get(path);
  // A path that has just failed is not asked for a moment.
  for (let tries = 0; again.status === 502 && tries < 50; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    again = await get(path);
  }
  t.equal(outcome(again), 'uri-miss', 'and never kept');
  t.ok(again.body.equals(body));
});

t.test('an upload of 192 MiB waits for an origin that reads slowly', async (t) => {
  const total = 192 * MIB; // kernels take up to 50 MiB of it on their own
  const piece = patterned(MIB, 17);
  const asked = origin.hold('/upload');
  const client = await RawClient.open(gateway.port);
  t.teardown(() => {
    client.close();
  });
  client.send(`PUT /upload HTTP/1.1\r\nHost: test\r\nContent-Length: ${total}\r\n\r\n`);
  client.send(piece);
  let sent = piece.length;
  const { request, response } = await asked;
  request.pause();
  const before = residentBytes();
  const sending = (async () => {
    for (; sent < total; sent += piece.length) {
      if (!client.socket.write(piece)) {
        await new Promise((resolve) => client.socket.once('drain', resolve));
      }
    }
  })();
  // Nobody reads: it must come to a stop by itself. Two looks apart that agree.
  for (let last = -1; sent !== last;) {
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  t.ok(sent < total / 2, `the client is held back at ${Math.round(sent / MIB)} MiB`);
  let peak = residentBytes();
  let received = 0;
  let right = true;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (received % MIB < chunk.length) peak = Math.max(peak, residentBytes());
    const at = received % piece.length;
    const fits = Math.min(chunk.length, piece.length - at);
    right &&= chunk.subarray(0, fits).equals(piece.subarray(at, at + fits));
    received += chunk.length;
  }
  await sending;
  response.end('stored');
  t.equal((await client.answer()).status, 200);
  t.equal(received, total);
  t.ok(right, 'as it was sent');
  t.ok(peak - before < FLAT_BYTES, `grew by ${Math.round((peak - before) / MIB)} MiB`);
});

for (const framing of ['of known length', 'in chunks'] as const) {
  t.test(`a download of 256 MiB ${framing} waits for a client that reads slowly`, async (t) => {
    const total = 256 * MIB;
    const piece = patterned(MIB, 19);
    const path = `/download/${framing.replaceAll(' ', '-')}.bin`;
    let given = 0;
    origin.on(path, (_request, response) => {
      const length = framing === 'in chunks' ? {} : { 'Content-Length': total };
      response.writeHead(200, { 'Cache-Control': 'no-store', ...length });
      void (async () => {
        for (; given < total && !response.destroyed; given += piece.length) {
          if (response.write(piece)) continue;
          await new Promise((resolve) => response.once('drain', resolve));
        }
        response.end();
      })();
      return undefined;
    });
    const before = residentBytes();
    let peak = before;
    let looks = 0;
    let right = true;
    const client = await RawClient.open(gateway.port);
    t.teardown(() => {
      client.close();
    });
    client.send(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
    // Nobody reads yet.
    for (let last = -1; given !== last || given === 0;) {
      last = given;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    const held = given < total / 2;
    const answer = await client.answer({
      sink: (chunk, offset) => {
        if (offset / MIB > looks) {
          looks += 1;
          peak = Math.max(peak, residentBytes());
        }
        const at = offset % piece.length;
        const fits = Math.min(chunk.length, piece.length - at);
        right &&= chunk.subarray(0, fits).equals(piece.subarray(at, at + fits));
      },
    });
    t.ok(held, 'the origin is held back');
    t.ok(answer.whole);
    t.equal(answer.bytes, total);
    t.ok(right, 'as it was sent');
    t.ok(peak - before < FLAT_BYTES, `grew by ${Math.round((peak - before) / MIB)} MiB`);
  });
}

t.test('a client that leaves an upload or a download ends it upstream', async (t) => {
  const uploaded = origin.hold('/left/upload');
  const uploader = await RawClient.open(gateway.port);
  uploader.send('PUT /left/upload HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nbegun');
  const upload = await uploaded;
  const uploadEnded = new Promise((resolve) => upload.request.once('close', resolve));
  upload.request.resume();
  upload.request.on('error', () => undefined);
  uploader.reset();
  await uploadEnded;
  t.notOk(upload.request.complete, 'an upload cut short does not look whole');
  const downloaded = origin.hold('/left/download.bin');
  const downloader = await RawClient.open(gateway.port);
  downloader.send('GET /left/download.bin HTTP/1.1\r\nHost: test\r\n\r\n');
  const { response } = await downloaded;
  const downloadEnded = new Promise((resolve) => response.once('close', resolve));
  response.writeHead(200, { 'Cache-Control': 'no-store', 'Content-Length': 1_000 }).write('begun');
  downloader.reset();
  await downloadEnded;
  t.notOk(response.writableFinished);
});

t.test('uWS has said nothing of writes that are not corked on purpose', (t) => {
  t.notMatch(gateway.log(), /corked/);
  t.end();
});
