import fc from 'fast-check';
import t from 'tap';
import { addInterval, canCombine, covers, missing } from '../../src/rules/partial.js';
import type { Intervals } from '../../src/rules/partial.js';
import type { FieldLines } from '../../src/http/fields.js';

t.test('addInterval() joins what overlaps or touches', (t) => {
  const stored: Intervals = [
    [0, 5],
    [10, 15],
  ];
  const rows: [start: number, end: number, want: Intervals, why: string][] = [
    [20, 25, [...stored, [20, 25]], 'apart, after'],
    [
      6,
      9,
      [
        [0, 5],
        [6, 9],
        [10, 15],
      ],
      'apart, between',
    ],
    [5, 10, [[0, 15]], 'touches both'],
    [3, 12, [[0, 15]], 'overlaps both'],
    [11, 12, stored, 'inside'],
    [7, 7, stored, 'empty'],
  ];
  for (const [start, end, want, why] of rows) t.same(addInterval(stored, start, end), want, why);
  t.end();
});

t.test('intervals agree with a plain set of bytes', (t) => {
  const pair = fc.tuple(fc.nat(40), fc.nat(40));
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 12 }), pair, (added, [start, end]) => {
      let intervals: Intervals = [];
      const bytes = new Set<number>();
      for (const [from, to] of added) {
        intervals = addInterval(intervals, from, to);
        for (let i = from; i < to; i += 1) bytes.add(i);
      }
      const absent: number[] = [];
      for (let i = start; i < end; i += 1) if (!bytes.has(i)) absent.push(i);
      const gaps = missing(intervals, start, end);
      const listed = gaps.flatMap(([from, to]) =>
        Array.from({ length: to - from }, (_, i) => from + i),
      );
      const sorted = intervals.every(([from], i) => i === 0 || from > (intervals[i - 1]?.[1] ?? 0));
      return (
        sorted &&
        covers(intervals, start, end) === (absent.length === 0) &&
        listed.join() === absent.join()
      );
    }),
  );
  t.end();
});

t.test('canCombine() asks for the same strong validator (RFC 9111 section 3.4)', (t) => {
  const modified = 'Wed, 01 Jan 2020 00:00:00 GMT';
  const later = 'Wed, 01 Jan 2020 00:00:01 GMT';
  const byDate: FieldLines = [
    ['last-modified', modified],
    ['date', later],
  ];
  const rows: [a: FieldLines, b: FieldLines, want: boolean, why: string][] = [
    [[['etag', '"a"']], [['etag', '"a"']], true, 'strong tags'],
    [[['etag', 'W/"a"']], [['etag', 'W/"a"']], false, 'weak tags'],
    [[['etag', '"a"']], [['etag', '"b"']], false, 'other tags'],
    [[['etag', '"a"'], ...byDate], [['etag', '"b"'], ...byDate], false, 'tags before dates'],
    [[], [], false, 'no validator'],
    [byDate, byDate, true, 'a date a second before Date is strong'],
    [
      byDate,
      [
        ['last-modified', modified],
        ['date', modified],
      ],
      false,
      'in the same second, weak',
    ],
    [byDate, [['last-modified', modified]], false, 'without Date, weak'],
    [
      [
        ['etag', '"a"'],
        ['content-range', 'bytes 0-4/10'],
      ],
      [
        ['etag', '"a"'],
        ['content-length', '10'],
      ],
      true,
      'same length',
    ],
    [
      [
        ['etag', '"a"'],
        ['content-range', 'bytes 0-4/10'],
      ],
      [
        ['etag', '"a"'],
        ['content-range', 'bytes 5-9/11'],
      ],
      false,
      'another length',
    ],
    [
      [
        ['etag', '"a"'],
        ['content-range', 'bytes 0-4/*'],
      ],
      [
        ['etag', '"a"'],
        ['content-length', '10'],
      ],
      true,
      'length unknown',
    ],
    [
      [
        ['etag', '"a"'],
        ['content-encoding', 'gzip'],
      ],
      [['etag', '"a"']],
      false,
      'another coding',
    ],
  ];
  for (const [a, b, want, why] of rows) t.equal(canCombine(a, b), want, why);
  t.end();
});
