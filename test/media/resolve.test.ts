import t from 'tap';
import fc from 'fast-check';
import { resolveUri } from '../../src/media/resolve.js';

t.test('resolveUri() gives the path a player would ask for', (t) => {
  const rows = [
    ['/live/a/list.m3u8', 's1.m4s', '/live/a/s1.m4s', 'relative'],
    ['/live/a/list.m3u8?x=1', 's1.m4s?t=2', '/live/a/s1.m4s?t=2', 'own query only'],
    ['/live/a/list.m3u8', '../b/s1.m4s', '/live/b/s1.m4s', 'one up'],
    ['/live/a/list.m3u8', './s1.m4s', '/live/a/s1.m4s', 'dot'],
    ['/live/a/list.m3u8', '/vod/s1.m4s', '/vod/s1.m4s', 'absolute path'],
    ['/live/a/list.m3u8', '/vod/../s1.m4s', '/s1.m4s', 'dots in an absolute path'],
    ['/a.m3u8', '../../../etc/x', '/etc/x', 'stops at the root, RFC 3986 5.2.4'],
    ['/a/b.m3u8', 'c/..', '/a/', 'ends in a folder'],
    ['/a/b.m3u8', 's.m4s#t=1', '/a/s.m4s', 'fragment dropped'],
    ['/a/b.m3u8', '?v=2', '/a/b.m3u8?v=2', 'query alone'],
    ['/a/b.m3u8?v=1', '', '/a/b.m3u8?v=1', 'empty reference is the base'],
    ['/a/b.m3u8', 'x..y/.z', '/a/x..y/.z', 'dots inside names are names'],
    ['/a/b.m3u8', 'https://other.example/s.m4s', undefined, 'another origin'],
    ['/a/b.m3u8', '//other.example/s.m4s', undefined, 'another authority'],
    ['/a/b.m3u8', '/.//other.example/s', undefined, 'an authority after the dots are gone'],
    ['/a/b.m3u8', 'data:text/plain,x', undefined, 'no path at all'],
    ['/a/b.m3u8', 'skd://key', undefined, 'a key system'],
    ['/a/b.m3u8', 'a\\b', undefined, 'browsers turn it into a slash'],
    ['/a/b.m3u8', 'a\u0000b', undefined, 'control character'],
    ['/a/b.m3u8', 'a\nb', undefined, 'line break'],
    ['/a/b.m3u8', 'a'.repeat(9_000), undefined, 'too long'],
    ['a/b.m3u8', 's.m4s', undefined, 'base is no path'],
  ] as const;
  for (const [base, uri, want, why] of rows) t.equal(resolveUri(base, uri), want, why);
  t.end();
});

t.test('resolveUri() agrees with the URL standard on what stays on the origin', (t) => {
  const piece = fc.constantFrom('..', '.', 'a', 'b.m4s', '', '%2e', 'c?d=1', '#e', ':', '@');
  const reference = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('/'));
  fc.assert(
    fc.property(reference, (uri) => {
      const ours = resolveUri('/live/a/list.m3u8', uri);
      if (ours === undefined || /%2e/i.test(uri)) return true; // URL decodes %2e, RFC 3986 does not
      const theirs = new URL(uri, 'http://h/live/a/list.m3u8');
      return theirs.host === 'h' && theirs.pathname + theirs.search === ours.replace(/\?$/, '');
    }),
  );
  t.end();
});

t.test('resolveUri() gives an absolute path or nothing for any text', (t) => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 60 }), (base, uri) => {
      const path = resolveUri(`/${base}`, uri);
      return path === undefined || (path.startsWith('/') && !path.startsWith('//'));
    }),
    { examples: [['/', '']] },
  );
  t.end();
});
