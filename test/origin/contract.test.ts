import t from 'tap';
import { openDirectoryOrigin } from '../../src/origin/directory.js';
import { openFailoverOrigin } from '../../src/origin/resilient.js';
import { openUpstreamOrigin } from '../../src/origin/upstream.js';
import { originContract } from '../contract/origin.js';
import { startFileServer } from '../support/file-server.js';
import { startNginx } from '../support/nginx.js';
import { ORIGIN_SETTINGS as settings } from '../support/origin.js';
import { freePort } from '../support/ports.js';

const clock = { wall: () => Date.now() };

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

originContract(t, 'fail-over from a dead upstream to nginx', async (t, root) => {
  const nginx = await startNginx({ root });
  t.teardown(() => nginx.stop());
  const urls = [`http://127.0.0.1:${await freePort()}`, nginx.url];
  return openFailoverOrigin(
    urls.map((url) => openUpstreamOrigin({ url, settings, name: url, via: 'headgate' })),
  );
});
