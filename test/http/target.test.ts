import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import {
  isOutsideKey,
  normalizeTarget,
  type KeyRules,
  type Target,
} from '../../src/http/target.js';

const ALL: KeyRules = { query: 'all', ignore: [], sort: false, sendIgnored: false, maxUrl: 8_192 };
const RULES: KeyRules = { ...ALL, ignore: ['CMCD', 'token', 'utm_*', 'a[b]'], sort: true };

function target(path: string, query?: string, rules: KeyRules = ALL): Target {
  const result = normalizeTarget(path, query, rules);
  if ('error' in result) throw new Error(`${path}?${query ?? ''}: ${result.error}`);
  return result;
}

t.test('normalizeTarget() puts paths in normal form', (t) => {
  const rows: [path: string, normal: string, why: string][] = [
    ['/', '/', 'root'],
    ['/live/one/v_720-1.m4s', '/live/one/v_720-1.m4s', 'clean'],
    ["/a;b=1/@:!$&'()*+,~", "/a;b=1/@:!$&'()*+,~", 'all that a path may have'],
    ['/%41%7a%30%2D%2e%5F%7e', '/Az0-._~', 'unreserved escapes are decoded'],
    ['/a%3ab%e2%82%ac', '/a%3Ab%E2%82%AC', 'others in upper case'],
    ['/a%2541', '/a%2541', 'nothing is decoded twice'],
    ['/a%20b%25', '/a%20b%25', 'blank and percent stay escaped'],
    ['/a%ff', '/a%FF', 'escapes need not be UTF-8'],
    ['/Film[1080p]|x^{y}`"<>.mp4', '/Film%5B1080p%5D%7Cx%5E%7By%7D%60%22%3C%3E.mp4', 'browsers'],
    ['/vid\u00e9o/\u{1f3ac}.m3u8', '/vid%C3%A9o/%F0%9F%8E%AC.m3u8', 'raw UTF-8, as ffmpeg sends'],
    ['/a//b/', '/a//b/', 'empty segments are segments'],
    ['/a/./b', '/a/b', 'dot'],
    ['/a/../b', '/b', 'dot dot'],
    ['/a/b/..', '/a/', 'dot dot at the end'],
    ['/a/b/.', '/a/b/', 'dot at the end'],
    ['/./', '/', 'only a dot'],
    ['/a/..', '/', 'back to the root'],
    ['/a/b/c/./../../g', '/a/g', 'the example of RFC 3986'],
    ['/a//../b', '/a/b', 'dot dot takes an empty segment'],
    ['/a/%2e%2E/b', '/b', 'escaped dots are dots'],
    ['/a/.%2e/b', '/b', 'half escaped'],
    ['/.well-known/x', '/.well-known/x', 'a dot-file is no dot segment'],
    ['/a/...', '/a/...', 'three dots are a name'],
    ['/a/..b/c..', '/a/..b/c..', 'dots in names'],
  ];
  for (const [path, normal, why] of rows) {
    t.equal(target(path).path, normal, why);
    t.equal(target(path).key, normal, `${why}: key`);
  }
  t.end();
});

t.test('normalizeTarget() refuses paths that could mean two things', (t) => {
  const rows: [path: string, why: string][] = [
    ['', 'empty'],
    ['*', 'asterisk form'],
    ['a/b', 'relative'],
    ['http://h/a', 'absolute form'],
    ['/..', 'above the root'],
    ['/a/../../b', 'above the root, later'],
    ['/%2e%2e/etc/passwd', 'above the root, escaped'],
    ['/a/%2E./..', 'above the root, mixed'],
    ['/a b', 'blank'],
    ['/a\tb', 'tab'],
    ['/a\r\nb', 'line break'],
    ['/a\0', 'NUL'],
    ['/a\x7f', 'DEL'],
    ['/a%00', 'escaped NUL'],
    ['/a%0d%0Ab', 'escaped line break'],
    ['/a%1f', 'escaped control'],
    ['/a%7F', 'escaped DEL'],
    ['/a\\b', 'backslash'],
    ['/a%5cb', 'escaped backslash'],
    ['/a%2Fb', 'escaped slash'],
    ['/a%2fb', 'escaped slash, lower case'],
    ['/a?b', 'a question mark belongs to the query'],
    ['/a#b', 'fragment'],
    ['/a%', 'cut escape'],
    ['/a%4', 'cut escape'],
    ['/a%zz', 'no hexadecimal digits'],
    ['/a%%41', 'two percent signs'],
    ['/a\ufffd', 'octets that were no UTF-8'],
    ['/a\ud800b', 'lone surrogate'],
    ['/\u00e9\u0000', 'control behind other text'],
  ];
  for (const [path, why] of rows) {
    t.same(normalizeTarget(path, undefined, ALL), { error: 'GW_BAD_TARGET' }, why);
  }
  t.end();
});

