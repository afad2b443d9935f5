/** The real coding thread, as built. */
import { pathToFileURL } from 'node:url';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import t from 'tap';
import { packageRoot } from '../../../native/package-root.js';
import { CoderThread } from '../../../src/shard/intake/coder-thread.js';

const ENTRY = pathToFileURL(`${packageRoot()}/dist/workers/coder.js`);
const TEXT = '#EXTM3U\n'.repeat(1_000);

function shared(text: string, at: number): Uint8Array {
  const data = new Uint8Array(new SharedArrayBuffer(at + text.length + 100), 64);
  data.set(Buffer.from(text), at);
  return data;
}

t.test('CoderThread makes both codings of what lies in shared memory', async (t) => {
  const coder = new CoderThread(ENTRY, { br: 5, gzip: 6 });
  t.teardown(() => coder.close());
  const data = shared(TEXT, 16);
  const whole = { pieces: [data.subarray(16, 16 + TEXT.length)] };
  const pieces = { pieces: [data.subarray(16, 4_112), data.subarray(4_112, 16 + TEXT.length)] };
  for (const source of [whole, pieces]) {
    const br = await coder.encode(source, 'br');
    t.equal(brotliDecompressSync(br).toString(), TEXT);
    t.ok(
      br.buffer instanceof ArrayBuffer && br.buffer.byteLength === br.length,
      'moved, not shared',
    );
    t.equal(gunzipSync(await coder.encode(source, 'gzip')).toString(), TEXT);
  }
});

t.test('CoderThread.close() gives up what is being coded', async (t) => {
  const coder = new CoderThread(ENTRY, { br: 11, gzip: 6 });
  const text = Array.from({ length: 30_000 }, (_, i) => `${i * 7_919},`).join('');
  const coding = coder.encode({ pieces: [shared(text, 0)] }, 'br');
  await Promise.all([coder.close(), t.rejects(coding)]);
});
