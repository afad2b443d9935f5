import t from 'tap';
import { join } from 'node:path';
import { openOrigins } from '../../src/origin/open.js';
import { ask, bodyOf, ORIGIN_SETTINGS, textOf } from '../support/origin.js';
import { startNginx } from '../support/nginx.js';
import { freePort } from '../support/ports.js';
import { OK_HEAD, rawServer } from '../support/upstream.js';

const clock = { now: () => Date.now(), wall: () => Date.now() };
const cache = { name: 'edge-1' } as Parameters<typeof openOrigins>[0]['cache'];
const bundled = { routes: {}, prefixes: {} };
const deps = { clock, random: () => 0, bundled };

t.test('openOrigins() serves the bundled content when nothing is configured', async (t) => {
  const root = t.testdir({ 'player.html': 'player' });
  const routes = { '/': join(root, 'player.html') };
  const config = { origins: [], origin: ORIGIN_SETTINGS, cache };
  const origin = openOrigins(config, { ...deps, bundled: { routes, prefixes: {} } });
  t.equal(await textOf(await ask(origin, '/')), 'player');
  t.same(origin.status(), []);
  await origin.close();
});

t.test('openOrigins() serves a directory', async (t) => {
  const root = t.testdir({ 'a.txt': 'a' });
  const origin = openOrigins({ origins: [root], origin: ORIGIN_SETTINGS, cache }, deps);
  t.equal(await textOf(await ask(origin, '/a.txt')), 'a');
  t.same(origin.status(), []);
  await origin.close();
});

t.test('openOrigins() puts the name of this gateway into Via', async (t) => {
  const server = await rawServer(t, ({ socket }) => socket.write(`${OK_HEAD}ok`));
  const origin = openOrigins({ origins: [server.url], origin: ORIGIN_SETTINGS, cache }, deps);
  t.teardown(() => origin.close());
  t.equal(await textOf(await ask(origin, '/')), 'ok');
  t.match(server.heads[0], 'via: 1.1 edge-1');
});

t.test('openOrigins() refuses what it cannot open', (t) => {
  for (const place of ['ftp://host/', 'http://', '/does/not/exist']) {
    const config = { origins: [place], origin: ORIGIN_SETTINGS, cache };
    t.throws(() => openOrigins(config, deps), { code: 'GW_CONFIG_INVALID' }, place);
  }
  t.end();
});

t.test('openOrigins() rides out the death and return of its first origin', async (t) => {
  const base = t.testdir({ first: { 'a.txt': 'first' }, spare: { 'a.txt': 'spare' } });
  const [root, spare] = [join(base, 'first'), join(base, 'spare')];
  const port = await freePort();
  const first = await startNginx({ root, port });
  t.teardown(() => first.stop());
  const time = { ms: 0 };
  const breaker = { ...ORIGIN_SETTINGS.breaker, failures: 2 };
  const settings = { ...ORIGIN_SETTINGS, breaker };
  const config = { origins: [first.url, spare], origin: settings, cache };
  const states: string[] = [];
  const origin = openOrigins(config, {
    ...deps,
    clock: { now: () => time.ms, wall: () => time.ms },
    onStanding: ({ origin: which, to }) => void states.push(`${which} ${to}`),
  });
  t.teardown(() => origin.close());
  const name = `127.0.0.1:${port}`;

  t.equal(await textOf(await ask(origin, '/a.txt')), 'first');
  await first.stop();
  for (let i = 0; i < 3; i += 1) t.equal(await textOf(await ask(origin, '/a.txt')), 'spare');
  t.match(origin.status(), [
    { name, state: 'down' },
    { name: spare, state: 'well' },
  ]);
  const again = await startNginx({ root, port });
  t.teardown(() => again.stop());
  t.equal(await textOf(await ask(origin, '/a.txt')), 'spare', 'the cool-down is not over');
  time.ms = 1_000;
  t.equal(await textOf(await ask(origin, '/a.txt')), 'spare', 'no viewer waits for a probe');
  while (states.length < 2) await new Promise(setImmediate);
  t.same(states, [`${name} down`, `${name} well`], 'each change is told once');
  t.equal(await textOf(await ask(origin, '/a.txt')), 'first');
  t.match(origin.status(), [{ state: 'well', failures: 0 }, { state: 'well' }]);
});

t.test('openOrigins() retries an upstream that drops new connections', async (t) => {
  const server = await rawServer(t, ({ socket, connection }) => {
    if (connection < 3) socket.destroy();
    else socket.write(`${OK_HEAD}ok`);
  });
  const settings = { ...ORIGIN_SETTINGS, retries: 2 };
  const origin = openOrigins({ origins: [server.url], origin: settings, cache }, deps);
  t.teardown(() => origin.close());
  const response = await ask(origin, '/');
  t.equal((await bodyOf(response)).toString(), 'ok');
  t.equal(server.connections(), 3);
});
