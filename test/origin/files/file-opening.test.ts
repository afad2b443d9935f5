/** The first bytes of a body, and whether they can be vouched for. */
import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  CHUNK_BYTES,
  isVouched,
  type Opening,
  readAt,
  readOpening,
} from '../../../src/origin/files/file-opening.js';
import type { FileState } from '../../../src/origin/files/file-state.js';
import { told } from '../../support/told-file.js';

async function opened(t: Test, content: Buffer): Promise<{ handle: FileHandle; path: string }> {
  const path = join(t.testdir(), 'file');
  writeFileSync(path, content);
  const handle = await open(path, 'r');
  t.teardown(() => handle.close());
  return { handle, path };
}

const into = Buffer.allocUnsafeSlow(CHUNK_BYTES);

t.test(
  'readOpening() reads up to a chunk from the start, and its end of what may grow',
  async (t) => {
    const content = told(1, 3 * CHUNK_BYTES);
    const { handle } = await opened(t, content);
    const state = await handle.stat({ bigint: true });
    const rows: [start: number, length: number, first: number, tail: number | undefined][] = [
      [0, 1, 1, undefined],
      [7, 1_000, 1_000, undefined],
      [0, CHUNK_BYTES, CHUNK_BYTES, undefined],
      [5, CHUNK_BYTES + 1, CHUNK_BYTES, 5 + CHUNK_BYTES + 1 - 4_096],
      [0, content.length, CHUNK_BYTES, content.length - 4_096],
    ];
    for (const [start, length, bytes, position] of rows) {
      const region = { start, length };
      const wanted = { region, into };
      const settled = await readOpening(handle, state, { ...wanted, settled: true });
      t.equal(settled.tail, undefined, 'a settled file does not grow');
      const opening = await readOpening(handle, state, { ...wanted, settled: false });
      const { first, tail, ...rest } = opening;
      t.equal(first.buffer, into.buffer);
      t.ok(first.equals(content.subarray(start, start + bytes)), `${length} from ${start}`);
      t.equal(tail?.position, position);
      const end = start + length;
      if (tail !== undefined) t.ok(tail.bytes.equals(content.subarray(tail.position, end)));
      t.match(rest, { start, length, state, after: { size: state.size } });
    }
  },
);

t.test('readOpening() looks at the file after it has read', async (t) => {
  const { handle, path } = await opened(t, told(1, 320));
  const state = await handle.stat({ bigint: true });
  const wanted = { region: { start: 0, length: 320 }, settled: false, into };
  appendFileSync(path, 'more');
  const grown = await readOpening(handle, state, wanted);
  t.strictSame([grown.state.size, grown.after.size], [320n, 324n]);
  truncateSync(path, 16);
  const cut = await readOpening(handle, state, wanted);
  t.strictSame([cut.first.length, cut.after.size], [16, 16n]);
  t.equal(isVouched(cut, { hidden: false, before: undefined }), false);
});

t.test('readAt() gives fewer bytes where the file ends', async (t) => {
  const { handle } = await opened(t, Buffer.from('abcdef'));
  t.equal((await readAt(handle, 4, 10)).toString(), 'ef');
  t.equal((await readAt(handle, 6, 10)).length, 0);
  t.equal((await readAt(handle, 60, 1)).length, 0);
});

const STATE: FileState = { ino: 1n, size: 4n, mtimeNs: 1n, ctimeNs: 1n, nlink: 1n };

/** As if a file of those bytes had been read. */
function reading(text: string, more: Partial<Opening> & { size?: bigint; after?: FileState } = {}) {
  const state = { ...STATE, size: more.size ?? BigInt(text.length) };
  const first = Buffer.from(text);
  const { start = 0, length = text.length, after = state } = more;
  return { start, length, state, after, first, tail: undefined };
}

const grown = (size: bigint): FileState => ({ ...STATE, size, mtimeNs: 2n, ctimeNs: 2n });

t.test('isVouched() wants two readings that agree, where one cannot be enough', (t) => {
  const plain = reading('abcd');
  const growing = reading('abcd', { after: grown(5n) });
  const rows: [Opening, hidden: boolean, before: Opening | undefined, boolean, why: string][] = [
    [plain, false, undefined, true, 'nothing happened, and nothing can be hidden'],
    [plain, true, undefined, false, 'a write may be hidden'],
    [plain, true, plain, true, 'two readings agree'],
    [plain, true, reading('abcX'), false, 'they differ'],
    [plain, true, reading('abcd', { start: 1 }), false, 'they are of another part'],
    [plain, true, reading('', { size: 0n }), false, 'nothing was there to be compared'],
    [plain, true, reading('abcd', { size: 9n }), false, 'the file is smaller than before'],
    [growing, false, undefined, false, 'it grew meanwhile'],
    [growing, false, plain, true, 'and had these bytes before'],
    [growing, true, plain, true, 'and it grows still'],
    [growing, false, reading('abc'), false, 'of which one is new'],
    [growing, false, reading('Xbcd'), false, 'and is another one'],
    [reading('abcd', { after: { ...STATE, mtimeNs: 2n } }), false, plain, false, 'written over'],
    [reading('abcd', { after: { ...STATE, size: 3n } }), false, plain, false, 'truncated'],
    [reading('abc', { length: 4 }), false, plain, false, 'it ended early'],
    [reading('abcd', { after: { ...STATE, ctimeNs: 2n, nlink: 0n } }), false, undefined, true, 'only its name went'], // prettier-ignore
  ];
  for (const [opening, hidden, before, want, why] of rows) {
    t.equal(isVouched(opening, { hidden, before }), want, why);
  }
  t.end();
});

t.test('isVouched() of more than a chunk asks for a whole first chunk', (t) => {
  const first = 'x'.repeat(CHUNK_BYTES);
  const long = reading(first, { length: CHUNK_BYTES + 10 });
  t.equal(isVouched(long, { hidden: false, before: undefined }), true);
  const short = reading(first.slice(1), { length: CHUNK_BYTES + 10 });
  t.equal(isVouched(short, { hidden: false, before: undefined }), false);
  const size = BigInt(CHUNK_BYTES + 20);
  const later = reading(first, { length: CHUNK_BYTES + 20, size, after: grown(size + 1n) });
  t.equal(isVouched(later, { hidden: true, before: long }), true, 'it grew beyond it');
  t.end();
});