t.test('normalizeTarget() keeps the query as it came, but for CMCD and CMSD', (t) => {
  const rows: [query: string | undefined, sent: string, why: string][] = [
    [undefined, '', 'none'],
    ['', '', 'empty'],
    ['b=2&a=1&b=1', 'b=2&a=1&b=1', 'order kept'],
    ['token=x&a=1', 'token=x&a=1', 'ignored ones stay'],
    ['sig=%2d%aF&x=%zz|"', 'sig=%2d%aF&x=%zz|"', 'not one character changed'],
    ['CMCD=br%3D3200', '', 'CMCD alone'],
    ['a=1&CMCD=br%3D3200&b=2', 'a=1&b=2', 'CMCD between'],
    ['CMCD=1&a&CMSD=2&CMCD', 'a', 'all of them, with or without value'],
    ['%43MCD=1&a=1', 'a=1', 'its name escaped'],
    ['cmcd=1&CMCDx=2&xCMCD=3&a=CMCD', 'cmcd=1&CMCDx=2&xCMCD=3&a=CMCD', 'only that name'],
    ['&&a&', '&&a&', 'empty parameters stay'],
    ['&CMCD&&a', '&&a', 'also around CMCD'],
    ['q=\u00e9', 'q=%C3%A9', 'raw UTF-8 is escaped, or it could not be sent'],
  ];
  for (const [query, sent, why] of rows) {
    t.equal(target('/p', query, RULES).ownQuery, sent, why);
    t.equal(target('/p', query).ownQuery, sent, `${why}: whatever the rules`);
    const open = target('/p', query, { ...RULES, sendIgnored: true });
    t.equal(open.query, sent, `${why}: and to share, where the operator says so`);
  }
  t.end();
});

t.test('normalizeTarget() makes keys of the parameters that count', (t) => {
  const listed: KeyRules = { ...ALL, query: ['a', 'v_*', 'token'], ignore: ['token'] };
  const rows: [query: string, rules: KeyRules, key: string, why: string][] = [
    ['b=2&a=1', ALL, '/p?b=2&a=1', 'all, unsorted'],
    ['b=2&a=1', RULES, '/p?a=1&b=2', 'sorted'],
    ['a=2&b=1&a=1', RULES, '/p?a=2&a=1&b=1', 'equal names keep their order'],
    ['ab=1&a=2&a!=3', RULES, '/p?a=2&a!=3&ab=1', 'sorted by name, not by text'],
    ['a=1&token=x', RULES, '/p?a=1', 'ignored'],
    ['token=x', RULES, '/p', 'nothing left'],
    ['token', RULES, '/p', 'ignored without value'],
    ['to%6Ben=x&a=1', RULES, '/p?a=1', 'ignored, name escaped'],
    ['a%5Bb%5D=1', RULES, '/p', 'names are compared decoded'],
    ['a[b]=1', RULES, '/p', 'and as they are'],
    ['Token=x', RULES, '/p?Token=x', 'case counts'],
    ['tokens=x&atoken=1', RULES, '/p?atoken=1&tokens=x', 'whole names'],
    ['utm_=1&utm_source=x&utm=1', RULES, '/p?utm=1', 'prefix'],
    ['utm%5fsource=x', RULES, '/p', 'prefix, escaped'],
    ['a=token&b=utm_x', RULES, '/p?a=token&b=utm_x', 'values are not names'],
    ['a=b=token', RULES, '/p?a=b=token', 'only the first equals sign ends the name'],
    ['CMCD=x&a=1', ALL, '/p?a=1', 'CMCD never counts'],
    ['a=%41%2d%2f', ALL, '/p?a=A-%2F', 'escapes normalised'],
    ['%61=1', RULES, '/p?a=1', 'in names too'],
    ['a=%2', ALL, '/p?a=%2', 'a broken escape stays'],
    ['a=%%341&b=%61', ALL, '/p?a=%%341&b=a', 'and so does all of its parameter'],
    ['a=+', ALL, '/p?a=+', 'plus is plus'],
    ['_HLS_msn=7&_HLS_part=1', RULES, '/p?_HLS_msn=7&_HLS_part=1', 'playlist directives'],
    ['a=1&b=2', { ...ALL, query: 'none' }, '/p', 'none'],
    ['z=1&v_x=2&a=3&token=4', listed, '/p?v_x=2&a=3', 'a list, in the order they came'],
    ['z=1', listed, '/p', 'none of the list'],
    ['%ff=1&a=1', RULES, '/p?%FF=1&a=1', 'a name that is no UTF-8'],
    ['a=bc', { ...ALL, ignore: ['a=b*'] }, '/p?a=bc', 'a prefix does not reach into the value'],
    ['x', { ...ALL, ignore: ['*'] }, '/p', 'a bare star ignores all'],
    ['utm_x=1;a=2', RULES, '/p?utm_x=1;a=2', 'a server may read another parameter behind it'],
    ['utm_x=1%3Ba=2', RULES, '/p?utm_x=1%3Ba=2', 'and one that decodes first, behind this'],
    ['utm_x%3ba=2', RULES, '/p?utm_x%3Ba=2', 'in the name, too'],
    ['z=1;a=2', listed, '/p?z=1;a=2', 'nor does a list leave it out'],
    ['b=1&a=1;b=2', RULES, '/p?b=1&a=1;b=2', 'nor are they sorted then: the first b may win'],
    ['z=1;a=2', { ...ALL, query: 'none' }, '/p', 'where none counts none is sent'],
    ['CMCD=a;b=2', RULES, '/p', 'what is sent nowhere has no meaning to hide'],
    ['a%5B%5D=2&a[]=1&a=0', RULES, '/p?a=0&a%5B%5D=2&a[]=1', 'sorted by decoded names'],
    ['a[]=1&a%5B%5D=2&a=0', RULES, '/p?a=0&a[]=1&a%5B%5D=2', 'which keep their order'],
  ];
  for (const [query, rules, key, why] of rows) {
    const made = target('/p', query, rules);
    t.equal(made.key, key, why);
    t.equal(made.query === '' ? '/p' : `/p?${made.query}`, key, `${why}: is what is sent`);
  }
  t.end();
});

