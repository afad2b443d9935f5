/** What a lease takes, and gives back: once, and no buffer that is in use. */
import { realpathSync } from 'node:fs';
import t, { type Test } from 'tap';
import { FileBuffers, FileLease, type Shared } from '../../../src/origin/files/file-lease.js';
import { CHUNK_BYTES } from '../../../src/origin/files/file-opening.js';
import { Gate } from '../../../src/origin/files/gate.js';
import { KeptFiles } from '../../../src/origin/files/kept-files.js';

async function lease(t: Test): Promise<{ shared: Shared; lease: FileLease }> {
  const files = new KeptFiles(realpathSync(t.testdir({ a: 'aaa' })));
  const gate = new Gate({ permits: 1, queue: 0, waitMs: 1_000 });
  const shared = { gate, files, buffers: new FileBuffers() };
  await gate.acquire(new AbortController().signal);
  t.teardown(() => {
    files.close();
  });
  return { shared, lease: new FileLease(shared) };
}

t.test('buffers are used again, eight of them at most', (t) => {
  const buffers = new FileBuffers();
  const some = Array.from({ length: 10 }, () => buffers.take());
  t.equal(new Set(some).size, 10);
  t.ok(some.every(({ length }) => length === CHUNK_BYTES));
  for (const buffer of some) buffers.giveBack(buffer);
  const again = Array.from({ length: 10 }, () => buffers.take());
  t.equal(again.filter((buffer) => some.includes(buffer)).length, 8);
  t.end();
});

t.test('a lease has two buffers at most: that of some bytes, and one beside it', async (t) => {
  const { lease: one } = await lease(t);
  const first = one.buffer();
  t.equal(one.buffer(), first, 'nothing is in it');
  const second = one.buffer(first.subarray(0, 3));
  t.not(second, first);
  t.equal(one.buffer(second.subarray(5)), first);
  t.equal(one.buffer(first), second);
});

t.test('what was leased is given back once', async (t) => {
  for (const buffersFree of [true, false]) {
    const { shared, lease: one } = await lease(t);
    const found = await one.open(['a']);
    t.equal((await one.open(['none'])).kind, 'absent');
    const buffer = one.buffer();
    await one.close(buffersFree);
    await one.close(buffersFree);
    await one.closeUnlessTaken();
    t.equal(found.kind === 'file' && found.file.handle.fd, -1);
    t.equal(shared.gate.held, 0);
    t.equal(shared.buffers.take() === buffer, buffersFree);
    t.not(shared.buffers.take(), buffer, 'not twice');
  }
});

t.test("a lease that was taken over is its taker's to close", async (t) => {
  const { shared, lease: one } = await lease(t);
  const found = await one.open(['a']);
  one.keep();
  one.take();
  await one.closeUnlessTaken();
  t.equal(shared.gate.held, 1);
  await one.close(true);
  t.equal(shared.gate.held, 0);
  t.ok(found.kind === 'file' && found.file.handle.fd !== -1, 'it is kept open');
});
