/** A part of a file as a body: all of it, of one state of the file, or an error; and the handle is closed. */
import { appendFileSync, readdirSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { closeSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FileBody } from '../../../src/origin/files/file-body.js';
import { CHUNK_BYTES, readOpening, type Region } from '../../../src/origin/files/file-opening.js';
import { type BorrowedBytes, ownedCopy } from '../../../src/runtime/bytes.js';
import { told } from '../../support/told-file.js';

interface Opened {
  readonly path: string;
  readonly body: FileBody;
  readonly abort: AbortController;
  readonly ends: Ends;
}

interface Ends {
  closed: number; // how often its lease was given back
  buffersFree: boolean; // as was said then
}

interface Wanted {
  readonly settled?: boolean;
  readonly region?: Region;
  readonly abort?: AbortController;
  /** Stands before the real handle, once the opening was read. */
  readonly faulty?: (handle: FileHandle) => object;
}

async function opened(t: Test, content: Buffer, wanted: Wanted = {}): Promise<Opened> {
  const { settled = true, abort = new AbortController(), faulty } = wanted;
  const path = join(t.testdir(), 'file');
  writeFileSync(path, content);
  const real = await open(path, 'r');
  const region = wanted.region ?? { start: 0, length: content.length };
  const state = await real.stat({ bigint: true });
  const into = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const opening = await readOpening(real, state, { region, settled, into });
  const handle =
    faulty === undefined
      ? real
      : ({ close: () => real.close(), read: real.read.bind(real), stat: real.stat.bind(real), ...faulty(real) } as unknown as FileHandle); // prettier-ignore
  const ends: Ends = { closed: 0, buffersFree: false };
  const lease = {
    buffer: () => Buffer.allocUnsafeSlow(CHUNK_BYTES),
    close: async (buffersFree: boolean) => {
      await real.close();
      ends.closed += 1;
      ends.buffersFree = buffersFree;
    },
  };
  const body = new FileBody({ handle, lease, opening, settled, signal: abort.signal });
  t.teardown(() => (real.fd === -1 ? undefined : real.close()));
  return { path, body, abort, ends };
}

async function whole(body: FileBody): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(ownedCopy(piece));
  return Buffer.concat(pieces);
}

t.test('a body is its part of the file, whatever its length, and closes it once', async (t) => {
  const content = told(1, 3 * CHUNK_BYTES);
  for (const settled of [true, false]) {
    for (const [start, length] of [
      [0, 1],
      [3, CHUNK_BYTES],
      [3, CHUNK_BYTES + 1],
      [CHUNK_BYTES - 1, CHUNK_BYTES * 2],
      [0, content.length],
    ] as const) {
      const one = await opened(t, content, { settled, region: { start, length } });
      const bytes = await whole(one.body);
      t.ok(bytes.equals(content.subarray(start, start + length)), `${length} from ${start}`);
      t.equal(one.ends.closed, 1);
      t.equal(one.ends.buffersFree, true, "its last piece is nobody's any more");
    }
  }
});

t.test('a settled file is read into one buffer, another keeps what may be compared', async (t) => {
  const content = told(1, 3 * CHUNK_BYTES);
  for (const settled of [true, false]) {
    const one = await opened(t, content, { settled });
    const buffers: unknown[] = [];
    for await (const piece of one.body) buffers.push((piece as Buffer).buffer);
    t.equal(buffers.length, 3);
    t.equal(buffers[1], buffers[2]);
    t.equal(buffers[0] === buffers[1], settled);
  }
});

t.test('reads that give little are no fault', async (t) => {
  const content = told(1, CHUNK_BYTES + 1_600);
  const faulty = (handle: FileHandle) => ({
    read: (buffer: Buffer, at: number, bytes: number, position: number) =>
      handle.read(buffer, at, Math.min(bytes, 700), position),
  });
  const one = await opened(t, content, { faulty });
  t.ok((await whole(one.body)).equals(content));
});

t.test('whoever leaves early closes the file', async (t) => {
  const content = told(1, 2 * CHUNK_BYTES);
  for (const pulls of [0, 1, 2]) {
    const one = await opened(t, content);
    const reader = one.body[Symbol.asyncIterator]();
    for (let pull = 0; pull < pulls; pull += 1) await reader.next();
    await reader.return?.();
    t.equal(one.ends.closed, 1, `after ${pulls}`);
    t.equal((await reader.next()).done, true);
    await reader.return?.();
    one.abort.abort();
    t.equal(one.ends.closed, 1, 'once');
    t.equal(one.ends.buffersFree, true);
  }
});

t.test('a buffer that may be in use is not given back', async (t) => {
  const lent = await opened(t, told(1, 2 * CHUNK_BYTES));
  const reader = lent.body[Symbol.asyncIterator]();
  await reader.next();
  lent.abort.abort();
  while (lent.ends.closed === 0) await new Promise(setImmediate);
  t.strictSame(
    [lent.ends.closed, lent.ends.buffersFree],
    [1, false],
    'its reader has a piece of it',
  );
  const read = await opened(t, told(1, 2 * CHUNK_BYTES));
  const leaving = read.body[Symbol.asyncIterator]();
  await leaving.next();
  const reading = leaving.next().catch(() => undefined); // does not wait for it
  await leaving.return?.();
  t.strictSame([read.ends.closed, read.ends.buffersFree], [1, false], 'it is read into');
  await reading;
});

