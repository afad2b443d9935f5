import t from 'tap';
import type { Test } from 'tap';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { openUpstreamOrigin } from '../../../src/origin/http/upstream.js';
import { ask, ORIGIN_SETTINGS, textOf } from '../../support/origin.js';
import { TEST_CERT, TEST_KEY } from '../../support/tls.js';

interface Secure {
  readonly port: number;
  connections(): number;
}

/** Answers with the name that the client asked for in TLS, and its Host. */
async function secureServer(t: Test): Promise<Secure> {
  const server = createServer({ cert: TEST_CERT, key: TEST_KEY }, (request, response) => {
    const servername = 'servername' in request.socket ? request.socket.servername : undefined;
    response.end(`${String(servername)} ${String(request.headers.host)}`);
  });
  let connections = 0;
  server.on('secureConnection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

const base = { name: 'tls', via: 'headgate', settings: ORIGIN_SETTINGS };

t.test('a certificate nobody vouches for is GW_ORIGIN_CONNECT', async (t) => {
  const { port } = await secureServer(t);
  const origin = openUpstreamOrigin({ ...base, url: `https://localhost:${port}` });
  t.teardown(() => origin.close());
  await t.rejects(ask(origin, '/'), { code: 'GW_ORIGIN_CONNECT' });
});

t.test('a certificate for another name is GW_ORIGIN_CONNECT', async (t) => {
  const { port } = await secureServer(t);
  const url = `https://127.0.0.2:${port}`;
  const server = createServer({ cert: TEST_CERT, key: TEST_KEY }).listen(port, '127.0.0.2');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const origin = openUpstreamOrigin({ ...base, url, ca: TEST_CERT });
  t.teardown(() => origin.close());
  await t.rejects(ask(origin, '/'), { code: 'GW_ORIGIN_CONNECT' });
});

t.test('the name in TLS is that of the URL, whatever Host a client sends', async (t) => {
  const rows = [
    ['localhost', 'localhost'],
    ['127.0.0.1', 'false'], // addresses are no server names (RFC 6066 section 3)
  ] as const;
  for (const [host, servername] of rows) {
    const server = await secureServer(t);
    const origin = openUpstreamOrigin({
      ...base,
      url: `https://${host}:${server.port}`,
      settings: { ...ORIGIN_SETTINGS, preserveHost: true },
      ca: TEST_CERT,
    });
    t.teardown(() => origin.close());
    for (const viewer of ['a.example', 'b.example']) {
      const response = await ask(origin, '/', { headers: [['host', viewer]] });
      t.equal(await textOf(response), `${servername} ${viewer}`);
    }
    t.equal(server.connections(), 1, 'one connection for all Hosts');
  }
});
