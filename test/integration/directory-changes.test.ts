/** Files of a directory as viewers get them: larger than is kept, and written to while they are read. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startGateway } from '../support/gateway.js';
import { patterned } from '../support/origin-server.js';
import { rawGet } from '../support/raw-client.js';

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
