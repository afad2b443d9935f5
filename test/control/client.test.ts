import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { startAdmin } from '../../src/control/admin.js';
import { sendPurge } from '../../src/control/client.js';
import { createLogger } from '../../src/telemetry/log.js';
import { FakeControl } from '../support/fake-control.js';

const TOKEN = 'correct-horse-battery';
const log = createLogger({ level: 'silent', name: 'test' });
const order = { scope: 'prefix', path: '/live/', soft: true } as const;

t.test('sendPurge() reaches the real admin port, with its token', async (t) => {
  const control = new FakeControl();
  const listen = { host: '127.0.0.1', port: 0 };
  const admin = await startAdmin({ listen, token: TOKEN, maxUrl: 8_192, control, log });
  t.teardown(() => admin.close());
  const address = { url: admin.url, token: TOKEN, timeoutMs: 5_000 };
  t.strictSame(await sendPurge(address, order), { purged: 7 });
  t.strictSame(control.orders, [order]);
  await t.rejects(sendPurge({ ...address, token: 'wrong-token' }, order), {
    code: 'GW_ADMIN_UNAUTHORIZED',
  });
  await t.rejects(sendPurge(address, { ...order, path: 'no-slash' }), {
    code: 'GW_ADMIN_BAD_REQUEST',
  });
});

t.test('sendPurge() says GW_ADMIN_UNREACHABLE of what does not answer as Headgate', async (t) => {
  const answers = [
    [200, '{"ok":true}', 'another service'],
    [200, '<html>', 'a web page'],
    [500, '{"code":"ENOENT","detail":"x"}', "another service's problem"],
    [302, '', 'a redirection, which would take the token elsewhere'],
  ] as const;
  for (const [status, body, why] of answers) {
    const server = createServer((_, response) => {
      response.writeHead(status, { Location: 'http://127.0.0.1:1/' }).end(body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sent = sendPurge({ url, token: '', timeoutMs: 5_000 }, order);
    await t.rejects(sent, { code: 'GW_ADMIN_UNREACHABLE' }, why);
    server.closeAllConnections();
    server.close();
  }
});

t.test('sendPurge() gives up on a port that is closed or silent', async (t) => {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await t.rejects(sendPurge({ url, token: '', timeoutMs: 50 }, order), {
    code: 'GW_ADMIN_UNREACHABLE',
  });
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  await t.rejects(sendPurge({ url, token: '', timeoutMs: 5_000 }, order), {
    code: 'GW_ADMIN_UNREACHABLE',
  });
});
