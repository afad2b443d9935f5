import t from 'tap';
import type { Test } from 'tap';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openBundledOrigin } from '../../../src/origin/bundled.js';
import { openDirectoryOrigin } from '../../../src/origin/files/directory.js';
import type { Origin } from '../../../src/origin/origin.js';
import { ask, bodyOf, field, textOf } from '../../support/origin.js';

const clock = { wall: () => Date.UTC(2100, 0, 2) }; // so that all that lies there has settled
const SECRET = 'not for viewers';

function tree(t: Test): { root: string; outside: string; origin: Origin } {
  const base = t.testdir({
    outside: { 'secret.txt': SECRET, sub: { 'secret.txt': SECRET } },
    'root-sibling': { 'secret.txt': SECRET },
    root: {
      'a.txt': 'aaaa\n',
      'b%2fc.txt': 'odd name\n',
      '.env': SECRET,
      '.git': { config: SECRET },
      sub: { 'index.html': '<p>page</p>\n', 'x.txt': 'x\n', '.hidden': SECRET },
      bare: { 'x.txt': 'x\n' },
    },
  });
  const root = join(base, 'root');
  const origin = openDirectoryOrigin({ root, name: 'files', clock });
  return { root, outside: join(base, 'outside'), origin };
}

t.test('what is not under the root, or hidden in it, is a plain 404', async (t) => {
  const { root, outside, origin } = tree(t);
  symlinkSync(join(outside, 'secret.txt'), join(root, 'link-out'));
  symlinkSync('../outside/secret.txt', join(root, 'relative-out'));
  symlinkSync(outside, join(root, 'folder-out'));
  symlinkSync('.env', join(root, 'link-to-dot'));
  symlinkSync('.git', join(root, 'folder-to-dot'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('../root-sibling/secret.txt', join(root, 'sibling'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  const rows = [
    ['/none', 'missing'],
    ['/a.txt/', 'a file is no directory'],
    ['/a.txt/b', 'nor has it files'],
    ['/bare', 'a directory without index.html'],
    ['/bare/', 'a directory without index.html'],
    ['/', 'the root without index.html'],
    ['/../outside/secret.txt', 'dot segments'],
    ['/sub/../a.txt', 'dot segments that stay inside: the target was not normalised'],
    ['/sub/./x.txt', 'a single dot'],
    ['/%2e%2e/outside/secret.txt', 'encoded dots'],
    ['/..%2foutside/secret.txt', 'an encoded slash'],
    ['/sub%2Fx.txt', 'an encoded slash that stays inside'],
    ['/sub%5cx.txt', 'an encoded backslash'],
    ['/sub\\x.txt', 'a backslash'],
    ['/a.txt%00', 'NUL'],
    ['/a.txt%0a', 'a control'],
    ['/a.txt%ff', 'not UTF-8'],
    ['/a.txt%', 'an escape of nothing'],
    ['/.env', 'a dot-file'],
    ['/%2eenv', 'an encoded dot-file'],
    ['/.git/config', 'in a dot-folder'],
    ['/sub/.hidden', 'a dot-file further down'],
    ['/link-out', 'a symlink that leaves'],
    ['/relative-out', 'a relative symlink that leaves'],
    ['/folder-out/secret.txt', 'through a folder that leaves'],
    ['/folder-out/sub/secret.txt', 'deeper through a folder that leaves'],
    ['/link-to-dot', 'a symlink to a dot-file'],
    ['/folder-to-dot/config', 'through a symlink to a dot-folder'],
    ['/loop', 'a symlink to itself'],
    ['/sibling', 'a folder whose name begins like the root'],
    ['/fifo', 'a FIFO, which must not be waited for'],
    [`/${'n'.repeat(300)}`, 'a name longer than the file system allows'],
    ['a.txt', 'no leading slash'],
  ] as const;
  for (const [target, why] of rows) {
    const response = await ask(origin, target);
    t.equal(response.status, 404, why);
    t.equal(await textOf(response), 'Not found\n', why);
  }
  t.equal(await textOf(await ask(origin, '/b%252fc.txt')), 'odd name\n', 'decoded once only');
});

t.test('symlinks that stay under the root are followed', async (t) => {
  const { root, origin } = tree(t);
  symlinkSync('a.txt', join(root, 'latest.txt'));
  symlinkSync('sub', join(root, 'current'));
  t.equal(await textOf(await ask(origin, '/latest.txt')), 'aaaa\n');
  t.equal(await textOf(await ask(origin, '/current/x.txt')), 'x\n');
  t.equal(await textOf(await ask(origin, '/current/')), '<p>page</p>\n');
});

t.test('a root that is itself a symlink, or under a dot-folder, is served', async (t) => {
  const base = t.testdir({ '.videos': { 'a.txt': 'a\n' } });
  symlinkSync('.videos', join(base, 'videos'));
  for (const name of ['videos', '.videos']) {
    const origin = openDirectoryOrigin({ root: join(base, name), name, clock });
    t.equal(await textOf(await ask(origin, '/a.txt')), 'a\n', name);
  }
});

t.test('a folder swapped for a symlink between requests never shows the outside', async (t) => {
  const { root, outside, origin } = tree(t);
  const real = join(root, 'sub');
  const parked = join(root, 'parked');
  writeFileSync(join(real, 'secret.txt'), 'inside\n');
  let swaps = 0;
  const running = new AbortController();
  const swapping = (async () => {
    while (!running.signal.aborted) {
      renameSync(real, parked);
      symlinkSync(outside, real);
      await new Promise(setImmediate);
      rmSync(real);
      renameSync(parked, real);
      swaps += 1;
      await new Promise(setImmediate);
    }
  })();
  const seen = new Set<string>();
  for (let i = 0; i < 400; i += 1) seen.add(await textOf(await ask(origin, '/sub/secret.txt')));
  running.abort();
  await swapping;
  t.ok(swaps > 0);
  t.notOk(seen.has(SECRET));
});

t.test('a directory is its index.html, at the URL that ends with a slash', async (t) => {
  const { origin } = tree(t);
  const page = await ask(origin, '/sub/');
  t.equal(page.status, 200);
  t.match(field(page.headers, 'content-type'), /^text\/html/);
  t.equal(await textOf(page), '<p>page</p>\n');
  const moved = await ask(origin, '//sub');
  t.equal(moved.status, 301);
  t.equal(field(moved.headers, 'location'), '/sub/', 'no second slash, which would name a host');
  t.equal(await textOf(moved), 'Moved permanently\n');
});

t.test('the fields of an answer', async (t) => {
  const { root, origin } = tree(t);
  writeFileSync(join(root, 'v.m3u8'), '#EXTM3U\n');
  utimesSync(join(root, 'v.m3u8'), new Date(0), new Date(Date.UTC(2100, 0, 1)));
  const first = await ask(origin, '/v.m3u8');
  await bodyOf(first);
  t.same(
    first.headers.filter(([name]) => name !== 'etag'),
    [
      ['date', 'Sat, 02 Jan 2100 00:00:00 GMT'],
      ['content-type', 'application/vnd.apple.mpegurl'],
      ['accept-ranges', 'bytes'],
      ['last-modified', 'Fri, 01 Jan 2100 00:00:00 GMT'],
      ['content-length', '8'],
    ],
  );
  utimesSync(join(root, 'v.m3u8'), new Date(0), new Date(Date.UTC(2101, 0, 1)));
  const second = await ask(origin, '/v.m3u8');
  await bodyOf(second);
  const [before, after] = [first, second].map((response) => field(response.headers, 'etag'));
  t.match(before, /^"[0-9a-z]+(?:-[0-9a-z]+){3}"$/);
  t.not(before, after, 'another time, another tag');
  const modified = field(second.headers, 'last-modified');
  t.equal(modified, 'Sat, 02 Jan 2100 00:00:00 GMT', 'never in the future');
});

t.test('Range is for GET, for one range, and for an If-Range that holds', async (t) => {
  const { origin } = tree(t);
  const whole = await ask(origin, '/a.txt');
  await bodyOf(whole);
  const etag = field(whole.headers, 'etag') ?? '';
  const rows = [
    ['GET', [['range', 'bytes=0-1']], 206, 'the plain case'],
    ['HEAD', [['range', 'bytes=0-1']], 200, 'a range is for GET'],
    ['GET', [['range', 'bytes=0-0,2-3']], 200, 'several ranges are left to the gateway'],
    ['GET', [['range', 'lines=1-2']], 200, 'another unit'],
    ['GET', [['range', 'bytes=3-1']], 200, 'malformed'],
    ['GET', [['range', 'bytes=0-1'], ['if-range', etag]], 206, 'the same tag'], // prettier-ignore
    [
      'GET',
      [
        ['range', 'bytes=0-1'],
        ['if-range', '"other"'],
      ],
      200,
      'another tag',
    ],
    [
      'GET',
      [
        ['range', 'bytes=0-1'],
        ['if-match', '"other"'],
      ],
      412,
      'a precondition goes first',
    ],
    [
      'GET',
      [
        ['range', 'bytes=0-1'],
        ['if-none-match', etag],
      ],
      304,
      'and so does this one',
    ],
  ] as const;
  for (const [method, headers, status, why] of rows) {
    const response = await ask(origin, '/a.txt', { method, headers });
    await bodyOf(response);
    t.equal(response.status, status, why);
  }
});

t.test('methods other than GET and HEAD are 405 with Allow', async (t) => {
  const { origin } = tree(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'get']) {
    const response = await ask(origin, '/a.txt', { method });
    t.equal(response.status, 405, method);
    t.equal(field(response.headers, 'allow'), 'GET, HEAD', method);
  }
});

t.test('HEAD of what is not there has the fields of the 404 and no body', async (t) => {
  const { origin } = tree(t);
  const response = await ask(origin, '/none', { method: 'HEAD' });
  t.equal(response.status, 404);
  t.equal(field(response.headers, 'content-length'), '10');
  t.equal((await bodyOf(response)).length, 0);
});

t.test('no file stays open, however a body ends', async (t) => {
  const { root, origin } = tree(t);
  const path = join(root, 'big.bin');
  writeFileSync(path, Buffer.alloc(1024 * 1024));
  linkSync(path, join(root, 'same.bin'));
  const headers = [['range', 'bytes=9999999-']] as const;
  for (let i = 0; i < 100; i += 1) {
    const left = await ask(origin, '/big.bin');
    await left.body[Symbol.asyncIterator]().return?.(); // before the first chunk
    await bodyOf(await ask(origin, '/same.bin', { method: 'HEAD' }));
    await bodyOf(await ask(origin, '/big.bin', { headers }));
    await bodyOf(await ask(origin, '/big.bin/'));
    await bodyOf(await ask(origin, '/sub'));
  }
  const open = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root);
    } catch {
      return false; // the fd that read the folder
    }
  });
  t.same(open, []);
});

