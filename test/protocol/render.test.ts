import t from 'tap';
import {
  fieldsOf,
  publishedFields,
  renderFields,
  renderHit,
  renderLines,
  servedStatus,
} from '../../src/protocol/render.js';
import { describedAs } from '../support/descriptor.js';

const OBJECT = describedAs({
  fields: [
    ['content-type', 'video/mp4'],
    ['etag', '"v1"'],
  ],
});
const BROTLI = { coding: 'br', slot: 5, generation: 1, extents: [], bytes: 30 } as const;

t.test(
  'renderLines() adds what lets players of other sites read, unless the origin has a rule',
  (t) => {
    const ours = renderLines([['x-a', '1']]);
    t.match(ours, /^\r\nx-a: 1\r\n/);
    t.match(ours, '\r\nAccess-Control-Allow-Origin: *\r\n');
    t.match(ours, /Access-Control-Expose-Headers: .*Cache-Status/);
    const theirs = renderLines([['access-control-allow-origin', 'https://example.org']]);
    t.equal(theirs, '\r\naccess-control-allow-origin: https://example.org');
    t.end();
  },
);

t.test('renderFields() says that ranges may be asked for, of the object itself only', (t) => {
  t.match(renderFields(OBJECT, undefined), '\r\nAccept-Ranges: bytes');
  const rows = [
    ['a coding', renderFields({ ...OBJECT, encodings: [BROTLI] }, BROTLI)],
    ['of unknown length', renderFields({ ...OBJECT, totalBytes: -1 }, undefined)],
    ['not a success', renderFields({ ...OBJECT, status: 404 }, undefined)],
  ] as const;
  for (const [why, lines] of rows) t.notMatch(lines, /\r\nAccept-Ranges: /, why);
  t.end();
});

t.test('fieldsOf() makes the tag of a coding weak, and tells that there are codings', (t) => {
  const coded = describedAs({ ...OBJECT, codable: true, encodings: [BROTLI] });
  t.same(fieldsOf(coded, BROTLI), [
    ['content-type', 'video/mp4'],
    ['etag', 'W/"v1"'],
    ['vary', 'Accept-Encoding'],
  ]);
  t.same(fieldsOf(coded, undefined)[1], ['etag', '"v1"'], 'the object keeps its own');
  t.same(fieldsOf(OBJECT, undefined), OBJECT.fields);
  const weak = describedAs({ fields: [['etag', 'W/"v1"']], codable: true });
  t.same(fieldsOf(weak, BROTLI)[0], ['etag', 'W/"v1"'], 'weak already');
  const varied = describedAs({ fields: [['vary', 'accept-encoding, x']], codable: true });
  t.same(fieldsOf(varied, undefined), [['vary', 'accept-encoding, x']], 'not twice');
  const kin = describedAs({ fields: [['vary', 'x-accept-encoding']], codable: true });
  t.same(fieldsOf(kin, undefined)[1], ['vary', 'Accept-Encoding'], 'another name');
  const yet = describedAs({ ...OBJECT, codable: true });
  t.same(fieldsOf(yet, undefined)[2], ['vary', 'Accept-Encoding'], 'before there is any');
  const digested = describedAs({
    fields: [
      ['content-digest', 'x'],
      ['repr-digest', 'x'],
      ['etag', '"v1"'],
    ],
    codable: true,
  });
  t.same(fieldsOf(digested, BROTLI)[0], ['etag', 'W/"v1"'], 'digests are of other bytes');
  t.end();
});

t.test('publishedFields() is the value of one field with the others behind it', (t) => {
  t.match(publishedFields(OBJECT), /^bytes\r\ncontent-type: video\/mp4\r\netag: "v1"\r\n/);
  t.end();
});

t.test('renderHit() and servedStatus() put our member behind those of nearer caches', (t) => {
  const block = { name: 'edge', ttlS: 9, ageS: 1, fields: '\r\nx-a: 1' };
  const text = (upstreamStatus: string): string =>
    Buffer.from(renderHit({ ...block, upstreamStatus })).toString('latin1');
  t.equal(text(''), 'edge; hit; ttl=9\r\nAge: 1\r\nx-a: 1');
  t.equal(text('mid; hit'), 'mid; hit, edge; hit; ttl=9\r\nAge: 1\r\nx-a: 1');
  const served = { hit: false, fwd: 'uri-miss', fwdStatus: 200, stored: true } as const;
  t.equal(
    servedStatus('edge', served, { upstreamStatus: 'mid; fwd=stale', ttlS: undefined }),
    'mid; fwd=stale, edge; fwd=uri-miss; fwd-status=200; stored',
  );
  t.equal(
    servedStatus('edge', { hit: true }, { upstreamStatus: '', ttlS: -1 }),
    'edge; hit; ttl=-1',
  );
  t.end();
});
