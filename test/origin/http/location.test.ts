import t from 'tap';
import { withOwnReferences } from '../../../src/origin/http/location.js';

const ROWS: readonly [base: string, host: string, given: string, want: string][] = [
  // The origin's own name, with and without a base path.
  ['http://o:8000/', '', 'http://o:8000/v/', '/v/'],
  ['http://o:8000/', '', 'http://o:8000', '/'],
  ['http://o:8000/', '', 'http://o:8000?a=1', '/?a=1'],
  ['http://o:8000/', '', 'HTTP://O:8000/v?a=/x#f', '/v?a=/x#f'],
  ['http://o/', '', 'http://o:80/v', '/v'],
  ['http://o/base/', '', 'http://o/base/v', '/v'],
  ['http://o/base', '', 'http://o/base', '/'],
  ['http://o/base', '', 'http://o/base?a=1', '/?a=1'],
  ['http://o/base', '', '/base/v', '/v'],
  ['http://o/base', '', '/base#f', '/#f'],
  // Not ours to change.
  ['http://o/', '', '/v', '/v'],
  ['http://o/base', '', '/v', '/v'],
  ['http://o/base', '', '/basement', '/basement'],
  ['http://o/base', '', 'http://o/basement', 'http://o/basement'],
  ['http://o/base', '', 'http://o/v', 'http://o/v'],
  ['http://o/base', '', 'v', 'v'],
  ['http://o/base', '', '../v', '../v'],
  ['http://o/base', '', '?a=1', '?a=1'],
  ['http://o/base', '', '', ''],
  ['http://o/', '', 'http://o:81/v', 'http://o:81/v'],
  ['http://o/', '', 'https://o/v', 'https://o/v'],
  ['http://o/', '', 'http://other/v', 'http://other/v'],
  ['http://o/', '', 'http://o.evil/v', 'http://o.evil/v'],
  ['http://o/', '', 'http://o@evil/v', 'http://o@evil/v'],
  ['http://o/', '', 'ftp://o/v', 'ftp://o/v'],
  ['http://o/', '', 'http://[/v', 'http://[/v'],
  // Never a reference to another host.
  ['http://o/', '', '//evil/v', '//evil/v'],
  ['http://o/', '', 'http://o//evil/v', 'http://o//evil/v'],
  ['http://o/base', '', '/base//evil/v', '/base//evil/v'],
  ['http://o/base', '', 'http://o/base//evil/v', 'http://o/base//evil/v'],
  // With preserveHost the origin speaks in the client's name.
  ['http://o/base', 'tv.example', 'http://tv.example/base/v', 'http://tv.example/v'],
  ['http://o/', 'tv.example', 'https://TV.example/v', 'https://TV.example/v'],
  ['http://o/base', 'tv.example', 'https://tv.example/v', 'https://tv.example/v'],
  ['http://o/base', 'tv.example', 'http://o/base/v', '/v'],
];

t.test('references to the origin become references to us, and no others change', (t) => {
  for (const [base, host, given, want] of ROWS) {
    const url = new URL(base);
    const place = { url, basePath: url.pathname.replace(/\/+$/, ''), host };
    for (const name of ['location', 'content-location']) {
      t.same(
        withOwnReferences([[name, given]], place),
        [[name, want]],
        `${name}: ${given} from ${base} as ${host}`,
      );
    }
  }
  t.end();
});

t.test('other fields stay, in order, and answers without references are not copied', (t) => {
  const place = { url: new URL('http://o/'), basePath: '', host: '' };
  const plain = [
    ['link', '<http://o/x>'],
    ['etag', '"a"'],
  ] as const;
  t.equal(withOwnReferences(plain, place), plain);
  t.same(withOwnReferences([plain[0], ['location', 'http://o/y'], plain[1]], place), [
    plain[0],
    ['location', '/y'],
    plain[1],
  ]);
  t.end();
});
