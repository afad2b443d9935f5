import t from 'tap';
import { openDirectoryOrigin } from '../../src/origin/directory.js';

import { openOrigins } from '../../src/origin/open.js';
import { openUpstreamOrigin } from '../../src/origin/upstream.js';
import { originContract } from '../contract/origin.js';
import { startFileServer } from '../support/file-server.js';
import { startNginx } from '../support/nginx.js';
import { ORIGIN_SETTINGS as settings } from '../support/origin.js';
import { freePort } from '../support/ports.js';

const clock = { now: () => Date.now() };

originContract(t, 'a directory', (_t, root) =>
  Promise.resolve(openDirectoryOrigin({ root, name: 'directory', clock })),
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
