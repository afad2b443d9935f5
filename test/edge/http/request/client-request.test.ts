import t from 'tap';
import type { HttpRequest } from '../../../../native/uws.js';
import {
  type ClientRequest,
  readRequest,
  type RequestFault,
} from '../../../../src/edge/http/request/client-request.js';
import type { FieldLine } from '../../../../src/http/fields.js';
import { testConfig } from '../../../support/shard.js';

const { key, limits } = testConfig({});

interface Wire {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly fields?: readonly FieldLine[];
  readonly host?: boolean;
  readonly credentials?: 'send' | 'drop';
  readonly hostIs?: string;
}

function read({
  method = 'GET',
  path = '/v/1.m4s',
  query,
  fields = [],
  host = false,
  credentials = 'send',
  hostIs = 'Example.org',
}: Wire): ClientRequest | RequestFault {
  const request = {
    getCaseSensitiveMethod: () => method,
    getUrl: () => path,
    getQuery: () => query,
    forEach: (each: (name: string, value: string) => void) => {
      for (const [name, value] of [['host', hostIs] as const, ...fields]) each(name, value);
    },
  } as unknown as HttpRequest;
  const rules = {
    key: { ...key, host, maxUrl: limits.url },
    credentials,
    fields: { maxBytes: limits.header, maxLines: 100 },
    defaultPort: 80,
  };
  return readRequest(request, rules, undefined);
}

t.test('readRequest() copies what the request is about', (t) => {
  const fields: FieldLine[] = [
    ['range', 'bytes=0-1'],
    ['connection', 'close, x-hop'],
    ['x-hop', '1'],
    ['cache-control', 'no-cache'],
  ];
  t.match(read({ path: '/v/%61/../1.m4s', query: 'b=2&a=1&CMCD=x&token=t', fields }), {
    method: 'GET',
    host: 'example.org',
    path: '/v/1.m4s',
    key: '/v/1.m4s?a=1&b=2&token=t',
    range: 'bytes=0-1',
    plain: false,
    lane: 0,
    directives: { noCache: true },
  });
  const request = read({ fields });
  if ('error' in request) throw new Error(request.error);
  t.same(
    request.fields.map(([name]) => name),
    ['range', 'cache-control'],
    'hop-by-hop fields stay here',
  );
  t.equal(request.rawFields.length, 5);
  t.end();
});

t.test('readRequest() asks for what may be shared by its key alone', (t) => {
  const query = 'token=t&utm_x=1&CMCD=x&a=%61';
  const shared = { key: '/v/1.m4s?a=a&token=t', upstreamTarget: '/v/1.m4s?a=a&token=t' };
  for (const method of ['GET', 'HEAD']) t.match(read({ method, query }), shared, method);
  const own = { upstreamTarget: '/v/1.m4s?token=t&utm_x=1&a=%61' };
  t.match(read({ method: 'POST', query }), own, 'nobody shares it: all that is not for us alone');
  t.match(read({}), { upstreamTarget: '/v/1.m4s', key: '/v/1.m4s', plain: true });
  t.end();
});

t.test('readRequest() sends Host where it is keyed, as it is keyed, and nowhere else', (t) => {
  const lines = (host: boolean, fields: FieldLine[] = []): FieldLine[] => {
    const request = read({ host, fields });
    if ('error' in request) throw new Error(request.error);
    return request.fields.filter(([name]) => name === 'host');
  };
  t.same(lines(false), []);
  t.same(lines(true), [['host', 'example.org']]);
  t.same(lines(true, [['connection', 'host']]), [['host', 'example.org']], 'none takes it out');
  t.end();
});

t.test('readRequest() knows who shows who he is, and drops that on order', (t) => {
  const who: FieldLine[] = [
    ['cookie', 'a=b'],
    ['authorization', 'Bearer x'],
    ['x-api-key', 'k'],
  ];
  for (const line of who) {
    t.match(read({ fields: [line] }), { credentialed: true, fields: [line] }, line[0]);
    const named: FieldLine[] = [['connection', line[0]], line];
    t.match(read({ fields: named }), { credentialed: true, fields: [line] }, `${line[0]} named`);
    const dropped = read({ fields: [line], credentials: 'drop' });
    t.match(dropped, { credentialed: false, fields: [] }, `${line[0]} dropped`);
    const posted = read({ method: 'POST', fields: [line], credentials: 'drop' });
    t.match(posted, { credentialed: true, fields: [line] }, 'only of what may be shared');
  }
  t.match(read({ fields: [['user-agent', 'x']] }), { credentialed: false });
  t.end();
});

t.test('readRequest() drops what a client may not say', (t) => {
  const fields: FieldLine[] = [
    ['x-forwarded-host', 'evil'],
    ['x_forwarded_for', '1.2.3.4'],
    ['x-http-method-override', 'DELETE'],
    ['x-original-url', '/admin'],
    ['x-yours', 'stays'],
  ];
  t.match(read({ fields }), { fields: [['x-yours', 'stays']] });
  t.end();
});

t.test('readRequest() keeps hosts apart when told to', (t) => {
  t.match(read({ host: true }), { key: '//example.org/v/1.m4s' });
  t.match(read({ host: true }), { upstreamTarget: '/v/1.m4s' });
  t.end();
});

t.test('readRequest() knows what cannot wait', (t) => {
  const rows = [
    ['/v/1.m4s', 0],
    ['/v/live.m3u8', 0],
    ['/v/manifest.mpd', 0],
    ['/v/enc.key', 0],
    ['/v/init.mp4', 1],
    ['/poster.jpg', 1],
    ['/', 1],
  ] as const;
  for (const [path, lane] of rows) t.match(read({ path }), { lane }, path);
  t.end();
});

t.test('readRequest() takes a range of a GET alone', (t) => {
  t.match(read({ method: 'HEAD', fields: [['range', 'bytes=0-1']] }), { range: '' });
  t.end();
});

t.test('readRequest() refuses what nobody should have sent', (t) => {
  const rows: readonly (readonly [Wire, string, string])[] = [
    [{ path: '/a/%00' }, 'GW_BAD_TARGET', 'a NUL'],
    [{ path: '/../etc' }, 'GW_BAD_TARGET', 'above the root'],
    [{ path: `/${'a'.repeat(limits.url)}` }, 'GW_URL_TOO_LONG', 'a long target'],
    [
      {
        method: 'POST',
        fields: [
          ['content-length', '1'],
          ['content-length', '2'],
        ],
      },
      'GW_BAD_FRAMING',
      'two lengths',
    ],
    [{ fields: [['transfer-encoding', 'xchunked']] }, 'GW_BAD_FRAMING', 'another coding'],
    [{ fields: [['x', 'y'.repeat(limits.header)]] }, 'GW_HEADERS_TOO_LARGE', 'large fields'],
    [{ method: 'G{T' }, 'GW_BAD_REQUEST', 'a method that is no token'],
    [{ hostIs: 'a b' }, 'GW_BAD_REQUEST', 'a Host that is none'],
    [{ hostIs: '' }, 'GW_BAD_REQUEST', 'an empty Host'],
    [{ fields: [['x', 'a\ufffdb']] }, 'GW_BAD_REQUEST', 'bytes that are lost'],
  ];
  for (const [wire, error, why] of rows) t.match(read(wire), { error }, why);
  t.end();
});
