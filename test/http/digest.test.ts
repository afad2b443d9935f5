import t from 'tap';
import { isDigest, withoutContentDigests, withoutDigests } from '../../src/http/digest.js';
import type { FieldLines } from '../../src/http/fields.js';

const FIELDS: FieldLines = [
  ['etag', '"a"'],
  ['content-digest', 'sha-256=:YQ==:'],
  ['repr-digest', 'sha-256=:Yg==:'],
  ['content-md5', 'YQ=='],
  ['content-digest', 'sha-512=:YQ==:'],
  ['want-repr-digest', 'sha-256=1'],
  ['digest', 'sha-256=Yg=='],
  ['etag', '"b"'],
];

t.test('isDigest() knows the digests, not the wishes for one', (t) => {
  const rows = [
    ['content-digest', true],
    ['content-md5', true],
    ['repr-digest', true],
    ['digest', true],
    ['want-content-digest', false],
    ['want-repr-digest', false],
    ['want-digest', false],
    ['etag', false],
    ['', false],
  ] as const;
  for (const [name, want] of rows) t.equal(isDigest(name), want, name);
  t.end();
});

t.test('a part of a representation keeps the digests of the whole', (t) => {
  t.same(withoutContentDigests(FIELDS), [
    ['etag', '"a"'],
    ['repr-digest', 'sha-256=:Yg==:'],
    ['want-repr-digest', 'sha-256=1'],
    ['digest', 'sha-256=Yg=='],
    ['etag', '"b"'],
  ]);
  t.same(withoutContentDigests([]), []);
  t.end();
});

t.test('another representation keeps no digest', (t) => {
  t.same(withoutDigests(FIELDS), [
    ['etag', '"a"'],
    ['want-repr-digest', 'sha-256=1'],
    ['etag', '"b"'],
  ]);
  t.same(withoutDigests([['digest', 'sha-256=Yg==']]), []);
  t.equal(FIELDS.length, 8, 'those given stay as they are');
  t.end();
});
