/** Files that are written to while they are read, by the file system's own clock. */
import { appendFileSync, chmodSync, linkSync, readdirSync, readlinkSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import type { Test } from 'tap';
import { canCombine } from '../../../src/rules/partial.js';
import { asGatewayError } from '../../../src/errors.js';
import { openDirectoryOrigin } from '../../../src/origin/files/directory.js';
import type { Origin, OriginResponse } from '../../../src/origin/origin.js';
import { ask, bodyOf, field, textOf } from '../../support/origin.js';
import { beginLongWrite, LONG_WRITE_BYTES } from '../../support/long-write.js';
import { readTold, told } from '../../support/told-file.js';
import type { WriterMode } from '../threads/file-writer.js';

const KIB = 1_024;
const RESTED_MS = 10_000;

interface Place {
  readonly root: string;
  readonly origin: Origin; // by the real clock: what a test writes is fresh
  readonly rested: Origin; // to which all that was written before is long ago
}

function place(t: Test): Place {
  const root = t.testdir();
  const openAt = (aheadMs: number): Origin =>
    openDirectoryOrigin({ root, name: 'files', clock: { wall: () => Date.now() + aheadMs } });
  return { root, origin: openAt(0), rested: openAt(RESTED_MS) };
}

/** Resolves once it writes; the result ends it. */
async function startWriter(t: Test, path: string, mode: WriterMode, pauseMs: number) {
  const stop = new SharedArrayBuffer(4);
  const end = (): void => {
    Atomics.store(new Int32Array(stop), 0, 1);
    Atomics.notify(new Int32Array(stop), 0);
  };
  t.teardown(end);
  const file = new URL('../threads/file-writer.js', import.meta.url);
  const worker = new Worker(file, { workerData: { path, mode, seed: 7, pauseMs, stop } });
  await once(worker, 'message');
  return async (): Promise<number> => {
    const report = once(worker, 'message');
    end();
    return ((await report) as [number])[0];
  };
}

/** What a whole answer must be: one version, all of it; '' when it broke off instead. */
async function fault(response: OriginResponse): Promise<string> {
  let body: Buffer;
  try {
    body = await bodyOf(response);
  } catch (reason) {
    return asGatewayError(reason).code === 'GW_ORIGIN_BODY_SHORT' ? 'cut' : String(reason);
  }
  const reading = readTold(body);
  if (typeof reading === 'string') return reading;
  return reading.length === body.length ? '' : `${body.length} of ${reading.length} bytes`;
}

for (const [mode, pauseMs] of [
  ['truncates', 60],
  ['overwrites', 60],
  ['renames', 5],
] as const) {
  t.test(`no reader gets a mixture or a piece while another ${mode} the file`, async (t) => {
    const { root, origin } = place(t);
    const path = join(root, 'a.m4s');
    const stop = await startWriter(t, path, mode, pauseMs);
    const seen = new Map<string, number>();
    const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
    const read = async (): Promise<void> => {
      for (let i = 0; i < 40; i += 1) {
        try {
          note(await fault(await ask(origin, '/a.m4s')));
        } catch (reason) {
          note(asGatewayError(reason).code);
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, read));
    const versions = await stop();
    const { '': whole = 0, cut = 0, GW_ORIGIN_IO: gaveUp = 0, ...wrong } = Object.fromEntries(seen);
    t.same(wrong, {}, `${versions} versions, ${whole} whole, ${cut} cut, ${gaveUp} given up`);
    t.ok(whole > 160, 'and most get it whole');
  });
}

t.test('a larger file copied over the one that is read is never taken for it', async (t) => {
  const { root, origin, rested } = place(t);
  const sizes = [3 * KIB, 64 * KIB, 600 * KIB];
  for (const bytes of sizes) {
    for (const reader of [origin, rested]) {
      const path = join(root, `${bytes}.m4s`);
      writeFileSync(path, told(1, bytes));
      const asked = ask(reader, `/${bytes}.m4s`);
      writeFileSync(path, told(2, bytes * 2));
      const response = await asked;
      const early = await fault(response);
      t.ok(early === '' || early === 'cut', early);
      writeFileSync(path, told(1, bytes));
      const second = await ask(reader, `/${bytes}.m4s`);
      writeFileSync(path, told(2, bytes * 2));
      const late = await fault(second);
      t.equal(late, bytes > 256 * KIB ? 'cut' : '', 'its head has gone out');
    }
  }
});

t.test('a file is read when the write(2) that goes on in it has ended', async (t) => {
  const { root, origin, rested } = place(t);
  const path = join(root, 'a.m4s');
  for (const reader of [origin, rested]) {
    writeFileSync(path, told(1, 320));
    const writer = await open(path, 'w');
    const { written } = await beginLongWrite(writer, path);
    const leaving = new AbortController();
    const response = await ask(reader, '/a.m4s', { signal: leaving.signal });
    leaving.abort();
    t.equal(field(response.headers, 'content-length'), String(LONG_WRITE_BYTES));
    await written;
    await writer.close();
  }
});

t.test('who reads part of a long file finds it open for the next', async (t) => {
  const { root, rested } = place(t);
  const path = join(root, 'film.mp4');
  const whole = told(1, 640 * KIB);
  writeFileSync(path, whole);
  const part = async (start: number): Promise<Buffer> => {
    const range = [['range', `bytes=${start}-${start + 299_999}`]] as const;
    return bodyOf(await ask(rested, '/film.mp4', { headers: range }));
  };
  const isOpen = (): boolean =>
    readdirSync('/proc/self/fd').some((fd) => linkOf(`/proc/self/fd/${fd}`) === path);
  t.ok((await part(0)).equals(whole.subarray(0, 300_000)));
  t.equal(isOpen(), true);
  t.ok((await part(300_000)).equals(whole.subarray(300_000, 600_000)));
  writeFileSync(`${path}.new`, told(2, 640 * KIB));
  renameSync(`${path}.new`, path);
  t.ok((await part(0)).equals(told(2, 640 * KIB).subarray(0, 300_000)), 'replaced');
  await rested.close();
  while (isOpen()) await new Promise((resolve) => setImmediate(resolve));
});

function linkOf(name: string): string {
  try {
    return readlinkSync(name);
  } catch {
    return ''; // the descriptor that reads the folder
  }
}

t.test('a file that somebody has open for writing has not settled', async (t) => {
  const { root, rested } = place(t);
  const path = join(root, 'a.m4s');
  writeFileSync(path, told(1, 320));
  const tag = async (): Promise<string> => {
    const response = await ask(rested, '/a.m4s', { method: 'HEAD' });
    return field(response.headers, 'etag') ?? '';
  };
  t.match(await tag(), /^"/, 'nobody has');
  const writer = await open(path, 'a');
  t.match(await tag(), /^W\//, 'it may pause');
  await writer.close();
  t.match(await tag(), /^"/);
});

t.test(
  'what was read of a file that has not settled has a weak tag and a short life',
  async (t) => {
    const { root, origin, rested } = place(t);
    writeFileSync(join(root, 'a.m4s'), told(1, 320));
    writeFileSync(join(root, 'a.m3u8'), '#EXTM3U\n');
    const fresh = await ask(origin, '/a.m4s');
    await bodyOf(fresh);
    t.match(field(fresh.headers, 'etag'), /^W\/"/);
    t.equal(field(fresh.headers, 'last-modified'), undefined, 'its second may not be over');
    t.equal(field(fresh.headers, 'cache-control'), 'max-age=1, stale-while-revalidate=0');
    t.equal(fresh.settling, true);
    const playlist = await ask(origin, '/a.m3u8');
    await bodyOf(playlist);
    t.equal(field(playlist.headers, 'cache-control'), 'no-cache', 'it may live less than a second');
    const tag = field(fresh.headers, 'etag') ?? '';
    const again = await ask(origin, '/a.m4s', { headers: [['if-none-match', tag]] });
    t.equal(again.status, 304);
    t.equal(again.settling, true);
    t.equal(field(again.headers, 'cache-control'), 'max-age=1, stale-while-revalidate=0');
    const later = await ask(rested, '/a.m4s', { headers: [['if-none-match', tag]] });
    t.equal(later.status, 200, 'once settled it is read once more');
    await bodyOf(later);
    t.match(field(later.headers, 'etag'), /^"/);
    t.type(field(later.headers, 'last-modified'), 'string');
    t.equal(field(later.headers, 'cache-control'), undefined);
    t.equal(later.settling, false);
  },
);

t.test('whatever happens to a file gives it another tag, though size and mtime stay', async (t) => {
  const { root, rested } = place(t);
  const path = join(root, 'a.m4s');
  const when = new Date(1_700_000_000_000);
  const write = (version: number): void => {
    writeFileSync(path, told(version, 320));
    utimesSync(path, when, when);
  };
  const tag = async (): Promise<string> => {
    const response = await ask(rested, '/a.m4s', { method: 'HEAD' });
    return field(response.headers, 'etag') ?? '';
  };
  const tags = new Set<string>();
  write(1);
  const inode = [
    () => undefined,
    () => {
      write(2);
    },
    () => {
      utimesSync(path, when, when);
    },
    () => {
      truncateSync(path, 0);
      write(3);
    },
  ];
  for (const change of inode) {
    await new Promise((resolve) => setTimeout(resolve, 25)); // past the tick that stamps changes
    change();
    tags.add(await tag());
  }
  t.equal(tags.size, inode.length);
});

t.test('a body ends only when the file stayed as it was, or can only have grown', async (t) => {
  const bytes = 600 * KIB;
  const rows = [
    ['truncated', 'cut', 'cut', (path: string) => { truncateSync(path, 300 * KIB); }], // prettier-ignore
    ['emptied', 'cut', 'cut', (path: string) => { truncateSync(path, 0); }], // prettier-ignore
    ['written over', 'cut', 'cut', (path: string) => { writeFileSync(path, told(2, bytes)); }], // prettier-ignore
    ['written over by a larger one', 'cut', 'cut', (path: string) => { writeFileSync(path, told(2, 2 * bytes)); }], // prettier-ignore
    ['written over, its time put back', 'cut', 'cut', (path: string) => { writeFileSync(path, told(2, bytes)); utimesSync(path, 1_000, 1_000); }], // prettier-ignore
    ['touched', 'cut', 'cut', (path: string) => { utimesSync(path, 2_000, 2_000); }], // prettier-ignore
    ['appended to', '', 'cut', (path: string) => { appendFileSync(path, 'more'); }], // prettier-ignore
    ['given another mode', 'cut', 'cut', (path: string) => { chmodSync(path, 0o600); }], // prettier-ignore
    ['given another name', '', '', (path: string) => { linkSync(path, `${path}.too`); }], // prettier-ignore
    ['deleted', '', '', (path: string) => { rmSync(path); }], // prettier-ignore
    ['replaced', '', '', (path: string) => { writeFileSync(`${path}.new`, 'new'); renameSync(`${path}.new`, path); }], // prettier-ignore
  ] as const;
  for (const [why, whenFresh, whenRested, change] of rows) {
    const { root, origin, rested } = place(t);
    for (const [reader, want] of [
      [origin, whenFresh],
      [rested, whenRested],
    ] as const) {
      const path = join(root, 'a.m4s');
      for (const name of ['a.m4s', 'a.m4s.too']) rmSync(join(root, name), { force: true });
      writeFileSync(path, told(1, bytes));
      utimesSync(path, 1_000, 1_000);
      const response = await ask(reader, '/a.m4s');
      await new Promise((resolve) => setTimeout(resolve, 25)); // past the tick that stamps changes
      change(path);
      t.equal(await fault(response), want, `${why}, ${reader === origin ? 'fresh' : 'rested'}`);
    }
  }
});

t.test(
  'ranges of a file that grows are answered with what is there, and never combined',
  async (t) => {
    const { root, origin } = place(t);
    const path = join(root, 'live.mp4');
    const whole = told(0, 8 * KIB * KIB);
    writeFileSync(path, whole.subarray(0, 640 * KIB));
    const early = await ask(origin, '/live.mp4', { headers: [['range', 'bytes=0-999']] });
    t.match(field(early.headers, 'content-range'), /^bytes 0-999\/655360$/);
    await bodyOf(early);
    const beyond = await ask(origin, '/live.mp4', { headers: [['range', 'bytes=700000-']] });
    t.equal(beyond.status, 416, 'not yet');
    await bodyOf(beyond);
    writeFileSync(path, '');
    const stop = await startWriter(t, path, 'grows', 4);
    let end = 0;
    let reads = 0;
    let last = early;
    while (end < 6 * KIB * KIB) {
      const start = end;
      const range = [['range', `bytes=${start}-`]] as const;
      const response = await ask(origin, '/live.mp4', { headers: range });
      if (response.status === 416) {
        await bodyOf(response);
        continue;
      }
      t.equal(response.status, 206);
      const body = await bodyOf(response);
      if (!body.equals(whole.subarray(start, start + body.length))) t.fail(`wrong at ${start}`);
      t.notOk(canCombine(last.headers, response.headers), 'two states');
      last = response;
      end = start + body.length;
      reads += 1;
    }
    await stop();
    t.ok(reads > 3, `${reads} ranges`);
    t.equal(await textOf(await ask(origin, '/live.mp4', { headers: [['range', 'bytes=0-15']] })), whole.toString('latin1', 0, 16)); // prettier-ignore
  },
);
