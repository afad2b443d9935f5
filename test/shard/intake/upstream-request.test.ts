import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import { sliceKeys } from '../../../src/protocol/slices.js';
import { type FillShape, upstreamRequest } from '../../../src/shard/intake/upstream-request.js';
import { askFor } from '../../support/shard.js';

/** The fields of what a fill sends for a request with these. */
function sent(
  headers: FieldLines,
  { key = '/v/1.m4s', ...more }: Partial<FillShape> & { key?: string } = {},
): FieldLines {
  const shape = { range: '', storedFields: undefined, ifRange: '', scheme: 'http' } as const;
  const request = askFor(key, { headers });
  return upstreamRequest({ ...shape, request, ...more }, undefined).headers;
}

function valuesOf(lines: FieldLines, name: string): string[] {
  return lines.flatMap((line) => (line[0] === name ? [line[1]] : []));
}

t.test('a fill is a GET of the target, whatever its key', (t) => {
  const request = askFor('//tv.example/a?x=1', { target: '/a?x=1&y=2' });
  const shape = { request, range: '', storedFields: undefined, ifRange: '' } as const;
  const plain = upstreamRequest({ ...shape, scheme: 'https' }, undefined);
  t.strictSame(plain, {
    method: 'GET',
    target: '/a?x=1&y=2',
    headers: [
      ['accept-encoding', 'identity'],
      ['x-forwarded-proto', 'https'],
    ],
  });
  const onInformational = (): void => undefined;
  const told = upstreamRequest({ ...shape, scheme: 'http' }, onInformational);
  t.equal(told.onInformational, onInformational);
  t.end();
});

t.test('what is between the client and us, or about a body, stays here', (t) => {
  const ours = [
    ...['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since'],
    ...['if-unmodified-since', 'expect', 'content-type', 'content-length', 'content-encoding'],
    ...['content-language', 'upgrade-insecure-requests', 'cmcd-object', 'cmcd-request'],
    ...['cmcd-session', 'cmcd-status'],
  ];
  for (const name of ours) t.same(valuesOf(sent([[name, 'x']]), name), [], name);
  for (const name of ['cookie', 'cache-control', 'accept-language', 'content-kind']) {
    t.same(valuesOf(sent([[name, 'x']]), name), ['x'], `${name} goes on`);
  }
  t.end();
});

t.test('the conditions and the range are those of the fill', (t) => {
  const theirs: FieldLines = [
    ['if-none-match', '"theirs"'],
    ['range', 'bytes=5-'],
  ];
  const storedFields: FieldLines = [
    ['etag', '"ours"'],
    ['last-modified', 'Sat, 01 Jan 2000 00:00:00 GMT'],
  ];
  const checking = sent(theirs, { storedFields });
  t.same(valuesOf(checking, 'if-none-match'), ['"ours"']);
  t.same(valuesOf(checking, 'if-modified-since'), ['Sat, 01 Jan 2000 00:00:00 GMT']);
  t.same(valuesOf(checking, 'range'), []);
  const part = sent(theirs, { range: 'bytes=0-9', ifRange: '"part"' });
  t.same(valuesOf(part, 'range'), ['bytes=0-9']);
  t.same(valuesOf(part, 'if-range'), ['"part"']);
  t.same(valuesOf(part, 'if-none-match'), []);
  t.end();
});

t.test('the origin hears the Host that is keyed, and no address', (t) => {
  const lines = sent([['host', 'tv.example']], { scheme: 'https' });
  t.same(valuesOf(lines, 'x-forwarded-host'), ['tv.example']);
  t.same(valuesOf(lines, 'x-forwarded-proto'), ['https']);
  t.same(valuesOf(lines, 'x-forwarded-for'), []);
  t.end();
});

t.test('text is asked for in the coding of its bucket, media as it is', (t) => {
  const rows = [
    ['/v/1.m4s', 'gzip', 'identity', 'a segment'],
    [sliceKeys('/v/1.m4s', '"v1"', 1_000)(3), 'gzip', 'identity', 'a slice of one'],
    ['/v/init.mp4', 'gzip', 'identity', 'an init segment'],
    ['/v/enc.key', 'gzip', 'identity', 'a key'],
    ['/poster.jpg', 'gzip', 'identity', 'an image'],
    ['/logo.svg', 'gzip', 'gzip', 'an image that is text'],
    ['/v/live.m3u8', 'br;q=0.5, deflate, gzip', 'br, gzip', 'a playlist'],
    ['/v/live.m3u8', 'gzip;q=0', 'identity', 'a coding that is refused'],
    ['/v/live.m3u8?x=/1.m4s', 'br', 'br', 'a query is no name'],
    ['/api/list', 'gzip', 'gzip', 'what nobody knows'],
    ['/api/list', undefined, 'identity', 'no wish'],
  ] as const;
  for (const [key, wish, want, why] of rows) {
    const headers: FieldLines = wish === undefined ? [] : [['accept-encoding', wish]];
    t.same(valuesOf(sent(headers, { key }), 'accept-encoding'), [want], why);
  }
  t.end();
});
