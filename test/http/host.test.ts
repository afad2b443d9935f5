import t from 'tap';
import { parseHost } from '../../src/http/host.js';

t.test('parseHost() gives one normal form for what is one host', (t) => {
  const rows = [
    ['example.com', 'example.com', 'as it is'],
    ['Example.COM', 'example.com', 'case does not count'],
    ['example.com:80', 'example.com', 'the default port'],
    ['example.com:0080', 'example.com', 'zeros in front of it'],
    ['example.com:', 'example.com', 'an empty port is none (RFC 3986 section 3.2.3)'],
    ['example.com:8080', 'example.com:8080', 'another port'],
    ['example.com:443', 'example.com:443', 'the default port of another scheme'],
    ['example.com.', 'example.com.', 'the root: origins may tell it apart'],
    ['my_host~1', 'my_host~1', 'all unreserved characters'],
    ['127.0.0.1:8080', '127.0.0.1:8080', 'IPv4'],
    ['[::1]', '[::1]', 'IPv6'],
    ['[::1]:80', '[::1]', 'IPv6 with the default port'],
    ['[::1]:81', '[::1]:81', 'IPv6 with a port'],
    ['[2001:DB8:0:0:0:0:0:1]', '[2001:db8::1]', 'IPv6 as RFC 5952 writes it'],
    ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', 'IPv4 in IPv6'],
  ] as const;
  for (const [value, want, why] of rows) t.equal(parseHost(value, 80), want, `${value}: ${why}`);
  t.equal(parseHost('a:443', 443), 'a', 'the default port of https');
  t.equal(parseHost('a:80', 443), 'a:80', 'which that of http is not');
  t.end();
});

t.test('parseHost() refuses what is no host', (t) => {
  const rows = [
    ['', 'nothing'],
    [' ', 'a blank'],
    ['a b', 'a blank inside'],
    ['a\tb', 'a tab'],
    ['a, b', 'a list'],
    ['a,b', 'a list without blanks'],
    ['user@a', 'a user'],
    ['user:secret@a', 'a user and a password'],
    ['a/b', 'a path'],
    ['a/', 'a slash'],
    ['/a', 'a slash in front'],
    ['a\\b', 'a backslash'],
    ['a?b', 'a query'],
    ['a#b', 'a fragment'],
    ['a;b', 'a sub-delimiter'],
    ["a'b", 'a quote'],
    ['a%2fb', 'an escaped slash'],
    ['a%62', 'an escaped letter'],
    ['a\0b', 'NUL'],
    ['a\x7f', 'DEL'],
    ['\xe9', 'a byte above ASCII'],
    ['é.example', 'a letter above ASCII'],
    ['http://a', 'a scheme'],
    ['.a', 'an empty label in front'],
    ['.', 'an empty label alone'],
    ['a..b', 'an empty label'],
    [':80', 'a port alone'],
    ['a:b', 'letters for a port'],
    ['a:-1', 'a sign'],
    ['a:80:80', 'two ports'],
    ['a:0', 'port 0'],
    ['a:65536', 'a port beyond the last'],
    ['a:99999999999', 'a port beyond numbers'],
    ['a: 80', 'a blank before the port'],
    ['::1', 'IPv6 without brackets'],
    ['[::1', 'a bracket that does not close'],
    ['[::1]x', 'something behind the bracket'],
    ['[::1]:x', 'letters for the port of a literal'],
    ['[]', 'an empty literal'],
    ['[a]', 'a name in brackets'],
    ['[fe80::1%25eth0]', 'a zone'],
    ['[fe80::1%eth0]', 'a raw zone'],
    ['[v1.a]', 'an address of the future'],
    ['[127.0.0.1]', 'IPv4 in brackets'],
    ['a\n', 'a line end'],
    ['a'.repeat(254), 'longer than DNS can carry'],
  ] as const;
  for (const [value, why] of rows) t.equal(parseHost(value, 80), undefined, why);
  t.end();
});

t.test('parseHost() gives a form that it reads as itself', (t) => {
  for (const value of ['A.b:81', '[2001:DB8::0:1]:8080', 'x.', 'localhost:80']) {
    const normal = parseHost(value, 80) ?? '';
    t.equal(parseHost(normal, 80), normal, value);
  }
  t.end();
});
