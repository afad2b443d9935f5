import t from 'tap';
import { invalidatedTargets } from '../../src/rules/invalidate.js';
import type { FieldLines } from '../../src/http/fields.js';

function invalidated(method: string, status: number, headers: FieldLines = []): string[] {
  return invalidatedTargets({ method, status, target: '/a/b?c', host: 'tv.example', headers });
}

t.test('invalidatedTargets() is for unsafe methods that did not fail', (t) => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'post']) {
    t.same(invalidated(method, 200), ['/a/b?c'], method);
  }
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE']) t.same(invalidated(method, 200), []);
  t.same(invalidated('POST', 303), ['/a/b?c'], 'a redirection is no error');
  t.same(invalidated('POST', 404), [], 'nothing changed');
  t.same(invalidated('POST', 500), [], 'nothing is known to have changed');
  t.end();
});

t.test('invalidatedTargets() follows Location and Content-Location on the same host', (t) => {
  const rows: [reference: string, want: string | undefined, why: string][] = [
    ['/x?y', '/x?y', 'absolute path'],
    ['x', '/a/x', 'relative path'],
    ['../x', '/x', 'dot segments'],
    ['?z', '/a/b?z', 'query'],
    ['http://tv.example/x', '/x', 'absolute'],
    ['https://tv.example:443/x#f', '/x', 'keys have no scheme; fragments name nothing stored'],
    ['http://TV.example:80/x', '/x', 'host in any case, default port'],
    ['http://tv.example:8080/x', undefined, 'another port'],
    ['http://evil.example/x', undefined, 'another host'],
    ['//evil.example/x', undefined, 'another host'],
    ['javascript:alert(1)', undefined, 'another kind'],
    ['http://[', undefined, 'no URL'],
  ];
  for (const [reference, want, why] of rows) {
    for (const name of ['location', 'content-location']) {
      const targets = invalidated('POST', 201, [[name, reference]]);
      t.same(targets, want === undefined ? ['/a/b?c'] : ['/a/b?c', want], `${reference}: ${why}`);
    }
  }
  t.end();
});

t.test('invalidatedTargets() cannot be led astray by its own target', (t) => {
  const exchange = { method: 'PUT', status: 204, target: '//evil.example/x', host: '' };
  t.same(invalidatedTargets({ ...exchange, headers: [['location', '/y']] }), [
    '//evil.example/x',
    '/y',
  ]);
  t.same(invalidatedTargets({ ...exchange, headers: [['location', 'http://a.example/y']] }), [
    '//evil.example/x',
  ]);
  t.end();
});
