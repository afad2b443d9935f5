import t from 'tap';
import type { HttpRequest } from '../../native/uws.js';
import {
  type ClientRequest,
  readRequest,
  type RequestFault,
} from '../../src/edge/client-request.js';
import type { FieldLine } from '../../src/http/fields.js';
import { testConfig } from '../support/shard.js';

const { key, limits } = testConfig({});

interface Wire {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly fields?: readonly FieldLine[];
  readonly host?: boolean;
  readonly hostIs?: string;
}

function read({
  method = 'GET',
  path = '/v/1.m4s',
  query,
  fields = [],
  host = false,
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
    key: '/v/1.m4s?a=1&b=2',
    stream: '/v/',
    range: 'bytes=0-1',
    plain: false,
    lane: 0,
    directives: { noCache: true },
  });
  const request = read({ fields });
  if ('error' in request) throw new Error(request.error);
  t.same(
    request.fields.map(([name]) => name),
    ['host', 'range', 'cache-control'],
    'hop-by-hop fields stay here',
  );
  t.equal(request.rawFields.length, 5);
  t.end();
});

t.test('readRequest() sends the query upstream, except what is only for us', (t) => {
  const request = read({ query: 'token=t&CMCD=x&a=1' });
  t.match('upstreamTarget' in request && request.upstreamTarget, /token=t/);
  t.notMatch('upstreamTarget' in request && request.upstreamTarget, /CMCD/);
  t.match(read({}), { upstreamTarget: '/v/1.m4s', key: '/v/1.m4s', plain: true });
  t.end();
});

t.test('readRequest() keeps hosts apart when told to', (t) => {
  t.match(read({ host: true }), { key: '//example.org/v/1.m4s', stream: '//example.org/v/' });
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
  for (const [wire, error, why] of rows) t.same(read(wire), { error }, why);
  t.end();
});
