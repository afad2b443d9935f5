/** The composition root in this process, by what it gives its caller; HTTP is in integration/. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { loadConfig } from '../src/config/load.js';
import { LastResort } from '../src/control/last-resort.js';
import { startHeadgate, type HeadgateDeps, type RunningHeadgate } from '../src/headgate.js';
import { createLogger } from '../src/telemetry/log.js';
import { OriginServer } from './support/origin-server.js';
import { freePort } from './support/ports.js';

const log = createLogger({ level: 'silent', name: 'test' });
const BASE = ['listen=127.0.0.1:0', 'admin.listen=127.0.0.1:0', 'workers=0', 'shards=2'];
BASE.push('cache.memory=16MiB', 'shutdown.idle=0s', 'shutdown.deadline=1s');

/** Stopped with the test. */
async function start(
  t: Test,
  set: readonly string[] = [],
  deps: Partial<HeadgateDeps> = {},
): Promise<RunningHeadgate> {
  const { config } = loadConfig({ set: [...BASE, ...set] });
  const node = await startHeadgate(config, { log, ...deps });
  t.teardown(() => node.stop('the test is over'));
  return node;
}

async function listener(t: Test): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

async function get(node: RunningHeadgate, target: string): Promise<string> {
  const response = await fetch(new URL(target, node.url), { headers: { Connection: 'close' } });
  await response.arrayBuffer();
  return `${response.status} ${response.headers.get('cache-status') ?? ''}`;
}

async function admin(node: RunningHeadgate, page: string, body?: object): Promise<Response> {
  const headers = { Connection: 'close', 'Content-Type': 'application/json' };
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  return fetch(`${node.adminUrl ?? ''}${page}`, { headers, ...post });
}

