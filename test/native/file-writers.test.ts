/** What the addon knows of those who write to a file. */
import { closeSync, openSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { isOpenForWriting, writesEnd } from '../../native/addon.js';
import { beginLongWrite, LONG_WRITE_BYTES } from '../support/long-write.js';

function place(t: Test): { path: string; reader: number } {
  const path = join(t.testdir(), 'file');
  writeFileSync(path, 'abc');
  const reader = openSync(path, 'r');
  t.teardown(() => {
    closeSync(reader);
  });
  return { path, reader };
}

t.test('isOpenForWriting() knows of any writer, and of none but writers', (t) => {
  const { path, reader } = place(t);
  t.equal(isOpenForWriting(reader), false);
  const other = openSync(path, 'r');
  t.equal(isOpenForWriting(reader), false, 'a second reader');
  closeSync(other);
  for (const flags of ['r+', 'a', 'w']) {
    const writer = openSync(path, flags);
    t.equal(isOpenForWriting(reader), true, flags);
    closeSync(writer);
    t.equal(isOpenForWriting(reader), false, 'closed');
  }
  t.end();
});

t.test('isOpenForWriting() says when it cannot know', (t) => {
  const { path } = place(t);
  t.equal(isOpenForWriting(-1), undefined);
  t.equal(isOpenForWriting(19_999), undefined, 'no descriptor');
  const writer = openSync(path, 'a');
  t.equal(isOpenForWriting(writer), true, 'it writes itself');
  closeSync(writer);
  const proc = openSync('/proc/self/status', 'r');
  t.type(isOpenForWriting(proc), 'boolean', 'whatever it is, it is no fault');
  closeSync(proc);
  t.end();
});

t.test('who opens a file at the moment that it is asked about is not refused', async (t) => {
  const { path, reader } = place(t);
  const stop = new SharedArrayBuffer(4);
  const file = new URL('../origin/threads/file-writer.js', import.meta.url);
  const workerData = { path, mode: 'overwrites', seed: 1, pauseMs: 0, stop };
  const worker = new Worker(file, { workerData });
  const report = once(worker, 'exit');
  let versions = 0;
  worker.on('message', (said: unknown) => {
    if (typeof said === 'number') versions = said;
  });
  await once(worker, 'message');
  const seen = new Set<boolean | undefined>();
  for (let asked = 0; asked < 300_000; asked += 1) seen.add(isOpenForWriting(reader));
  Atomics.store(new Int32Array(stop), 0, 1);
  t.equal((await report)[0], 0);
  t.ok(versions > 100, `${versions} versions were written`);
  t.strictSame(seen, new Set([true, false]), 'and no signal has ended us');
});

t.test('writesEnd() waits for the write(2) that goes on', async (t) => {
  const { path, reader } = place(t);
  await writesEnd(reader);
  const writer = await open(path, 'w');
  const { written } = await beginLongWrite(writer, path);
  t.ok(statSync(path).size < LONG_WRITE_BYTES, 'it goes on');
  await writesEnd(reader);
  t.equal(statSync(path).size, LONG_WRITE_BYTES, 'all of it is there');
  await written;
  await writer.close();
});

t.test('writesEnd() lets two wait and refuses more', async (t) => {
  const { path, reader } = place(t);
  const writer = await open(path, 'w');
  const { written } = await beginLongWrite(writer, path);
  const two = [writesEnd(reader), writesEnd(reader)];
  t.equal(writesEnd(reader), undefined);
  await Promise.all([...two, written]);
  await writer.close();
  t.equal(writesEnd(-1), undefined);
  const next = writesEnd(reader);
  t.not(next, undefined, "a refusal takes nobody's place");
  await next;
});
