/** A directory behind the gateway, and the gateway behind TLS. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { get as httpsGet } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:tls';
import t from 'tap';
import { startGateway } from '../support/gateway.js';
import { patterned } from '../support/origin-server.js';
import { outcome, text } from '../support/proxied.js';
import { rawExchange, rawGet, type RawAnswer } from '../support/raw-client.js';
import { TEST_CERT, TEST_KEY } from '../support/tls.js';

const base = await mkdtemp(join(tmpdir(), 'headgate-'));
t.teardown(() => rm(base, { recursive: true }));
const root = join(base, 'videos');
const FILM = patterned(300_000, 3);
await mkdir(join(root, 'sub/.hidden'), { recursive: true });
await Promise.all([
  writeFile(join(root, 'index.html'), '<p>the page</p>'),
  writeFile(join(root, 'sub/seg.m4s'), FILM),
  writeFile(join(root, 'sub/a b é.ts'), 'spaced'),
  writeFile(join(root, '.env'), 'secret'),
  writeFile(join(root, 'sub/.hidden/seg.ts'), 'secret'),
  writeFile(join(base, 'outside.ts'), 'secret'),
  writeFile(join(base, 'cert.pem'), TEST_CERT),
  writeFile(join(base, 'key.pem'), TEST_KEY, { mode: 0o600 }),
]);
await Promise.all([
  symlink('sub/seg.m4s', join(root, 'inside.m4s')),
  symlink('../outside.ts', join(root, 'out.ts')),
  symlink(base, join(root, 'up')),
  symlink('.env', join(root, 'env.ts')),
]);
const ARGS = [root, '--log-level', 'silent', '--set', 'cache.memory=64MiB'];

t.test('files under the root, with their types, tags and ranges', async (t) => {
  const { port } = await startGateway(t, { args: ARGS });
  const get = (path: string, ...lines: string[]): Promise<RawAnswer> => rawGet(port, path, lines);
  await writeFile(join(root, 'sub/seg.m4s'), FILM);
  const film = await get('/sub/seg.m4s');
  t.equal(film.status, 200);
  t.ok(film.body.equals(FILM));
  t.equal(film.fields.get('content-type'), 'video/iso.segment');
  t.equal(outcome(await get('/sub/seg.m4s')), 'hit');
  const tag = film.fields.get('etag') ?? '';
  t.match(tag, /^W\/"/, 'a weak tag: it was written just now');
  t.equal((await get('/sub/seg.m4s', `If-None-Match: ${tag}`)).status, 304);
  const range = await get('/sub/seg.m4s', 'Range: bytes=-100');
  t.ok(range.body.equals(FILM.subarray(-100)));
  t.equal(text(await get('/')), '<p>the page</p>');
  t.ok((await get('/inside.m4s')).body.equals(FILM), 'a link that stays inside');
  t.equal(text(await get('/sub/a%20b%20%C3%A9.ts')), 'spaced');
  t.equal((await get('/sub')).status, 404, 'no listing');
  t.equal((await get('/sub/')).status, 404);
  t.equal((await get('/sub/none.ts')).status, 404);
});

t.test('nothing else, however it is asked for', async (t) => {
  const { port } = await startGateway(t, { args: ARGS });
  const targets = [
    ['/out.ts', 'a link that leaves'],
    ['/up/outside.ts', 'a directory link that leaves'],
    ['/env.ts', 'a link to a dot-file'],
    ['/.env', 'a dot-file'],
    ['/%2eenv', 'a dot-file, encoded'],
    ['/sub/.hidden/seg.ts', 'a dot-directory'],
    ['/../outside.ts', 'above the root'],
    ['/sub/../../outside.ts', 'above the root, later'],
    ['/%2e%2e/outside.ts', 'above the root, encoded'],
    ['/sub/%2e%2e/%2e%2e/outside.ts', 'above the root, encoded, later'],
    ['/..%2foutside.ts', 'an encoded slash'],
    ['/sub%2fseg.m4s', 'an encoded slash inside'],
    ['/..%5coutside.ts', 'an encoded backslash'],
    ['/sub\\seg.m4s', 'a backslash'],
    ['/sub/seg.m4s%00.ts', 'NUL'],
    ['/sub/seg.m4s%0a', 'a line feed'],
    ['/sub/seg.m4s%', 'a broken escape'],
    ['/sub/%c0%ae%c0%ae/seg.m4s', 'over-long UTF-8'],
    [`/${'x'.repeat(5_000)}.ts`, 'a name too long for a file'],
    ['/sub/seg.m4s/', 'a file as a directory'],
    ['//etc/passwd', 'an empty first segment'],
  ] as const;
  for (const [target, why] of targets) {
    const answer = await rawExchange(
      port,
      `GET ${target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`,
    );
    t.match(answer, /^HTTP\/1\.1 40[04] /, why);
    t.notMatch(answer, /secret|root:/, `${why}: nothing of it`);
  }
  const put = await rawExchange(
    port,
    'PUT /new.ts HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx',
  );
  t.match(put, /^HTTP\/1\.1 405 /, 'nor may anything be written');
});

t.test('the public port speaks TLS with the certificate it is given', async (t) => {
  const gateway = await startGateway(t, {
    args: [...ARGS, '--tls-cert', join(base, 'cert.pem'), '--tls-key', join(base, 'key.pem')],
  });
  t.match(gateway.url, /^https:/);
  const ask = async (headers: Record<string, string> = {}): Promise<[IncomingMessage, Buffer]> => {
    const request = httpsGet(`https://127.0.0.1:${gateway.port}/sub/seg.m4s`, {
      ca: TEST_CERT,
      agent: false,
      headers,
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    return [response, Buffer.concat(chunks)];
  };
  for (const heat of ['cold', 'warm', 'warm']) {
    const [response, body] = await ask();
    t.equal(response.statusCode, 200, heat);
    t.ok(body.equals(FILM));
  }
  const [ranged, part] = await ask({ range: 'bytes=1000-1999' });
  t.equal(ranged.statusCode, 206);
  t.ok(part.equals(FILM.subarray(1_000, 2_000)));
  const socket = connect({ port: gateway.port, host: '127.0.0.1', ca: TEST_CERT });
  await once(socket, 'secureConnect');
  t.equal(socket.getPeerCertificate().subject.CN, 'localhost');
  t.match(socket.getProtocol() ?? '', /^TLSv1\.[23]$/);
  socket.destroy();
  t.equal(await gateway.stop(), 0);
});

t.test('a certificate that cannot be used is said at once', async (t) => {
  const args = [...ARGS, '--tls-cert', join(base, 'none.pem'), '--tls-key', join(base, 'key.pem')];
  await t.rejects(startGateway(t, { args }), /GW_CONFIG_INVALID/);
});