t.test(
  'startHeadgate() resolves with a node that serves, under the ports that it found',
  async (t) => {
    const node = await start(t);
    t.match(node.url, /^http:\/\/127\.0\.0\.1:[1-9]\d*\/$/);
    t.match(node.adminUrl, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    t.match(await get(node, '/sample/master.m3u8'), /^200 headgate; fwd=uri-miss/);
    t.equal((await admin(node, '/readyz')).status, 200, 'ready as soon as it is there');
    const state = (await (await admin(node, '/status')).json()) as { uptimeMs: number };
    t.match(state, {
      phase: 'ready',
      url: node.url,
      workers: [{ index: 0, state: 'up', restarts: 0 }],
    });
    t.ok(state.uptimeMs >= 0 && state.uptimeMs < 60_000);
  },
);

t.test(
  'startHeadgate() listens where it is told to, and has no admin port where there is none',
  async (t) => {
    const port = await freePort();
    const node = await start(t, [`listen=0.0.0.0:${port}`, 'admin.listen=off']);
    t.equal(node.url, `http://localhost:${port}/`, 'an address that one can go to');
    t.equal(node.adminUrl, undefined);
    t.match(await get(node, '/sample/master.m3u8'), /^200 /);
  },
);

t.test('stop() closes both ports, settles closed with 0, and may be called again', async (t) => {
  const node = await start(t);
  await get(node, '/sample/master.m3u8');
  const ports = [portOf(node.url), portOf(node.adminUrl ?? '')];
  const stops = [node.stop('first'), node.stop('second')];
  t.strictSame(await node.closed, { exitCode: 0 });
  await Promise.all(stops);
  await node.stop('third');
  for (const port of ports) {
    const server = createServer().listen({ host: '127.0.0.1', port, exclusive: true });
    await once(server, 'listening');
    server.close();
  }
  await t.rejects(get(node, '/'), 'nobody is there');
});

t.test('stop() waits for what is under way', async (t) => {
  const origin = await OriginServer.start(t);
  const held = origin.hold('/slow.m4s');
  const node = await start(t, [`origins=${origin.url}`]);
  const answer = get(node, '/slow.m4s');
  const { response } = await held;
  const order: string[] = [];
  const stopped = node.stop('test').then(() => order.push('stopped'));
  const again = node.stop('impatience').then(() => order.push('stopped again'));
  t.equal((await admin(node, '/readyz')).status, 503, 'new viewers should go elsewhere');
  response.end('late');
  t.match(await answer, /^200 /);
  order.push('answered');
  await Promise.all([stopped, again]);
  t.strictSame(order, ['answered', 'stopped', 'stopped again']);
});

t.test(
  'startHeadgate() that fails leaves nothing behind, and says which port it was',
  async (t) => {
    const taken = await listener(t);
    const port = await freePort();
    const rows = [
      [[`listen=127.0.0.1:${taken.port}`], `127.0.0.1:${taken.port}`, 'the port of viewers'],
      [
        [`listen=127.0.0.1:${port}`, `admin.listen=127.0.0.1:${taken.port}`],
        'admin.listen',
        'admin',
      ],
      [
        [`listen=192.0.2.1:${port}`],
        `192.0.2.1:${port}: .*EADDRNOTAVAIL`,
        'an address of others, that may not answer',
      ],
    ] as const;
    for (const [set, named, why] of rows) {
      const ended: string[] = [];
      const end = (): void => void ended.push(why);
      const lastResort = new LastResort({ log, patienceMs: 10, end });
      await t.rejects(start(t, set, { lastResort }), {
        code: 'GW_PORT_IN_USE',
        message: new RegExp(named),
      });
      t.strictSame(ended, [], 'nothing had to be ended by force');
    }
    const node = await start(t, [`listen=127.0.0.1:${port}`]);
    t.equal(portOf(node.url), port, 'the port is free again');
  },
);

t.test('startHeadgate() that fails ends the threads that it had for workers', async (t) => {
  const { port } = await listener(t);
  const failing = [`admin.listen=127.0.0.1:${port}`, 'workers=4'];
  const threadsAfter = async (): Promise<number> => {
    await t.rejects(start(t, failing), { code: 'GW_PORT_IN_USE' });
    return readdirSync('/proc/self/task').length;
  };
  const first = await threadsAfter();
  const second = await threadsAfter();
  t.ok(second < first + 4, `${first} threads, then ${second}`);
});

t.test('startHeadgate() that has no worker rejects, and gives its ports back', async (t) => {
  const folder = t.testdir({ 'entry.mjs': "export default () => { throw new Error('no'); };" });
  const workerEntry = pathToFileURL(path.join(folder, 'entry.mjs'));
  const ports = [
    `listen=127.0.0.1:${await freePort()}`,
    `admin.listen=127.0.0.1:${await freePort()}`,
  ];
  await t.rejects(start(t, ports, { workerEntry }), { code: /^GW_/ });
  t.match(await get(await start(t, ports), '/sample/master.m3u8'), /^200 /);
});

t.test('a node names what it waits for to the LastResort that it is given', async (t) => {
  const named: string[] = [];
  class Told extends LastResort {
    override during<T>(what: string, work: Promise<T>): Promise<T> {
      named.push(what);
      return super.during(what, work);
    }
  }
  const lastResort = new Told({ log, patienceMs: 60_000, end: () => t.fail('nothing hangs') });
  const node = await start(t, [], { lastResort });
  t.ok(named.includes('worker 0 to start'));
  await node.stop('test');
  for (const what of ['worker 0 to drain', 'worker 0 to end', 'the admin port to close']) {
    t.ok(named.includes(what), what);
  }
});

t.test('a purge is by the keys of the cache, however its path is written', async (t) => {
  const origin = await OriginServer.start(t);
  const node = await start(t, [`origins=${origin.url}`]);
  const rows = [
    [{ scope: 'exact', path: '/a.m4s' }, ['/a.m4s'], 'as it is'],
    [{ scope: 'exact', path: '/%61/./b.m4s' }, ['/a/b.m4s'], 'escapes and dots'],
    [{ scope: 'exact', path: '/é.m4s' }, ['/%C3%A9.m4s'], 'beyond ASCII'],
    [{ scope: 'exact', path: '/a b.m4s' }, ['/a%20b.m4s'], 'a blank'],
    [{ scope: 'exact', path: '/q.m4s?b=1&a=2&utm_x=3' }, ['/q.m4s?a=2&b=1'], 'its query in order'],
    [{ scope: 'prefix', path: '/dir/s' }, ['/dir/s1.m4s', '/dir/s2.m4s'], 'a part of a segment'],
    [{ scope: 'prefix', path: '/café/' }, ['/caf%C3%A9/1.m4s'], 'beyond ASCII'],
    [{ scope: 'prefix', path: '/a b/' }, ['/a%20b/1.m4s'], 'a blank'],
    [{ scope: 'prefix', path: '/%7eu/' }, ['/~u/1.m4s'], 'an escape of what needs none'],
    [{ scope: 'prefix', path: '/x[1]/' }, ['/x%5B1%5D/1.m4s'], 'brackets'],
    [{ scope: 'all' }, ['/left-1.m4s', '/left-2.m4s', '/other.m4s'], 'everything'],
  ] as const;
  const fields = { 'Cache-Control': 'max-age=600' };
  for (const [, targets] of rows) {
    for (const target of targets) origin.on(target.split('?')[0] ?? '', { fields, body: 'x' });
  }
  for (const [order, targets, why] of rows) {
    for (const target of [...targets, '/other.m4s']) await get(node, target);
    for (const target of targets) t.match(await get(node, target), /; hit/, `${target} is held`);
    const reply = await admin(node, '/purge', order);
    t.strictSame(await reply.json(), { purged: targets.length }, why);
    for (const target of targets) t.match(await get(node, target), /fwd=uri-miss/, why);
    if (order.scope !== 'all') t.match(await get(node, '/other.m4s'), /; hit/, 'the rest stays');
    await admin(node, '/purge', { scope: 'all' });
  }
});

t.test('a purge that cannot be meant is refused with its reason', async (t) => {
  const shared = await start(t, ['limits.url=256']);
  const apart = await start(t, ['key.host=true']);
  const rows = [
    [shared, { scope: 'exact', path: '/../x' }, /path: GW_BAD_TARGET/, 'above the root'],
    [shared, { scope: 'exact', path: '/%zz' }, /path: GW_BAD_TARGET/, 'a broken escape'],
    [
      shared,
      { scope: 'exact', path: `/${'x'.repeat(256)}` },
      /GW_URL_TOO_LONG/,
      'too long a target',
    ],
    [shared, { scope: 'prefix', path: '/%00' }, /path: GW_BAD_TARGET/, 'what no key begins with'],
    [shared, { scope: 'prefix', path: `/${'x'.repeat(256)}` }, /GW_URL_TOO_LONG/, 'too long'],
    [shared, { scope: 'all', host: 'a.tv' }, /key\.host/, 'one host of a shared cache'],
    [apart, { scope: 'all', host: 'a tv' }, /host: not a host/, 'no host'],
    [apart, { scope: 'exact', path: '/x', host: 'a.tv:99999' }, /host: not a host/, 'no port'],
  ] as const;
  for (const [node, order, detail, why] of rows) {
    const reply = await admin(node, '/purge', order);
    t.match(await reply.json(), { code: 'GW_ADMIN_BAD_REQUEST', status: 400, detail }, why);
  }
});

t.test('a path as long as a viewer may ask for can be purged', async (t) => {
  const origin = await OriginServer.start(t);
  const node = await start(t, [`origins=${origin.url}`, 'limits.url=16KiB']);
  for (const length of [8_193, 16_384]) {
    for (const path of [`/${'x'.repeat(length - 1)}`, `/${'é'.repeat(length - 1)}`]) {
      for (const scope of ['exact', 'prefix']) {
        const reply = await admin(node, '/purge', { scope, path });
        t.strictSame(await reply.json(), { purged: 0 }, `${scope}: ${length} characters`);
      }
    }
  }
  const reply = await admin(node, '/purge', { scope: 'exact', path: `/${'x'.repeat(16_384)}` });
  t.match(await reply.json(), { detail: /GW_URL_TOO_LONG/ }, 'and none that is longer');
});
