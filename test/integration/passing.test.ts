/** What is not stored, because it is too large or may not be: whole, and with conditions and ranges. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { type Gateway, startGateway } from '../support/gateway.js';

const MIB = 1_048_576;

/** Every 16 bytes say where they are. */
function bytesAt(from: number, length: number): Buffer {
  const all = Buffer.alloc(length);
  for (let at = 0; at < length; at += 16) {
    all.write(String(from + at).padStart(15, '.') + '\n', at, 'latin1');
  }
  return all;
}

async function originOf(
  t: Test,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

function start(t: Test, url: string): Promise<Gateway> {
  const small = ['--cache-memory', '32MiB', '--set', 'cache.maxObject=1MiB'];
  return startGateway(t, { args: [url, ...small, '--log-level', 'silent'] });
}

async function digest(url: string, pauseMs = 0): Promise<string> {
  const response = await fetch(url);
  const hash = createHash('sha256');
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return hash.digest('hex');
}

t.test('a body of unknown length larger than any limit is whole for all who joined', async (t) => {
  const total = 6 * MIB;
  const wanted = createHash('sha256').update(bytesAt(0, total)).digest('hex');
  const origin = await originOf(t, (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'content-type': 'video/mp4' });
    let at = 0;
    const more = (): void => {
      while (at < total) {
        const going = response.write(bytesAt(at, 65_536));
        at += 65_536;
        if (!going) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    setTimeout(more, 200); // so that all of them have joined
  });
  const gateway = await start(t, origin.url);
  const readers = [0, 0, 1, 2, 0].map((pauseMs) => digest(`${gateway.url}/film-0.bin`, pauseMs));
  t.same(new Set(await Promise.all(readers)), new Set([wanted]));
  t.equal(origin.requests.length, 1, 'one request for all who came together');
  t.equal(await digest(`${gateway.url}/film-0.bin`), wanted, 'and alone, the next time');
});

/** A resource that may not be stored, and an origin that knows nothing of ranges and conditions. */
function simple(version: { tag: string }, size: number) {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, {
      'cache-control': 'private',
      etag: `"${version.tag}"`,
      'content-length': size,
    });
    response.end(bytesAt(0, size));
  };
}

t.test('conditions and ranges hold for what is not stored', async (t) => {
  const version = { tag: 'a' };
  const origin = await originOf(t, simple(version, 4 * MIB));
  const gateway = await start(t, origin.url);
  const get = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${gateway.url}/private.bin`, { headers });
  const rows = [
    [{ 'if-match': '"b"' }, 412, ''],
    [{ 'if-none-match': '"a"' }, 304, ''],
    [{ range: 'bytes=16-31' }, 206, bytesAt(16, 16).toString()],
    [{ range: 'bytes=-16' }, 206, bytesAt(4 * MIB - 16, 16).toString()],
    [{ range: `bytes=${3 * MIB}-${3 * MIB + 15}` }, 206, bytesAt(3 * MIB, 16).toString()],
    [{ range: `bytes=${4 * MIB}-` }, 416, ''],
    [{ range: 'bytes=16-31', 'if-range': '"a"' }, 206, bytesAt(16, 16).toString()],
  ] as const;
  for (const [headers, status, body] of rows) {
    const response = await get(headers);
    const text = await response.text();
    t.equal(response.status, status, JSON.stringify(headers));
    t.equal(text, body);
  }
  const stale = await get({ range: 'bytes=16-31', 'if-range': '"old"' });
  t.equal(stale.status, 200, 'a download that is gone on with starts anew');
  t.equal((await stale.arrayBuffer()).byteLength, 4 * MIB);
});

t.test('a range of what is too large to keep asks the origin for that range', async (t) => {
  const size = 64 * MIB;
  const origin = await originOf(t, (request, response) => {
    const [, first, last] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
    const [from, to] = [Number(first ?? 0), Number(last === '' ? size - 1 : (last ?? size - 1))];
    const fields = { 'cache-control': 'max-age=60', etag: '"a"', 'content-length': to - from + 1 };
    if (first === undefined) response.writeHead(200, fields);
    else response.writeHead(206, { ...fields, 'content-range': `bytes ${from}-${to}/${size}` });
    if (request.method === 'HEAD') response.end();
    else response.end(bytesAt(from, Math.min(MIB, to - from + 1)));
  });
  const gateway = await start(t, origin.url);
  const range = `bytes=${48 * MIB}-${48 * MIB + 31}`;
  for (let i = 0; i < 2; i += 1) {
    const response = await fetch(`${gateway.url}/segment.m4s`, { headers: { range } });
    t.equal(response.status, 206);
    t.equal(await response.text(), bytesAt(48 * MIB, 32).toString());
  }
  t.ok(origin.requests.some(({ headers }) => headers.range === range));
});
