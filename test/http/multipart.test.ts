import fc from 'fast-check';
import t from 'tap';
import { byterangesBody } from '../../src/http/multipart.js';
import type { ByteRange } from '../../src/http/range.js';

const decoder = new TextDecoder();

t.test('byterangesBody() frames each part as RFC 9110 section 14.6 shows', (t) => {
  const body = byterangesBody(
    [
      [0, 1],
      [7, 9],
    ],
    10,
    'video/mp4',
    'B0',
  );
  const heads = body.partHeads.map((head) => decoder.decode(head));
  const whole = `${heads[0] ?? ''}ab${heads[1] ?? ''}hij${decoder.decode(body.tail)}`;
  t.equal(
    whole,
    [
      '--B0',
      'Content-Type: video/mp4',
      'Content-Range: bytes 0-1/10',
      '',
      'ab',
      '--B0',
      'Content-Type: video/mp4',
      'Content-Range: bytes 7-9/10',
      '',
      'hij',
      '--B0--',
      '',
    ].join('\r\n'),
  );
  t.equal(body.length, whole.length);
  t.end();
});

t.test('byterangesBody() leaves out a content type that is not known', (t) => {
  const [head] = byterangesBody([[0, 0]], 1, undefined, 'B').partHeads;
  t.equal(decoder.decode(head), '--B\r\nContent-Range: bytes 0-0/1\r\n\r\n');
  t.end();
});

t.test('byterangesBody() announces the length of what is sent', (t) => {
  const range = fc.tuple(fc.nat(1_000), fc.nat(1_000)).map(([a, b]): ByteRange => [a, a + b]);
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 8 }), (ranges) => {
      const body = byterangesBody(ranges, 2_001, 'text/vtt; charset=é', 'x'.repeat(70));
      const heads = body.partHeads.reduce((sum, head) => sum + head.length, 0);
      const bytes = ranges.reduce((sum, [start, end]) => sum + end - start + 1, 0);
      return body.length === heads + bytes + body.tail.length;
    }),
  );
  t.pass('heads, ranges and tail');
  t.end();
});