t.test('open files are bounded: further requests wait for one to close', async (t) => {
  const { root, origin } = tree(t);
  writeFileSync(join(root, 'big.bin'), Buffer.alloc(1024 * 1024));
  const held = await Promise.all(Array.from({ length: 64 }, () => ask(origin, '/big.bin')));
  let answered = false;
  const waiting = ask(origin, '/a.txt').then((response) => {
    answered = true;
    return textOf(response);
  });
  const abort = new AbortController();
  const aborted = ask(origin, '/a.txt', { signal: abort.signal });
  abort.abort();
  await t.rejects(aborted, { code: 'GW_CLIENT_ABORTED' });
  t.notOk(answered);
  for (const response of held) await response.body[Symbol.asyncIterator]().return?.();
  t.equal(await waiting, 'aaaa\n');
});

t.test('a file without read permission is a 404', async (t) => {
  const { root, origin } = tree(t);
  chmodSync(join(root, 'a.txt'), 0);
  // Permissions do not bind root, who runs the tests in a container.
  const want = process.getuid?.() === 0 ? 200 : 404;
  const response = await ask(origin, '/a.txt');
  t.equal(response.status, want);
  await bodyOf(response);
});

t.test('openDirectoryOrigin() refuses what is no directory', (t) => {
  const root = t.testdir({ file: '' });
  for (const path of [join(root, 'file'), join(root, 'none')]) {
    t.throws(() => openDirectoryOrigin({ root: path, name: 'x', clock }), {
      code: 'GW_CONFIG_INVALID',
    });
  }
  t.end();
});

