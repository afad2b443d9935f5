import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openDirectoryOrigin } from '../../src/origin/files/directory.js';

import { openOrigins } from '../../src/origin/open.js';
import { openUpstreamOrigin } from '../../src/origin/http/upstream.js';
import { ownedCopy } from '../../src/runtime/bytes.js';
import type { BorrowedBytes } from '../../src/runtime/bytes.js';
import { originContract } from '../contract/origin.js';
import { lendingOrigin } from '../support/lent.js';
import { startFileServer } from '../support/file-server.js';
import { startNginx } from '../support/nginx.js';
import { ask, bodyOf, ORIGIN_SETTINGS as settings } from '../support/origin.js';
import { freePort } from '../support/ports.js';

const later = (): number => Date.now() + 60_000;
const clock = { now: later, wall: later }; // so that all that lies there has settled

originContract(t, 'a directory', (_t, root) =>
  Promise.resolve(openDirectoryOrigin({ root, name: 'directory', clock })),
);

originContract(t, 'an origin that spoils what it lent', (_t, root) =>
  Promise.resolve(lendingOrigin(openDirectoryOrigin({ root, name: 'directory', clock }))),
);

originContract(t, 'an upstream (node:http)', async (t, root) => {
  const server = await startFileServer(root);
  t.teardown(() => server.stop());
  return openUpstreamOrigin({ url: server.url, settings, name: 'node', via: 'headgate' });
});

originContract(t, 'an upstream (nginx)', async (t, root) => {
  const nginx = await startNginx({ root });
  t.teardown(() => nginx.stop());
  return openUpstreamOrigin({ url: nginx.url, settings, name: 'nginx', via: 'headgate' });
});

originContract(t, 'the whole stack, before a dead upstream and nginx', async (t, root) => {
  const nginx = await startNginx({ root });
  t.teardown(() => nginx.stop());
  const origins = [`http://127.0.0.1:${await freePort()}`, nginx.url];
  const cache = { name: 'headgate' } as Parameters<typeof openOrigins>[0]['cache'];
  const bundled = { routes: {}, prefixes: {} };
  return openOrigins({ origins, origin: settings, cache }, { clock, random: () => 0, bundled });
});

t.test('a chunk that is kept past the next pull without a copy is lost', async (t) => {
  const root = t.testdir();
  const film = randomBytes(1024 * 1024);
  writeFileSync(join(root, 'film.bin'), film);
  const directory = openDirectoryOrigin({ root, name: 'directory', clock });
  for (const origin of [directory, lendingOrigin(directory)]) {
    const kept: BorrowedBytes[] = [];
    const copied: Uint8Array[] = [];
    for await (const chunk of (await ask(origin, '/film.bin')).body) {
      kept.push(chunk);
      copied.push(ownedCopy(chunk));
    }
    t.ok(kept.length > 1);
    t.notOk(Buffer.concat(kept.map(ownedCopy)).equals(film), 'copied too late');
    t.ok(Buffer.concat(copied).equals(film));
  }
  const early = await bodyOf(await ask(lendingOrigin(directory), '/film.bin'));
  t.ok(early.equals(film));
});
