/** Files that stay open for a moment: when they are found again, and when they are closed. */
import { linkSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { KeptFiles, type SharedFile } from '../../../src/origin/files/kept-files.js';

function place(t: Test): { root: string; files: KeptFiles } {
  const root = realpathSync(t.testdir({ a: 'aaa', folder: { b: 'bb' } }));
  const files = new KeptFiles(root);
  t.teardown(() => {
    files.close();
  });
  return { root, files };
}

async function fileOf(files: KeptFiles, ...names: string[]): Promise<SharedFile> {
  const found = await files.open(names);
  if (found.kind !== 'file') throw new Error(found.kind);
  return found.file;
}

const isOpen = ({ handle }: SharedFile): boolean => handle.fd !== -1;

/** Closing takes turns of the loop. */
async function untilClosed(file: SharedFile): Promise<void> {
  while (isOpen(file)) await new Promise((resolve) => setImmediate(resolve));
}

t.test('a file that nobody keeps is closed by whoever leaves it', async (t) => {
  const { files } = place(t);
  const file = await fileOf(files, 'folder', 'b');
  const other = await fileOf(files, 'folder', 'b');
  t.not(file, other);
  await files.leave(file);
  t.strictSame([isOpen(file), isOpen(other), files.size], [false, true, 0]);
  await files.leave(other);
  t.equal(isOpen(other), false);
  t.strictSame(await files.open(['folder']), { kind: 'directory' });
  t.strictSame(await files.open(['none']), { kind: 'absent' });
});

t.test('a kept file is found again for a second, with what it is like now', async (t) => {
  const { root, files } = place(t);
  const file = await fileOf(files, 'a');
  files.keep(file);
  files.keep(file);
  await files.leave(file);
  t.equal(isOpen(file), true);
  writeFileSync(join(root, 'a'), 'longer');
  const found = await files.open(['a']);
  t.match(found, { kind: 'file', stat: { size: 6n } });
  t.equal(found.kind === 'file' && found.file, file);
  await untilForgotten(files);
  t.equal(isOpen(file), true, 'its second is over, but it is in use');
  const next = await fileOf(files, 'a');
  t.not(next, file);
  await files.leave(next);
  await files.leave(file);
  t.equal(isOpen(file), false);
});

async function untilForgotten(files: KeptFiles): Promise<void> {
  while (files.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

t.test('a file that nobody uses is closed when its second is over', async (t) => {
  const { files } = place(t);
  const file = await fileOf(files, 'a');
  const second = await fileOf(files, 'folder', 'b');
  files.keep(file);
  await files.leave(file);
  await new Promise((resolve) => setTimeout(resolve, 100));
  files.keep(second);
  await files.leave(second);
  await untilClosed(file);
  t.equal(files.size, 1, 'one after the other');
  await untilClosed(second);
  t.equal(files.size, 0);
});

t.test('a file that has lost its name is opened anew', async (t) => {
  const { root, files } = place(t);
  const name = join(root, 'a');
  const changes: [why: string, change: () => void, found: boolean][] = [
    ['replaced', () => { writeFileSync(`${name}.new`, 'new'); renameSync(`${name}.new`, name); }, true], // prettier-ignore
    ['deleted', () => { rmSync(name); }, false], // prettier-ignore
    ['a folder now', () => { rmSync(name); mkdirSync(name); }, false], // prettier-ignore
  ];
  for (const [why, change, isFound] of changes) {
    rmSync(name, { recursive: true, force: true });
    writeFileSync(name, 'old');
    const file = await fileOf(files, 'a');
    files.keep(file);
    await files.leave(file);
    change();
    const found = await files.open(['a']);
    t.equal(found.kind === 'file', isFound, why);
    await untilClosed(file);
    t.equal(files.size, 0);
    if (found.kind !== 'file') continue;
    t.equal((await found.file.handle.readFile()).toString(), 'new');
    await files.leave(found.file);
  }
});

t.test('another name of it keeps it for its second', async (t) => {
  const { root, files } = place(t);
  linkSync(join(root, 'a'), join(root, 'too'));
  const file = await fileOf(files, 'a');
  files.keep(file);
  await files.leave(file);
  rmSync(join(root, 'a'));
  t.equal((await files.open(['a'])).kind, 'file');
  await untilForgotten(files);
  t.equal((await files.open(['a'])).kind, 'absent');
  await files.leave(file);
});

t.test(
  'of more than 32 the oldest is closed, and close() closes all but those in use',
  async (t) => {
    const { root, files } = place(t);
    const kept: SharedFile[] = [];
    for (let n = 0; n < 33; n += 1) {
      writeFileSync(join(root, `n${n}`), '');
      const file = await fileOf(files, `n${n}`);
      files.keep(file);
      if (n !== 1) await files.leave(file);
      kept.push(file);
    }
    const [oldest, used, ...others] = kept as [SharedFile, SharedFile, ...SharedFile[]];
    await untilClosed(oldest);
    t.equal(files.size, 32);
    t.ok(others.every(isOpen));
    files.close();
    for (const file of others) await untilClosed(file);
    t.equal(isOpen(used), true);
    await files.leave(used);
    t.equal(isOpen(used), false);
  },
);