t.test('openBundledOrigin() serves its routes and prefixes, and nothing beside them', async (t) => {
  const base = t.testdir({
    web: { 'player.html': '<p>player</p>', 'other.html': 'not routed' },
    sample: { 'main.m3u8': '#EXTM3U\n', deep: { 'x.m4s': 'x' } },
    deep: { 'y.m4s': 'y' },
  });
  mkdirSync(join(base, 'more'));
  const origin = openBundledOrigin({
    routes: { '/': join(base, 'web/player.html') },
    prefixes: { '/sample/': join(base, 'sample'), '/sample/own/': join(base, 'deep') },
    name: 'bundled',
    clock,
  });
  const rows = [
    ['/', 200, '<p>player</p>', 'a route'],
    ['/?a=b', 200, '<p>player</p>', 'a route with a query'],
    ['/sample/main.m3u8', 200, '#EXTM3U\n', 'a file under a prefix'],
    ['/sample/deep/x.m4s?CMCD=a', 200, 'x', 'further down'],
    ['/sample/own/y.m4s', 200, 'y', 'the longer prefix wins'],
    ['/other.html', 404, 'Not found\n', 'beside a route'],
    ['/sample/../web/other.html', 404, 'Not found\n', 'out of a prefix'],
    ['/sample', 404, 'Not found\n', 'a prefix without its slash'],
  ] as const;
  for (const [target, status, text, why] of rows) {
    const response = await ask(origin, target);
    t.equal(response.status, status, why);
    t.equal(await textOf(response), text, why);
  }
  const page = await ask(origin, '/');
  t.match(field(page.headers, 'content-type'), /^text\/html/);
  await origin.close();
});
