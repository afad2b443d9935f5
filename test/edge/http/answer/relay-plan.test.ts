import t from 'tap';
import { ownedCopy } from '../../../../src/runtime/bytes.js';
import { planRelay, Slicer, sliceFields } from '../../../../src/edge/http/answer/relay-plan.js';
import type { FieldLines } from '../../../../src/http/fields.js';

const context = { nowMs: 0, maxRanges: 16 };
const WHOLE: FieldLines = [
  ['etag', '"a"'],
  ['content-length', '100'],
];
const PART: FieldLines = [
  ['etag', '"a"'],
  ['content-length', '10'],
  ['content-range', 'bytes 20-29/100'],
];

function asking(range: string, fields: FieldLines = [], method = 'GET') {
  return { method, range, fields };
}

t.test('planRelay() decides for what passes by as for what is stored', (t) => {
  const rows = [
    [asking(''), 200, WHOLE, { kind: 'as-is' }, 'nothing special'],
    [asking('bytes=20-29'), 200, WHOLE, { kind: 'slice', range: [20, 29], total: 100 }, 'range'],
    [asking('bytes=-10'), 200, WHOLE, { kind: 'slice', range: [90, 99] }, 'suffix'],
    [asking('bytes=0-1,9-9'), 200, WHOLE, { kind: 'as-is' }, 'several: the whole'],
    [asking('bytes=100-'), 200, WHOLE, { kind: 'bare', status: 416 }, 'past the end'],
    [asking('bytes=0-1'), 200, [['etag', '"a"']], { kind: 'as-is' }, 'no length'],
    [asking('bytes=0-1', [['if-range', '"b"']]), 200, WHOLE, { kind: 'as-is' }, 'stale If-Range'],
    [asking('', [['if-match', '"b"']]), 200, WHOLE, { kind: 'bare', status: 412 }, 'If-Match'],
    [asking('', [['if-none-match', '"a"']]), 200, WHOLE, { kind: 'bare', status: 304 }, '304'],
    [asking('', [['if-none-match', '"a"']], 'HEAD'), 200, WHOLE, { kind: 'bare' }, 'HEAD too'],
    [asking('bytes=20-29'), 206, PART, { kind: 'as-is' }, 'the part that was asked for'],
    [
      asking('bytes=20-29', [['if-range', '"b"']]),
      206,
      PART,
      { kind: 'whole-wanted' },
      'a part of another representation must not be spliced',
    ],
    [asking('bytes=20-29', [['if-range', '"a"']]), 206, PART, { kind: 'as-is' }, 'the same one'],
    [asking(''), 206, PART, { kind: 'whole-wanted' }, 'nobody asked for a part'],
    [asking('', [['if-match', '"b"']]), 404, [], { kind: 'as-is' }, 'no representation'],
    [asking('bytes=0-1', [], 'POST'), 200, WHOLE, { kind: 'as-is' }, 'another method'],
  ] as const;
  for (const [request, status, fields, want, why] of rows) {
    t.match(planRelay(request, { status, fields }, context), want, why);
  }
  t.end();
});

t.test('Slicer takes a range out of chunks, wherever they are cut', (t) => {
  const bytes = Buffer.from('0123456789abcdef');
  for (let size = 1; size <= bytes.length; size += 1) {
    const slicer = new Slicer([3, 9]);
    const got: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      got.push(ownedCopy(slicer.take(bytes.subarray(at, at + size))));
    }
    t.equal(Buffer.concat(got).toString(), '3456789', `in chunks of ${size}`);
  }
  t.end();
});

t.test('sliceFields() says which part, and nothing about the bytes of the whole', (t) => {
  const fields = sliceFields([...WHOLE, ['content-digest', 'sha-256=:x:']], [20, 29], 100);
  t.same(fields, [...WHOLE, ['content-range', 'bytes 20-29/100']]);
  t.end();
});
