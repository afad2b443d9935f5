import t from 'tap';
import { normalizePrefix } from '../../src/http/purge-prefix.js';
import { normalizeReference, type KeyRules } from '../../src/http/target.js';

const RULES: KeyRules = {
  query: 'all',
  ignore: ['utm_*'],
  sort: true,
  sendIgnored: false,
  maxUrl: 64,
};

t.test('normalizePrefix() is the beginning of the keys that viewers make', (t) => {
  const rows = [
    ['/café/', '/café/x', '/caf%C3%A9/', 'beyond ASCII'],
    ['/%7eu/', '/~u/x', '/~u/', 'an escape of what needs none'],
    ['/x[1]/', '/x[1]/y', '/x%5B1%5D/', 'brackets'],
    ['/%c3%a9', '/é/x', '/%C3%A9', 'escapes in lower case'],
    ['/a/./b/../c', '/a/cd', '/a/c', 'dot segments that are whole'],
    ['/a/.', '/a/.hidden', '/a/.', 'a dot that may begin a name'],
    ['/a/..', '/a/..b', '/a/..', 'two of them: never the folder above'],
    ['/a/%2e%2E', '/a/..b', '/a/..', 'the same, escaped'],
    ['/a//', '/a//b', '/a//', 'an empty segment'],
    ['/a%c', '/a%C3%A9', '/a%C', 'an escape cut in its middle'],
    ['/a%', '/a%20b', '/a%', 'cut at its beginning'],
    ['/', '/x', '/', 'everything'],
    ['/a?v=%7e', '/a?v=~1', '/a?v=~', 'a query'],
    ['/a?', '/a?b', '/a?', 'any query'],
    ['/a/..?b', '/?bc', '/?b', 'a path that a query ends is whole'],
    ['/a?b=1&c=%4', '/a?b=1&c=J', '/a?b=1&c=%4', 'cut in a query'],
    ['/a?b=é', '/a?b=éa', '/a?b=%C3%A9', 'a query beyond ASCII'],
  ] as const;
  for (const [prefix, asked, want, why] of rows) {
    t.equal(normalizePrefix(prefix, RULES), want, why);
    const target = normalizeReference(asked, RULES);
    if (want.endsWith('%4')) continue; // of other letters than this one
    t.ok('key' in target && target.key.startsWith(want), `${why}: of ${asked}`);
  }
  t.end();
});

t.test('normalizePrefix() says why no key begins so', (t) => {
  const rows = [
    ['/%00', 'GW_BAD_TARGET', 'a NUL'],
    ['/a%2fb', 'GW_BAD_TARGET', 'a slash that is none'],
    ['/a%zz/', 'GW_BAD_TARGET', 'no escape'],
    ['/a%z', 'GW_BAD_TARGET', 'nor the beginning of one'],
    ['/a\\b', 'GW_BAD_TARGET', 'a backslash'],
    ['/../a', 'GW_BAD_TARGET', 'above the root'],
    ['/a b', 'GW_BAD_TARGET', 'a blank, which no request has'],
    ['/a#b', 'GW_BAD_TARGET', 'a fragment'],
    ['/a?b\u0000', 'GW_BAD_TARGET', 'a NUL in the query'],
    ['a', 'GW_BAD_TARGET', 'no path'],
    [`/${'a'.repeat(64)}`, 'GW_URL_TOO_LONG', 'more than a target may have'],
    [`/?${'a'.repeat(63)}`, 'GW_URL_TOO_LONG', 'its query included'],
  ] as const;
  for (const [prefix, error, why] of rows) t.match(normalizePrefix(prefix, RULES), { error }, why);
  t.type(normalizePrefix(`/${'a'.repeat(63)}`, RULES), 'string', 'as long as one may be');
  t.end();
});