t.test('normalizeTarget() refuses queries that nobody may send on', (t) => {
  for (const query of ['a b', 'a\tb', 'a\r\nb', 'a\0', 'a#b', 'a\x7f', 'a\ufffd', 'a\udc00']) {
    const result = normalizeTarget('/p', query, ALL);
    t.same(result, { error: 'GW_BAD_TARGET' }, JSON.stringify(query));
  }
  t.end();
});

t.test('normalizeTarget() refuses targets over the limit', (t) => {
  const rules = { ...ALL, maxUrl: 10 };
  const rows: [path: string, query: string | undefined, ok: boolean, why: string][] = [
    ['/234567890', undefined, true, 'exactly'],
    ['/2345678901', undefined, false, 'one more'],
    ['/2345', '7890', true, 'the question mark counts'],
    ['/2345', '78901', false, 'one more in the query'],
    ['/2345678901\0', undefined, false, 'length is judged first'],
  ];
  for (const [path, query, ok, why] of rows) {
    const result = normalizeTarget(path, query, rules);
    t.equal('error' in result ? result.error : true, ok || 'GW_URL_TOO_LONG', why);
  }
  t.end();
});

const pathText = fc
  .array(fc.constantFrom('/', '.', '..', '%2e', '%2E', '%41', '%c3', 'a', '[', 'é', '%25', ';'))
  .map((parts) => `/${parts.join('')}`);
const queryText = fc
  .array(
    fc.constantFrom('a', 'b=', '&', '=', '%41', '%', '%2d', 'CMCD', 'token', '|', 'é', '+', ';'),
  )
  .map((parts) => parts.join(''));
const anyRules = fc.record({
  query: fc.constantFrom<KeyRules['query']>('all', 'none', ['a', 'b']),
  ignore: fc.constantFrom([], ['token'], ['t*']),
  sort: fc.boolean(),
  sendIgnored: fc.boolean(),
  maxUrl: fc.constant(8_192),
});

t.test('normalizeTarget() changes nothing the second time', (t) => {
  let accepted = 0;
  fc.assert(
    fc.property(pathText, queryText, anyRules, (path, query, rules) => {
      const once = normalizeTarget(path, query, rules);
      if ('error' in once) return true;
      accepted += 1;
      const twice = normalizeTarget(once.path, once.ownQuery, rules);
      return isDeepStrictEqual(twice, once);
    }),
    { numRuns: 500 },
  );
  t.ok(accepted > 100, `${accepted} of 500 were accepted`);
  t.end();
});

