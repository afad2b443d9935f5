/** Waiting for those who write to a file, and for how long. */
import { closeSync, openSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writersAtRest } from '../../../src/origin/files/file-writers.js';
import { beginLongWrite, LONG_WRITE_BYTES } from '../../support/long-write.js';

t.test('writersAtRest() says whether the file is open for writing', async (t) => {
  const path = join(t.testdir(), 'file');
  writeFileSync(path, 'abc');
  const reader = openSync(path, 'r');
  t.equal(await writersAtRest(reader), false);
  const writer = await open(path, 'w');
  t.equal(await writersAtRest(reader), true, 'one that does nothing');
  const { written } = await beginLongWrite(writer, path);
  t.equal(await writersAtRest(reader), true);
  t.equal(statSync(path).size, LONG_WRITE_BYTES, 'its write(2) has ended');
  await written;
  await writer.close();
  t.equal(await writersAtRest(reader), false);
  closeSync(reader);
});

t.test('a write(2) that does not end is not waited for', async (t) => {
  const path = join(t.testdir(), 'file');
  const writer = await open(path, 'w');
  const reader = openSync(path, 'r');
  const { written } = await beginLongWrite(writer, path);
  await t.rejects(writersAtRest(reader, 5), { code: 'GW_ORIGIN_IO' });
  t.ok(statSync(path).size < LONG_WRITE_BYTES, 'it goes on');
  await written;
  await writer.close();
  t.equal(await writersAtRest(reader, 5), false);
  closeSync(reader);
});
