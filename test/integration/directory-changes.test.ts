/** Files of a directory as viewers get them: larger than is kept, and written to while they are read. */
import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { startGateway } from '../support/gateway.js';
import { patterned } from '../support/origin-server.js';
import { rawGet, type RawAnswer } from '../support/raw-client.js';
import { readTold, told } from '../support/told-file.js';

const run = promisify(execFile);
/** Past the time after which a file is taken for finished. */
const SETTLED_MS = 2_200;

const root = await mkdtemp(join(tmpdir(), 'headgate-'));
t.teardown(() => rm(root, { recursive: true }));

t.test('a file larger than is kept arrives as it is', async (t) => {
  const film = patterned(33_554_433, 7); // one byte more than fits by default
  await writeFile(join(root, 'film.mp4'), film);
  const want = createHash('sha256').update(film).digest('hex');
  const { port } = await startGateway(t, { args: [root, '--log-level', 'silent'] });
  for (let round = 0; round < 20; round += 1) {
    const hash = createHash('sha256');
    const sink = (chunk: Buffer): void => void hash.update(chunk);
    const answer = await rawGet(port, '/film.mp4', [], { sink });
    t.match(answer, { status: 200, whole: true });
    t.equal(hash.digest('hex'), want, `round ${round}`);
  }
});

/** '' for one version whole, or an answer that is plainly not whole. */
function fault({ status, body, whole }: RawAnswer): string {
  if (!whole || status === 502) return '';
  const reading = readTold(body);
  if (typeof reading === 'string') return reading;
  return reading.length === body.length ? '' : `${body.length} of ${reading.length} bytes`;
}

t.test('files written over by larger ones are never mixed, nor kept by halves', async (t) => {
  const { port } = await startGateway(t, { args: [root, '--log-level', 'silent'] });
  const larger = told(2, 12_800);
  await writeFile(join(root, 'larger'), larger);
  const rounds = Array.from({ length: 80 }, (_, i) => ({
    path: `/r${i}.m4s`,
    size: 16 * (200 + i * 3),
    byCopy: i % 10 === 0,
  }));
  for (const { path, size } of rounds) await writeFile(join(root, path), told(1, size));
  await delay(SETTLED_MS); // so that the first versions may be kept for a year
  const wrong: string[] = [];
  const ask = async (path: string): Promise<RawAnswer> => {
    const answer = await rawGet(port, path);
    const what = fault(answer);
    if (what !== '') wrong.push(`${path}: ${what}`);
    return answer;
  };
  const overwrite = async (path: string, byCopy: boolean): Promise<void> => {
    const file = join(root, path);
    if (byCopy) await run('cp', [join(root, 'larger'), file]);
    else await writeFile(file, larger);
  };
  for (let at = 0; at < rounds.length; at += 8) {
    await Promise.all(
      rounds.slice(at, at + 8).map(async ({ path, byCopy }) => {
        await Promise.all([ask(path), overwrite(path, byCopy)]);
        await ask(path);
      }),
    );
  }
  t.same(wrong, []);
  // What was read before the first byte of the second version is rightly kept: it was settled.
  for (const { path, size } of rounds) {
    const { bytes } = await ask(path);
    if (bytes !== size && bytes !== larger.length) t.fail(`${path}: ${bytes} are kept`);
  }
  t.same(wrong, []);
});

t.test(
  'a file fetched while it is written is read anew, and kept once it has settled',
  async (t) => {
    const { port } = await startGateway(t, { args: [root, '--log-level', 'silent'] });
    const content = told(3, 64_000);
    await writeFile(join(root, 'live.m4s'), content.subarray(0, 32_000));
    const half = await rawGet(port, '/live.m4s');
    t.match(half, { status: 200, bytes: 32_000 }, 'all there is');
    t.match(half.fields.get('etag'), /^W\//);
    await writeFile(join(root, 'live.m4s'), content.subarray(32_000), { flag: 'a' });
    await delay(1_100); // as long as the half may be kept
    t.ok((await rawGet(port, '/live.m4s')).body.equals(content));
    await delay(SETTLED_MS);
    const settled = await rawGet(port, '/live.m4s');
    t.ok(settled.body.equals(content));
    t.match(settled.fields.get('etag'), /^"/);
    t.equal(settled.fields.get('cache-control'), undefined);
    const kept = await rawGet(port, '/live.m4s');
    t.match(kept.fields.get('cache-status'), /hit; ttl=315\d{5}/, 'for a year');
  },
);
