import t from 'tap';
import {
  givesRanges,
  judgeSlice,
  objectKey,
  sliceAt,
  sliceKeys,
  sliceRange,
  slicesAbove,
  strongValidator,
  validatorOf,
} from '../../src/protocol/slices.js';
import type { FieldLines } from '../../src/http/fields.js';
import { describedAs } from '../support/descriptor.js';

const MODIFIED = 'Mon, 01 Jun 2026 10:00:00 GMT';
const SECOND_LATER = 'Mon, 01 Jun 2026 10:00:01 GMT';
const HEAD = describedAs({
  etag: '"v1"',
  totalBytes: 2_500,
  storedBytes: 2_500,
  sliceBytes: 1_000,
});

t.test('slicesAbove is eight slices, or what may not be kept whole', (t) => {
  t.equal(slicesAbove(1_000, 100_000), 8_000);
  t.equal(slicesAbove(1_000, 3_000), 3_000);
  t.equal(slicesAbove(0, 3_000), Infinity);
  t.end();
});

t.test('strongValidator is a strong tag, or a date that is strong', (t) => {
  const rows: [FieldLines, string][] = [
    [[['etag', '"a"']], '"a"'],
    [[['etag', 'W/"a"']], ''],
    [
      [
        ['etag', 'W/"a"'],
        ['last-modified', MODIFIED],
        ['date', SECOND_LATER],
      ],
      '',
    ],
    [
      [
        ['last-modified', MODIFIED],
        ['date', SECOND_LATER],
      ],
      MODIFIED,
    ],
    [
      [
        ['last-modified', MODIFIED],
        ['date', MODIFIED],
      ],
      '',
    ],
    [[['last-modified', MODIFIED]], ''],
    [[], ''],
  ];
  for (const [fields, want] of rows) t.equal(strongValidator(fields), want, JSON.stringify(fields));
  t.end();
});

t.test('validatorOf a head is what its fields had', (t) => {
  const fields: FieldLines = [['last-modified', MODIFIED]];
  const lastModifiedMs = Date.parse(MODIFIED);
  t.equal(validatorOf(HEAD), '"v1"');
  t.equal(validatorOf(describedAs({ etag: 'W/"v1"' })), '');
  const dated = { fields, lastModifiedMs, dateMs: lastModifiedMs + 1_000 };
  t.equal(validatorOf(describedAs(dated)), MODIFIED);
  t.equal(validatorOf(describedAs({ ...dated, dateMs: lastModifiedMs })), '');
  t.equal(validatorOf(describedAs({})), '');
  t.end();
});

t.test('givesRanges asks for the word of the origin, or for the deed', (t) => {
  t.ok(givesRanges(206, []));
  t.ok(givesRanges(200, [['accept-ranges', 'bytes']]));
  t.notOk(givesRanges(200, [['accept-ranges', 'none']]));
  t.notOk(givesRanges(200, []));
  t.end();
});

t.test('a slice has a key of its own, by object, version and number', (t) => {
  const keyOf = sliceKeys('/film.mp4?a=1', '"v1"', 1_000);
  t.equal(objectKey(keyOf(3)), '/film.mp4?a=1');
  t.equal(objectKey('/film.mp4'), '/film.mp4');
  const others = [
    sliceKeys('/film.mp4', '"v1"', 1_000)(3),
    sliceKeys('/film.mp4?a=1', '"v2"', 1_000)(3),
    sliceKeys('/film.mp4?a=1', '"v1"', 1_001)(3), // it has grown under its tag
    keyOf(4),
  ];
  t.notOk(others.includes(keyOf(3)));
  t.equal(new Set(others).size, others.length);
  t.end();
});

t.test('sliceAt knows where a slice lies; the last is shorter', (t) => {
  t.same(sliceAt(HEAD, 0), { validator: '"v1"', first: 0, last: 999, total: 2_500 });
  t.equal(sliceRange(sliceAt(HEAD, 2)), 'bytes=2000-2499');
  t.end();
});

t.test('judgeSlice takes what was asked for, of the version it was asked of', (t) => {
  const slice = sliceAt(HEAD, 1);
  const etag = ['etag', '"v1"'] as const;
  const part = ['content-range', 'bytes 1000-1999/2500'] as const;
  const rows: [number, FieldLines, string][] = [
    [206, [etag, part], 'fits'],
    [206, [['etag', '"v2"'], part], 'changed'],
    [206, [['etag', 'W/"v1"'], part], 'changed'],
    [206, [part], 'changed'],
    [206, [etag, ['content-range', 'bytes 1000-1998/2500']], 'changed'],
    [206, [etag, ['content-range', 'bytes 1000-1999/2501']], 'changed'],
    [206, [etag, ['content-range', 'bytes 1000-1999/*']], 'changed'],
    [206, [etag], 'changed'],
    [200, [etag], 'whole'],
    [200, [['etag', '"v2"']], 'changed'],
    [404, [], 'changed'],
    [416, [], 'changed'],
    [403, [], 'failed'],
    [429, [], 'failed'],
    [503, [etag], 'failed'],
  ];
  for (const [status, headers, want] of rows) {
    t.equal(judgeSlice(slice, { status, headers }), want, `${status} ${JSON.stringify(headers)}`);
  }
  const dated = { ...slice, validator: 'Sun, 01 Nov 2026 00:00:00 GMT' };
  const other: FieldLines = [['last-modified', 'Mon, 02 Nov 2026 00:00:00 GMT'], part];
  t.equal(judgeSlice(dated, { status: 206, headers: [part] }), 'fits', 'a 206 need not repeat it');
  t.equal(judgeSlice(dated, { status: 206, headers: other }), 'changed');
  t.equal(judgeSlice(dated, { status: 200, headers: [] }), 'changed', 'a 200 must');
  t.end();
});
