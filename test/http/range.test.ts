import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import {
  formatContentRange,
  parseContentRange,
  parseRange,
  reachOf,
  type ByteRange,
} from '../../src/http/range.js';

t.test('parseRange() clips and orders byte ranges', (t) => {
  const rows: [value: string, length: number, ranges: ByteRange[], why: string][] = [
    ['bytes=0-499', 1_000, [[0, 499]], 'the first 500 bytes'],
    ['bytes=500-', 1_000, [[500, 999]], 'open end'],
    ['bytes=-500', 1_000, [[500, 999]], 'suffix'],
    ['bytes=-5000', 1_000, [[0, 999]], 'suffix longer than the body'],
    ['bytes=0-0', 1_000, [[0, 0]], 'one byte'],
    ['bytes=999-999', 1_000, [[999, 999]], 'the last byte'],
    ['bytes=900-5000', 1_000, [[900, 999]], 'end clipped'],
    ['bytes=0-9007199254740991', 10, [[0, 9]], 'end at 2^53 - 1, as hls.js asks for a hinted part'],
    [`bytes=1-${'9'.repeat(400)}`, 10, [[1, 9]], 'a number beyond any double'],
    ['BYTES=1-2', 10, [[1, 2]], 'case of the unit does not count'],
    ['bytes=000-001', 10, [[0, 1]], 'leading zeros'],
    [
      'bytes= 0-1 ,\t, 4-5, ',
      10,
      [
        [0, 1],
        [4, 5],
      ],
      'blanks and empty members',
    ],
    [
      'bytes=4-5,0-1',
      10,
      [
        [4, 5],
        [0, 1],
      ],
      'order of the request',
    ],
    ['bytes=0-1,20-30', 10, [[0, 1]], 'what is beyond the end is left out'],
    ['bytes=0-1,-0', 10, [[0, 1]], 'an empty suffix is left out'],
    ['bytes=0-5,3-8', 10, [[0, 8]], 'overlap'],
    ['bytes=0-4,5-8', 10, [[0, 8]], 'touching'],
    ['bytes=5-8,0-4', 10, [[0, 8]], 'touching from below'],
    [
      'bytes=0-1,6-7,3-4,1-3',
      10,
      [
        [0, 4],
        [6, 7],
      ],
      'bridges over one that stays apart',
    ],
    [
      'bytes=0-3,5-8',
      10,
      [
        [0, 3],
        [5, 8],
      ],
      'one byte apart',
    ],
    [
      'bytes=8-9,0-1,1-4',
      10,
      [
        [8, 9],
        [0, 4],
      ],
      'merged in the place of the first',
    ],
    ['bytes=0-1,4-5,8-9,1-8', 10, [[0, 9]], 'one that bridges all'],
    [
      'bytes=6-7,0-1,3-4,1-3',
      10,
      [
        [6, 7],
        [0, 4],
      ],
      'bridges two, others keep their place',
    ],
  ];
  for (const [value, length, ranges, why] of rows) {
    t.same(parseRange(value, length, 5), { kind: 'ranges', ranges }, why);
  }
  t.end();
});

t.test('parseRange() finds nothing to satisfy', (t) => {
  const rows: [value: string, length: number, why: string][] = [
    ['bytes=1000-', 1_000, 'starts at the end'],
    ['bytes=1000-1001,5000-', 1_000, 'all beyond the end'],
    ['bytes=-0', 1_000, 'suffix of nothing'],
    ['bytes=0-', 0, 'an empty body has no first byte'],
    ['bytes=-0', 0, 'suffix of nothing of nothing'],
    [`bytes=${'9'.repeat(30)}-`, 1_000, 'absurd start'],
  ];
  for (const [value, length, why] of rows) {
    t.same(parseRange(value, length, 5), { kind: 'unsatisfiable' }, why);
  }
  t.end();
});

t.test('parseRange() ignores what it cannot or will not read', (t) => {
  const rows: [value: string, why: string][] = [
    ['', 'empty'],
    ['bytes', 'unit only'],
    ['bytes=', 'no member'],
    ['bytes= , ,', 'only empty members'],
    ['items=0-1', 'another unit'],
    ['byteſ=0-1', 'a letter that folds to s'],
    ['bytes =0-1', 'blank before the equals sign'],
    ['bytes=-', 'neither end'],
    ['bytes=5-4', 'ends before it starts'],
    ['bytes=0-1,5-4', 'one bad member spoils the set'],
    ['bytes=5-4,0-1', 'also as the first'],
    ['bytes=2000-1999', 'bad though beyond the end'],
    ['bytes=0 -1', 'blank inside'],
    ['bytes=0- 1', 'blank inside'],
    ['bytes=0-1 2', 'two numbers'],
    ['bytes=0-1;2-3', 'wrong separator'],
    ['bytes=0x0-0x5', 'hexadecimal'],
    ['bytes=+0-1', 'sign'],
    ['bytes=1.0-2', 'fraction'],
    ['bytes=--1', 'two dashes'],
    ['bytes=0-1-2', 'three numbers'],
    ['bytes=0-1\0', 'NUL'],
    ['bytes=a-b', 'letters'],
    ['bytes=5', 'no dash'],
    ['bytes=٠-١', 'digits of another script'],
    ['bytes=0-0,2-2,4-4,6-6,8-8,10-10', 'more than five members'],
    ['bytes=2000-,2001-,2002-,2003-,2004-,2005-', 'unsatisfiable ones count too'],
  ];
  for (const [value, why] of rows) t.same(parseRange(value, 1_000, 5), { kind: 'ignore' }, why);
  t.same(parseRange('bytes=-5', 0, 5), { kind: 'ignore' }, 'suffix of an empty body: all of it');
  t.same(parseRange('bytes=0-1', 10, 0), { kind: 'ignore' }, 'ranges switched off');
  t.end();
});

