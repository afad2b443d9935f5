import t from 'tap';
import type { FieldLine, FieldLines } from '../../../src/http/fields.js';
import type { OriginResponse } from '../../../src/origin/origin.js';
import type { Fill } from '../../../src/shard/intake/fill.js';
import { type Span, spanOf } from '../../../src/shard/intake/span.js';

/** Of an answer to a request for `range`. */
function span(status: number, headers: FieldLines, range = ''): Span | undefined {
  return spanOf({ range } as Fill, { status, headers } as OriginResponse);
}

function long(bytes: number | string): FieldLine {
  return ['content-length', String(bytes)];
}

function told(range: string): FieldLine {
  return ['content-range', range];
}

t.test('spanOf() takes any answer but a 206 for the whole', (t) => {
  const rows: [status: number, headers: FieldLines, length: number, why: string][] = [
    [200, [long(10)], 10, 'its length is told'],
    [200, [long(0)], 0, 'it is empty'],
    [200, [], -1, 'its length is not told'],
    [200, [long('ten')], -1, 'its length cannot be read'],
    [200, [long(10), told('bytes 2-4/5')], 10, 'Content-Range means nothing in a 200'],
    [404, [long(9)], 9, 'an error has a body, too'],
    [204, [long(9)], 0, 'a 204 has none, whatever it says'],
    [304, [long(9)], 0, 'nor has a 304'],
    [204, [], 0, 'nor need it say so'],
  ];
  for (const [status, headers, length, why] of rows) {
    const want = { first: 0, length, total: length };
    t.same(span(status, headers), want, why);
    t.same(span(status, headers, 'bytes=2-4'), want, `${why}, also where a part was asked for`);
  }
  t.end();
});

t.test('spanOf() reads where a part lies', (t) => {
  const rows: [headers: FieldLines, want: Span, why: string][] = [
    [[told('bytes 2-4/9')], { first: 2, length: 3, total: 9 }, 'without a length'],
    [[told('bytes 2-4/9'), long(3)], { first: 2, length: 3, total: 9 }, 'with its length'],
    [[told('bytes 2-4/9'), long('x')], { first: 2, length: 3, total: 9 }, 'no readable length'],
    [[told('bytes 0-0/1'), long(1)], { first: 0, length: 1, total: 1 }, 'all there is'],
    [[told('bytes 8-8/9')], { first: 8, length: 1, total: 9 }, 'the last byte'],
  ];
  for (const [headers, want, why] of rows) t.same(span(206, headers, 'bytes=2-4'), want, why);
  t.end();
});

t.test('spanOf() knows no place for a part that it cannot trust', (t) => {
  const rows: [headers: FieldLines, why: string][] = [
    [[long(3)], 'it does not say where it lies'],
    [[told('bytes 2-4/*')], 'nobody knows of how much'],
    [[told('bytes */9')], 'this is what a 416 says'],
    [[told('bytes 4-2/9')], 'it ends before it begins'],
    [[told('bytes 2-9/9')], 'it ends behind the last byte'],
    [[told('items 2-4/9')], 'these are not bytes'],
    [[told('bytes 2-4/9'), told('bytes 5-6/9')], 'it says two places'],
    [[told('bytes 2-4/9'), long(2)], 'it is a byte short of what it says'],
    [[told('bytes 2-4/9'), long(4)], 'it is a byte longer'],
    [[told('bytes 2-4/9'), long(0)], 'it is empty'],
  ];
  for (const [headers, why] of rows) t.equal(span(206, headers, 'bytes=2-4'), undefined, why);
  t.equal(span(206, [told('bytes 0-8/9'), long(9)]), undefined, 'nobody asked for a part');
  t.end();
});
