/** The front that README recommends for what uWS cannot do: its lines as they stand there. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { packageRoot } from '../../native/package-root.js';
import { startGateway } from '../support/gateway.js';
import { startNginx } from '../support/nginx.js';
import { rawExchange } from '../support/raw-client.js';

const seen: { url: string; body: string }[] = [];
const origin = createServer((request, response) => {
  const got = { url: request.url ?? '', body: '' };
  seen.push(got);
  request.setEncoding('latin1').on('data', (text: string) => {
    got.body += text;
  });
  request.on('end', () => {
    response.end('hi');
  });
});
origin.listen(0, '127.0.0.1');
await once(origin, 'listening');
t.teardown(() => {
  origin.closeAllConnections();
  origin.close();
});
const gateway = await startGateway(t, {
  args: [`http://127.0.0.1:${(origin.address() as AddressInfo).port}`, '--log-level', 'silent'],
});

const readme = readFileSync(`${packageRoot()}/README.md`, 'utf8');
const [, recipe = ''] = /```nginx\n([\s\S]*?)```/.exec(readme) ?? [];
const [, http = ''] = /(upstream headgate \{.*?\})\n/.exec(recipe) ?? [];
const [, config = ''] = /listen 80;\n([\s\S]*)\n {2}\}\s*$/.exec(recipe) ?? [];
const nginx = await startNginx({ http: http.replace('8080', String(gateway.port)), config });
t.teardown(() => nginx.stop());

t.test('the front of README takes what uWS does not', async (t) => {
  const post =
    'POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
  const rows = [
    ['GET http://a/absolute HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', '/absolute', ''],
    [`${post}5;a=b\r\nhello\r\n0\r\n\r\n`, '/x', 'hello'],
    [`${post}5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n`, '/x', 'hello'],
    ['GET /old HTTP/1.0\r\nHost: a\r\n\r\n', '/old', ''],
  ] as const;
  for (const [bytes, url, body] of rows) {
    seen.length = 0;
    const answer = await rawExchange(nginx.port, bytes);
    t.match(answer, /^HTTP\/1\.1 200 OK\r\n/, bytes);
    t.match(answer, /\bhi\b/, bytes);
    t.strictSame(seen, [{ url, body }], bytes);
  }
});

t.test('the front of README lets nothing hidden through', async (t) => {
  const chunked =
    'POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
  const hidden = 'GET /y HTTP/1.1\r\nHost: a\r\n\r\n';
  const rows = [
    [`GET /x HTTP/1.1\r\nHost: a\r\n: v\r\nContent-Length: 30\r\n\r\n${hidden}`, 400],
    [`${chunked}5\r\nhelloXX0\r\n\r\n${hidden}`, 400],
    [`${chunked}0\r\nXX${hidden}`, 200], // nginx takes it for a trailer
  ] as const;
  for (const [bytes, status] of rows) {
    seen.length = 0;
    t.match(await rawExchange(nginx.port, bytes), new RegExp(`^HTTP/1\\.1 ${status} `), bytes);
    t.strictSame(seen, status === 200 ? [{ url: '/x', body: '' }] : [], bytes);
  }
});