t.test('an abort closes the file at once, and is told to the next pull', async (t) => {
  const content = told(1, 2 * CHUNK_BYTES);
  const gone = new AbortController();
  gone.abort();
  for (const abort of [gone, new AbortController()]) {
    const one = await opened(t, content, { abort });
    const reader = one.body[Symbol.asyncIterator]();
    if (!abort.signal.aborted) await reader.next();
    abort.abort();
    while (one.ends.closed === 0) await new Promise(setImmediate);
    await t.rejects(reader.next(), { code: 'GW_CLIENT_ABORTED' });
    t.equal((await reader.next()).done, true, 'once');
    t.equal(one.ends.closed, 1);
  }
});

t.test('an abort in the middle of a read fails nothing but that body', async (t) => {
  const before = readdirSync('/proc/self/fd').length;
  const one = await opened(t, told(1, 2 * CHUNK_BYTES));
  const reader = one.body[Symbol.asyncIterator]();
  await reader.next();
  const reading = reader.next().then(
    () => 'whole',
    (reason: unknown) => (reason as { code: string }).code,
  );
  one.abort.abort();
  t.match(await reading, /^(?:whole|GW_CLIENT_ABORTED)$/);
  while (one.ends.closed === 0) await new Promise(setImmediate);
  t.equal(readdirSync('/proc/self/fd').length, before);
});

t.test('a body that is no longer of one state of its file is cut before its end', async (t) => {
  const bytes = 2 * CHUNK_BYTES;
  const write = (path: string, text: string, at: number): void => {
    const fd = openSync(path, 'r+');
    writeSync(fd, text, at);
    closeSync(fd);
  };
  const grow = (path: string): void => {
    appendFileSync(path, 'more');
  };
  const rows: [why: string, fresh: boolean, settled: boolean, (path: string) => void][] = [
    ['appended to', true, false, grow],
    ['truncated', false, false, (path) => { truncateSync(path, CHUNK_BYTES + 1); }], // prettier-ignore
    ['emptied', false, false, (path) => { truncateSync(path, 0); }], // prettier-ignore
    ['its beginning written over', false, false, (path) => { write(path, 'X', 0); grow(path); }], // prettier-ignore
    ['our end of it written over', false, false, (path) => { write(path, 'X', bytes - 1); grow(path); }], // prettier-ignore
    ['written over without growing', false, false, (path) => { write(path, 'X', bytes / 2); }], // prettier-ignore
    ['nothing', true, true, () => undefined],
  ];
  for (const [why, fresh, rested, change] of rows) {
    for (const [settled, want] of [
      [false, fresh],
      [true, rested],
    ] as const) {
      // prettier-ignore
      const one = await opened(t, told(1, bytes), { settled });
      await new Promise((resolve) => setTimeout(resolve, 25)); // past the tick that stamps changes
      change(one.path);
      if (want) t.ok((await whole(one.body)).equals(told(1, bytes)), why);
      else await t.rejects(whole(one.body), { code: 'GW_ORIGIN_BODY_SHORT' }, why);
      t.equal(one.ends.closed, 1, `${why}: closed`);
    }
  }
});

t.test(
  'a write that goes on just now is given a moment, if the file had not settled',
  async (t) => {
    const content = told(1, 2 * CHUNK_BYTES);
    const rows: [settled: boolean, changes: string[], looks: number, ok: boolean, why: string][] = [
      [false, ['other', 'grown'], 2, true, 'it appends'],
      [false, ['other', 'other', 'grown'], 3, true, 'it takes its time'],
      [false, ['other', 'other', 'other', 'grown'], 3, false, 'it takes too long'],
      [true, ['other', 'none'], 1, false, 'a settled one is not written to'],
    ];
    for (const [settled, changes, looks, ok, why] of rows) {
      let looked = 0;
      const faulty = (handle: FileHandle) => ({
        stat: async () => {
          const stats = await handle.stat({ bigint: true });
          const change = changes[looked];
          looked += 1;
          if (change !== 'none') stats.mtimeNs += 1n; // as a write does, before its size is there
          if (change === 'grown') stats.size += 1n;
          return stats;
        },
      });
      const one = await opened(t, content, { settled, faulty });
      if (ok) t.ok((await whole(one.body)).equals(content), why);
      else await t.rejects(whole(one.body), { code: 'GW_ORIGIN_BODY_SHORT' }, why);
      t.equal(looked, looks, why);
    }
  },
);

t.test('a read that fails is GW_ORIGIN_IO, and the file is closed', async (t) => {
  const failing = new Error('EIO');
  const faulty = () => ({ read: () => Promise.reject(failing) });
  const one = await opened(t, told(1, 2 * CHUNK_BYTES), { faulty }); // prettier-ignore
  const reader: AsyncIterator<BorrowedBytes> = one.body[Symbol.asyncIterator]();
  t.equal((await reader.next()).done, false, 'what was read before');
  await t.rejects(reader.next(), { code: 'GW_ORIGIN_IO', cause: failing });
  t.equal((await reader.next()).done, true);
  t.equal(one.ends.closed, 1);
});