t.test('parseRange() covers exactly the bytes that were asked for', (t) => {
  const bound = fc.option(fc.nat(40), { nil: undefined });
  const member = fc.tuple(bound, bound).filter(([a, b]) => {
    if (a === undefined) return b !== undefined;
    return b === undefined || a <= b;
  });
  const sets = fc.array(member, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(sets, fc.integer({ min: 1, max: 30 }), (members, length) => {
      const value = `bytes=${members.map(([a, b]) => `${a ?? ''}-${b ?? ''}`).join(', ')}`;
      const result = parseRange(value, length, 6);
      const asked = new Set(members.flatMap(([a, b]) => bytesOf(a, b, length)));
      if (asked.size === 0) return result.kind === 'unsatisfiable';
      if (result.kind !== 'ranges') return false;
      const given = result.ranges.flatMap(([start, end]) => bytesOf(start, end, length));
      return given.length === asked.size && given.every((byte) => asked.has(byte));
    }),
    { numRuns: 1_000 },
  );
  t.pass('no byte twice, none too many, none missing');
  t.end();
});

t.test('parseRange() never throws and never leaves the body', (t) => {
  const text = fc.stringMatching(/^[0-9, -]{0,40}$/);
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), fc.nat(1_000), (set, length) => {
      const result = parseRange(`bytes=${set}`, length, 8);
      if (result.kind !== 'ranges') return true;
      return result.ranges.every(([start, end]) => start >= 0 && start <= end && end < length);
    }),
    { numRuns: 1_000 },
  );
  t.pass('for any text');
  t.end();
});

t.test('parseContentRange() reads complete, open and unsatisfied forms', (t) => {
  const rows: [value: string, want: ReturnType<typeof parseContentRange>, why: string][] = [
    ['bytes 0-9/100', { start: 0, end: 9, total: 100 }, 'complete'],
    ['Bytes 0-9/*', { start: 0, end: 9, total: undefined }, 'length unknown'],
    ['bytes */100', { unsatisfied: true, total: 100 }, 'of a 416'],
    ['bytes 99-99/100', { start: 99, end: 99, total: 100 }, 'the last byte'],
    ['bytes */*', undefined, 'says nothing'],
    ['bytes 9-8/100', undefined, 'ends before it starts'],
    ['bytes 0-100/100', undefined, 'ends behind the end'],
    ['bytes=0-9/100', undefined, 'the form of Range'],
    ['bytes 0-9', undefined, 'no length'],
    ['bytes  0-9/100', undefined, 'two blanks'],
    ['items 0-9/100', undefined, 'another unit'],
    ['bytes -9/100', undefined, 'no start'],
    ['bytes 0-9/100, bytes 0-9/100', undefined, 'two values'],
    ['bytes 0-9/9007199254740993', undefined, 'a length we cannot count'],
    ['bytes 9007199254740992-9007199254740993/*', undefined, 'positions we cannot count'],
    ['', undefined, 'empty'],
  ];
  for (const [value, want, why] of rows) t.same(parseContentRange(value), want, why);
  t.end();
});

t.test('formatContentRange() writes what parseContentRange() reads', (t) => {
  t.equal(formatContentRange([0, 9], 100), 'bytes 0-9/100');
  t.equal(formatContentRange(undefined, 100), 'bytes */100');
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), (start, more, rest) => {
      const end = start + more;
      const total = end + 1 + rest;
      const read = parseContentRange(formatContentRange([start, end], total));
      return isDeepStrictEqual(read, { start, end, total });
    }),
  );
  t.end();
});

/** Positions inside the body that one range-spec of RFC 9110 section 14.1.2 names. */
function bytesOf(first: number | undefined, last: number | undefined, length: number): number[] {
  const all = Array.from({ length }, (_, i) => i);
  if (first === undefined) return all.slice(Math.max(0, length - (last ?? 0)));
  return all.filter((i) => i >= first && i <= (last ?? Infinity));
}

t.test('reachOf() spans all members, and knows nothing of suffixes', (t) => {
  t.same(reachOf('bytes=5-'), { start: 5, end: 5 });
  t.same(reachOf('bytes=5-9'), { start: 5, end: 9 });
  t.same(reachOf('Bytes = 20-30 , 7-,9-12'), { start: 7, end: 30 });
  for (const other of ['', 'bytes=', 'bytes=-5', 'bytes=1-2,-5', 'lines=1-2', 'bytes=a-b']) {
    t.equal(reachOf(other), undefined, other);
  }
  t.end();
});
