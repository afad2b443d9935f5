import t from 'tap';
import {
  conditionalFields,
  headVerdict,
  matches304,
  updateStored,
  withDate,
} from '../../src/rules/validate.js';
import type { FieldLines } from '../../src/http/fields.js';

const MODIFIED = 'Wed, 01 Jan 2020 00:00:00 GMT';
const LATER = 'Thu, 02 Jan 2020 00:00:00 GMT';

t.test('conditionalFields() sends back every validator that is well-formed', (t) => {
  const rows: [stored: FieldLines, want: FieldLines, why: string][] = [
    [[], [], 'nothing to validate with'],
    [[['etag', '"a"']], [['if-none-match', '"a"']], 'strong'],
    [[['etag', 'W/"a"']], [['if-none-match', 'W/"a"']], 'weak'],
    [[['last-modified', MODIFIED]], [['if-modified-since', MODIFIED]], 'date'],
    [
      [
        ['etag', '"a"'],
        ['last-modified', MODIFIED],
      ],
      [
        ['if-none-match', '"a"'],
        ['if-modified-since', MODIFIED],
      ],
      'both: RFC 9111 section 4.3.1',
    ],
    [[['etag', 'a']], [], 'unquoted is no entity tag'],
    [[['etag', '*']], [], 'a star would match anything'],
    [
      [
        ['etag', '"a"'],
        ['etag', '"b"'],
      ],
      [],
      'two tags name nothing',
    ],
    [[['last-modified', 'yesterday']], [], 'no date'],
  ];
  for (const [stored, want, why] of rows) t.same(conditionalFields(stored), want, why);
  t.end();
});

t.test('matches304() tells whether a 304 is about the stored response', (t) => {
  const rows: [stored: FieldLines, from304: FieldLines, want: boolean, why: string][] = [
    [[['etag', '"a"']], [['etag', '"a"']], true, 'same strong tag'],
    [[['etag', '"a"']], [['etag', '"b"']], false, 'another strong tag: MUST NOT update'],
    [[['etag', 'W/"a"']], [['etag', 'W/"a"']], true, 'same weak tag'],
    [[['etag', '"a"']], [['etag', 'W/"a"']], true, 'weak ones correspond'],
    [[['etag', 'W/"a"']], [['etag', '"a"']], false, 'a strong one needs a strong one'],
    [[['etag', '"a"']], [], true, 'origins leave validators out'],
    [[['last-modified', MODIFIED]], [], true, 'of either kind'],
    [[['last-modified', MODIFIED]], [['last-modified', MODIFIED]], true, 'same date'],
    [[['last-modified', MODIFIED]], [['last-modified', LATER]], false, 'another date'],
    [[['last-modified', MODIFIED]], [['etag', '"a"']], false, 'nothing in common'],
  ];
  for (const [stored, from304, want, why] of rows) t.equal(matches304(stored, from304), want, why);
  t.end();
});

t.test('updateStored() replaces what the 304 gives and keeps the rest', (t) => {
  const stored: FieldLines = [
    ['content-type', 'text/plain'],
    ['content-length', '5'],
    ['content-encoding', 'gzip'],
    ['cache-control', 'max-age=1'],
    ['x-kept', 'old'],
    ['repr-digest', 'of what we keep'],
    ['link', 'one'],
    ['link', 'two'],
    ['age', '100'],
    ['date', MODIFIED],
  ];
  const updated = updateStored(stored, [
    ['content-type', 'text/vtt'],
    ['content-length', '0'],
    ['content-encoding', 'br'],
    ['content-range', 'bytes 0-1/2'],
    ['content-md5', 'x'],
    ['content-digest', 'of no bytes'],
    ['repr-digest', 'of what a weak tag may stand for as well'],
    ['digest', 'x'],
    ['cache-control', 'max-age=9'],
    ['set-cookie', 'of=one'],
    ['link', 'three'],
    ['connection', 'x-hop'],
    ['x-hop', '1'],
    ['keep-alive', 'timeout=5'],
    ['date', LATER],
  ]);
  t.same(updated, [
    ['content-length', '5'],
    ['content-encoding', 'gzip'],
    ['x-kept', 'old'],
    ['repr-digest', 'of what we keep'],
    ['content-type', 'text/vtt'],
    ['cache-control', 'max-age=9'],
    ['link', 'three'],
    ['date', LATER],
  ]);
  t.same(
    updateStored(
      [
        ['date', MODIFIED],
        ['age', '9'],
      ],
      [],
    ),
    [],
    'the old exchange is over',
  );
  t.end();
});

t.test('headVerdict() compares what RFC 9111 section 4.3.5 names', (t) => {
  const stored: FieldLines = [
    ['content-length', '5'],
    ['etag', '"a"'],
  ];
  t.equal(headVerdict(stored, [['etag', '"a"']]), 'updates');
  t.equal(headVerdict(stored, []), 'updates', 'nothing to the contrary');
  t.equal(headVerdict(stored, [['etag', '"b"']]), 'outdates');
  t.equal(headVerdict(stored, [['content-length', '6']]), 'outdates');
  t.equal(headVerdict(stored, [['last-modified', MODIFIED]]), 'outdates', 'the stored has none');
  t.end();
});

t.test('withDate() adds the time of receipt where a valid Date is missing', (t) => {
  const received = Date.UTC(2020, 0, 2);
  t.same(withDate([], received), [['date', LATER]]);
  t.same(withDate([['date', 'foo']], received), [['date', LATER]]);
  const dated: FieldLines = [['date', MODIFIED]];
  t.equal(withDate(dated, received), dated, 'the same lines when there is nothing to do');
  t.end();
});
