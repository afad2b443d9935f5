/** What a URL path may name, and what is opened for it. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openUnder, pathNames } from '../../../src/origin/files/safe-open.js';

t.test('pathNames() gives the decoded names, or nothing at all', (t) => {
  const rows: [path: string, want: string[] | undefined, why: string][] = [
    ['/', [], 'the root'],
    ['/a/b.m4s', ['a', 'b.m4s'], 'names'],
    ['//a///b//', ['a', 'b'], 'empty names are dropped'],
    ['/a%20b/%C3%BC', ['a b', 'ü'], 'decoded'],
    ['/a.b/c..d', ['a.b', 'c..d'], 'dots within names'],
    ['/%253f', ['%3f'], 'decoded once'],
    ['/%252f', ['%2f'], 'an encoded percent sign'],
    ['', undefined, 'no path'],
    ['a/b', undefined, 'not from the root'],
    ['/..', undefined, 'upwards'],
    ['/a/../b', undefined, 'upwards within'],
    ['/a/.', undefined, 'a dot segment'],
    ['/%2e%2e/a', undefined, 'encoded dots'],
    ['/a/%2E', undefined, 'an encoded dot'],
    ['/.git/config', undefined, 'a dot-file'],
    ['/a/%2ehtaccess', undefined, 'an encoded one'],
    ['/a%2fb', undefined, 'an encoded slash'],
    ['/a%2F..%2Fb', undefined, 'encoded slashes'],
    ['/a%5cb', undefined, 'an encoded backslash'],
    ['/a\\b', undefined, 'a backslash'],
    ['/a%00.m4s', undefined, 'NUL'],
    ['/a\0', undefined, 'NUL as it is'],
    ['/a%0a', undefined, 'a line feed'],
    ['/a%1f', undefined, 'the last control'],
    ['/a%7f', undefined, 'DEL'],
    ['/%c0%af', undefined, 'a slash in too many bytes'],
    ['/%c0%ae%c0%ae/a', undefined, 'dots in too many bytes'],
    ['/%ff', undefined, 'not UTF-8'],
    ['/%ed%a0%80', undefined, 'half of a surrogate pair'],
    ['/100%', undefined, 'a percent sign that escapes nothing'],
    ['/%zz', undefined, 'no digits'],
  ];
  for (const [path, want, why] of rows) t.strictSame(pathNames(path), want, why);
  t.end();
});

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

t.test('openUnder() opens regular files, and nothing is left open of the rest', async (t) => {
  const base = t.testdir({
    root: { 'a.txt': 'a', folder: { 'b.txt': 'b' }, '.hidden': { 'c.txt': 'c' } },
    outside: { 'o.txt': 'o', folder: { 'p.txt': 'p' } },
    'root-too': { 'q.txt': 'q' },
  });
  const root = join(base, 'root');
  const links = {
    in: 'a.txt',
    'in-folder': 'folder',
    out: '../outside/o.txt',
    'out-absolute': join(base, 'outside/o.txt'),
    'out-folder': '../outside',
    'out-beside': '../root-too/q.txt', // whose path begins as the root's does
    hidden: '.hidden/c.txt',
    'hidden-folder': '.hidden',
    loop: 'loop',
    dangling: 'nowhere',
    passwd: '/etc/passwd',
    twice: 'in',
    null: '/dev/null',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, name));
  execFileSync('mkfifo', [join(root, 'pipe')]);

  const rows: [names: string, want: string][] = [
    ['a.txt', 'file'],
    ['folder/b.txt', 'file'],
    ['in', 'file'],
    ['twice', 'file'],
    ['in-folder/b.txt', 'file'],
    ['', 'directory'],
    ['folder', 'directory'],
    ['in-folder', 'directory'],
    ['nothing', 'absent'],
    ['a.txt/b', 'absent'],
    ['n'.repeat(256), 'absent'],
    ['out', 'absent'],
    ['out-absolute', 'absent'],
    ['out-folder', 'absent'],
    ['out-folder/o.txt', 'absent'],
    ['out-folder/folder/p.txt', 'absent'],
    ['out-beside', 'absent'],
    ['hidden', 'absent'],
    ['hidden-folder/c.txt', 'absent'],
    ['.hidden/c.txt', 'absent'],
    ['../outside/o.txt', 'absent'],
    ['loop', 'absent'],
    ['dangling', 'absent'],
    ['passwd', 'absent'],
    ['null', 'absent'],
    ['pipe', 'absent'],
  ];
  const before = openFiles();
  for (const [names, want] of rows) {
    const opened = await openUnder(root, names === '' ? [] : names.split('/'));
    t.equal(opened.kind, want, names);
    if (opened.kind === 'file') await opened.handle.close();
  }
  t.equal(openFiles(), before);
});

t.test('openUnder() does not show a socket', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'headgate-')); // the path of a socket must be short
  t.teardown(() => {
    rmSync(root, { recursive: true });
  });
  const server = createServer().listen(join(root, 'socket'));
  await once(server, 'listening');
  t.teardown(() => server.close());
  t.strictSame(await openUnder(root, ['socket']), { kind: 'absent' });
});

t.test('openUnder() gives what was opened, whatever has its name afterwards', async (t) => {
  const root = t.testdir({ 'a.txt': 'first', 'b.txt': 'the second' });
  const opened = await openUnder(root, ['a.txt']);
  if (opened.kind !== 'file') throw new Error(opened.kind);
  renameSync(join(root, 'b.txt'), join(root, 'a.txt'));
  t.equal(await opened.handle.readFile('utf8'), 'first');
  t.equal(opened.stat.size, 5n);
  await opened.handle.close();
});

t.test(
  'openUnder() serves a root of any kind, and what lies below a dot-folder of it',
  async (t) => {
    const base = t.testdir({ '.cache': { root: { 'a.txt': 'a' } } });
    const opened = await openUnder(join(base, '.cache/root'), ['a.txt']);
    t.equal(opened.kind, 'file', 'dots above the root do not count');
    if (opened.kind === 'file') await opened.handle.close();
    const names = join(base, '.cache/root/a.txt').split('/').slice(1);
    t.equal((await openUnder('/', names)).kind, 'absent', 'those below do');
    const plain = t.testdir({ 'a.txt': 'a' });
    const shown = plain.split('/').some((name) => name.startsWith('.')) ? 'absent' : 'file';
    const whole = await openUnder('/', [...plain.split('/').slice(1), 'a.txt']);
    t.equal(whole.kind, shown);
    if (whole.kind === 'file') await whole.handle.close();
  },
);

t.test('openUnder() never shows the outside, however folders are swapped meanwhile', async (t) => {
  const base = t.testdir({ root: {}, outside: { 'a.txt': 'secret' } });
  const [root, place] = [join(base, 'root'), join(base, 'root/folder')];
  mkdirSync(join(base, 'real'));
  writeFileSync(join(base, 'real/a.txt'), 'public');
  symlinkSync(join(base, 'outside'), join(base, 'link'));
  const seen = new Set<string>();
  const look = async (): Promise<void> => {
    const opened = await openUnder(root, ['folder', 'a.txt']);
    if (opened.kind !== 'file') return;
    seen.add(await opened.handle.readFile('utf8'));
    await opened.handle.close();
  };
  for (let round = 0; round < 100; round += 1) {
    renameSync(join(base, 'real'), place);
    const looks = Array.from({ length: 4 }, look);
    renameSync(place, join(base, 'real'));
    renameSync(join(base, 'link'), place);
    await Promise.all(looks);
    renameSync(place, join(base, 'link'));
  }
  renameSync(join(base, 'real'), place);
  await look();
  t.strictSame([...seen], ['public']);
});

t.test('openUnder() says so when it cannot tell', async (t) => {
  const root = t.testdir({});
  await t.rejects(openUnder(root, ['a\0b']), { code: 'GW_ORIGIN_IO' });
});