t.test('normalizeTarget() sends one thing for one key, whatever was asked', (t) => {
  fc.assert(
    fc.property(pathText, queryText, anyRules, (path, query, rules) => {
      const made = normalizeTarget(path, query, { ...rules, sendIgnored: false });
      if ('error' in made) return true;
      return made.key === (made.query === '' ? made.path : `${made.path}?${made.query}`);
    }),
    { numRuns: 500 },
  );
  t.pass('a key says all that the origin hears of the target');
  t.end();
});

t.test('normalizeTarget() gives a key that is its own key', (t) => {
  fc.assert(
    fc.property(pathText, queryText, anyRules, (path, query, rules) => {
      const once = normalizeTarget(path, query, rules);
      if ('error' in once) return true;
      const at = once.key.indexOf('?');
      const [keyPath, keyQuery] =
        at === -1 ? [once.key, undefined] : [once.key.slice(0, at), once.key.slice(at + 1)];
      const again = normalizeTarget(keyPath, keyQuery, rules);
      return 'key' in again && again.key === once.key;
    }),
    { numRuns: 500 },
  );
  t.pass('for any target and rules');
  t.end();
});

t.test('normalizeTarget() never throws, and what it gives is safe to send', (t) => {
  const text = fc.oneof(pathText, queryText, fc.string({ unit: 'binary', maxLength: 12 }));
  const sendable = /^\/[\x21-\x7e]*$/;
  let accepted = 0;
  fc.assert(
    fc.property(text, fc.option(text, { nil: undefined }), (path, query) => {
      const result = normalizeTarget(`/${path}`, query, RULES);
      if ('error' in result) return true;
      accepted += 1;
      const climbs = result.path.split('/').some((segment) => /^\.\.?$/.test(segment));
      return sendable.test(`${result.path}?${result.query}`) && !climbs;
    }),
    { numRuns: 1_000 },
  );
  t.ok(accepted > 100, `${accepted} of 1000 were accepted`);
  t.end();
});

t.test('isOutsideKey() knows most queries that say nothing of the object', (t) => {
  const cmcd = 'CMCD=bl%3D21300%2Ccid%3D%22a-b%22%2Cot%3Dv%2Csid%3D%226e2fb550%22%2Csu';
  const lists: KeyRules = { ...RULES, query: ['a', 'b*'] };
  const rows: [query: string, rules: KeyRules, outside: boolean, why: string][] = [
    [cmcd, ALL, true, 'what players send'],
    [`${cmcd}&utm_source=x&token=1`, RULES, true, 'beside what is ignored'],
    [`%43MCD=1`, ALL, true, 'an escaped name'],
    ['CMSD=1', ALL, true, 'its sibling'],
    [`CMCD=a;x=EVIL`, ALL, true, 'which is dropped whole'],
    [`${cmcd}&a=1`, ALL, false, 'something else'],
    [`utm_a=1;a=2`, RULES, false, 'what may hold something else'],
    [`utm_a=1%3ba=2`, RULES, false, 'escaped'],
    ['x=1', { ...ALL, query: 'none' }, true, 'nothing counts'],
    ['x=1&y', lists, true, 'nothing of the list'],
    ['x=1&bb=2', lists, false, 'one of the list'],
    ['CMCD', ALL, true, 'a name alone'],
    ['CMCDx=1', ALL, false, 'a longer name'],
    ['cmcd=1', ALL, false, 'case counts'],
    ['CMCD=\x7f', ALL, false, 'what is refused'],
    ['CMCD=a&', ALL, false, 'what takes a closer look'],
  ];
  for (const [query, rules, outside, why] of rows)
    t.equal(isOutsideKey(query, rules), outside, why);
  t.end();
});

t.test('isOutsideKey() holds of queries alone that leave no trace in the key', (t) => {
  let outside = 0;
  const text = fc.oneof(queryText, fc.string({ unit: 'binary', maxLength: 12 }));
  fc.assert(
    fc.property(text, anyRules, (query, rules) => {
      if (query === '' || !isOutsideKey(query, rules)) return true;
      outside += 1;
      const made = normalizeTarget('/a', query, rules);
      return 'key' in made && made.key === '/a';
    }),
    { numRuns: 3_000 },
  );
  t.ok(outside > 100, `${outside} of 3000`);
  t.end();
});
