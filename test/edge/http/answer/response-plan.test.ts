import t from 'tap';
import type { Descriptor } from '../../../../src/protocol/descriptor.js';
import { NO_DIRECTIVES } from '../../../../src/rules/reuse.js';
import type { ClientRequest } from '../../../../src/edge/http/request/client-request.js';
import {
  planResponse,
  Plans,
  type ResponsePlan,
} from '../../../../src/edge/http/answer/response-plan.js';
import { fieldValue, type FieldLine } from '../../../../src/http/fields.js';
import { describedAs } from '../../../support/descriptor.js';

const MODIFIED = Date.UTC(2026, 0, 1);
const OBJECT = describedAs({
  etag: '"v1"',
  lastModifiedMs: MODIFIED,
  dateMs: MODIFIED + 86_400_000,
  contentType: 'video/mp4',
  fields: [
    ['content-type', 'video/mp4'],
    ['etag', '"v1"'],
    ['last-modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
    ['cache-control', 'max-age=60'],
    ['content-language', 'en'],
  ],
});
const PART = describedAs({ ...OBJECT, status: 206, firstByte: 40, storedBytes: 20 });

const BROTLI = { coding: 'br', slot: 5, generation: 1, extents: [], bytes: 30 } as const;
const CONTEXT = { nowMs: MODIFIED, maxRanges: 4, boundary: () => 'cut' };

function requestOf(fields: readonly FieldLine[], method = 'GET'): ClientRequest {
  return {
    method,
    rawFields: fields,
    fields,
    host: 'example.org',
    path: OBJECT.key,
    key: OBJECT.key,
    upstreamTarget: OBJECT.key,
    directives: NO_DIRECTIVES,
    range: method === 'GET' ? (fieldValue(fields, 'range') ?? '') : '',
    credentialed: false,
    plain: method === 'GET' && fields.length === 0,
    lane: 0,
    ending: 'none',
  };
}

function plan(
  descriptor: Descriptor,
  fields: readonly FieldLine[] = [],
  method = 'GET',
): ResponsePlan | undefined {
  return planResponse(requestOf(fields, method), descriptor, CONTEXT);
}

t.test('planResponse() sends the whole, or says how long it would have been', (t) => {
  t.match(plan(OBJECT), {
    status: 200,
    total: 100,
    pieces: [{ from: 0, length: 100 }],
    bodyless: false,
  });
  t.match(plan(OBJECT, [], 'HEAD'), { status: 200, total: 100, bodyless: true });
  t.match(plan(describedAs({ storedBytes: 0, totalBytes: 0 })), {
    total: 0,
    pieces: [],
    bodyless: true,
  });
  t.match(plan(describedAs({ storedBytes: -1, totalBytes: -1 })), {
    total: -1,
    pieces: [],
    bodyless: false,
  });
  t.match(plan(OBJECT)?.lines, /\r\nAccept-Ranges: bytes/);
  t.end();
});

t.test('Plans makes one plan for all plain requests of an object, and none for others', (t) => {
  const plans = new Plans();
  const range: FieldLine = ['range', 'bytes=0-9'];
  const first = plans.of(requestOf([]), OBJECT, CONTEXT);
  t.equal(first?.status, 200);
  t.equal(plans.of(requestOf([]), OBJECT, CONTEXT), first, 'the very same');
  t.equal(plans.of(requestOf([range]), OBJECT, CONTEXT)?.status, 206);
  t.equal(plans.of(requestOf([], 'HEAD'), OBJECT, CONTEXT)?.bodyless, true);
  const coded = describedAs({ ...OBJECT, codable: true, encodings: [BROTLI] });
  const br: FieldLine = ['accept-encoding', 'br'];
  t.equal(plans.of({ ...requestOf([br]), plain: true }, coded, CONTEXT)?.encoded, BROTLI);
  t.equal(plans.of(requestOf([]), coded, CONTEXT)?.encoded, undefined);
  t.equal(plans.of(requestOf([]), PART, CONTEXT), undefined, 'a part is not the whole');
  t.end();
});

t.test('planResponse() decides conditions before ranges', (t) => {
  const rows = [
    [[['if-none-match', '"v1"']], 304, 'the client has it'],
    [[['if-none-match', 'W/"v1"']], 304, 'weak comparison'],
    [[['if-none-match', '"v0", "v1"']], 304, 'one of several'],
    [[['if-none-match', '"v0"']], 200, 'it has another'],
    [[['if-modified-since', 'Thu, 01 Jan 2026 00:00:00 GMT']], 304, 'not since'],
    [
      [
        ['if-none-match', '"v0"'],
        ['if-modified-since', 'Thu, 01 Jan 2026 00:00:00 GMT'],
      ],
      200,
      'the tag rules out the date',
    ],
    [[['if-match', '"v0"']], 412, 'it wants another'],
    [[['if-unmodified-since', 'Wed, 31 Dec 2025 00:00:00 GMT']], 412, 'modified since'],
    [
      [
        ['if-none-match', '"v1"'],
        ['range', 'bytes=0-9'],
      ],
      304,
      'no range of what the client has',
    ],
    [
      [
        ['if-match', '"v1"'],
        ['range', 'bytes=0-9'],
      ],
      206,
      'the range of the one it means',
    ],
  ] as const;
  for (const [fields, status, why] of rows) t.equal(plan(OBJECT, fields)?.status, status, why);
  t.equal(plan(describedAs({ ...OBJECT, status: 404 }), [['if-none-match', '"v1"']])?.status, 404);
  t.end();
});

t.test('planResponse() gives a 304 what a cache needs to renew its own', (t) => {
  const lines = plan(OBJECT, [['if-none-match', '"v1"']])?.lines ?? '';
  t.match(lines, /\r\netag: "v1"/);
  t.match(lines, /\r\ncache-control: max-age=60/);
  t.notMatch(lines, /content-type|content-language/);
  t.end();
});

t.test('planResponse() cuts ranges out of the whole', (t) => {
  const cuts = [
    ['bytes=0-9', 0, 9, 'the first'],
    ['bytes=90-', 90, 99, 'the last'],
    ['bytes=-10', 90, 99, 'a suffix'],
    ['bytes=90-1000', 90, 99, 'clipped'],
  ] as const;
  for (const [range, first, last, why] of cuts) {
    const planned = plan(OBJECT, [['range', range]]);
    const total = last - first + 1;
    t.match(planned, { status: 206, total, pieces: [{ from: first, length: total }] }, why);
    t.match(planned?.lines, `\r\nContent-Range: bytes ${first}-${last}/100`, why);
  }
  const behind = plan(OBJECT, [['range', 'bytes=100-']]);
  t.match(behind, { status: 416, lines: '\r\nContent-Range: bytes */100' }, 'behind the end');
  const ignored = [
    ['bytes=9-0', 'malformed'],
    ['lines=0-9', 'another unit'],
    ['bytes=0-0,2-2,4-4,6-6,8-8', 'too many'],
  ] as const;
  for (const [range, why] of ignored) t.equal(plan(OBJECT, [['range', range]])?.status, 200, why);
  t.equal(plan(OBJECT, [['range', 'bytes=0-9']], 'HEAD')?.status, 200, 'a range is for GET');
  const growing = describedAs({ ...OBJECT, storedBytes: -1, totalBytes: -1 });
  t.equal(plan(growing, [['range', 'bytes=0-9']])?.status, 200, 'nobody knows the length');
  t.end();
});

t.test('planResponse() heeds If-Range', (t) => {
  const rows = [
    ['"v1"', 206, 'the same'],
    ['"v0"', 200, 'another'],
    ['W/"v1"', 200, 'a weak tag is not enough'],
    ['Thu, 01 Jan 2026 00:00:00 GMT', 206, 'a date, a day older than Date'],
    ['Fri, 02 Jan 2026 00:00:00 GMT', 200, 'another date'],
  ] as const;
  for (const [value, status, why] of rows) {
    const fields: FieldLine[] = [
      ['range', 'bytes=0-9'],
      ['if-range', value],
    ];
    t.equal(plan(OBJECT, fields)?.status, status, why);
  }
  t.end();
});

t.test('planResponse() builds multipart/byteranges whose length is right', (t) => {
  const planned = plan(OBJECT, [['range', 'bytes=0-9,50-59']]);
  t.match(planned, { status: 206, bodyless: false });
  t.match(planned?.lines, '\r\nContent-Type: multipart/byteranges; boundary=cut');
  t.notMatch(planned?.lines, /content-type: video/);
  const lengths = planned?.pieces.map((piece) => ('bytes' in piece ? piece.bytes : piece).length);
  t.equal(
    lengths?.reduce((sum, length) => sum + length, 0),
    planned?.total,
  );
  t.same(
    planned?.pieces.filter((piece) => 'from' in piece),
    [
      { from: 0, length: 10 },
      { from: 50, length: 10 },
    ],
  );
  t.end();
});

t.test('planResponse() serves from a part what lies in it, and nothing else', (t) => {
  const planned = plan(PART, [['range', 'bytes=45-49']]);
  t.match(planned, { status: 206, pieces: [{ from: 5, length: 5 }], total: 5 });
  t.match(planned?.lines, '\r\nContent-Range: bytes 45-49/100');
  for (const range of ['bytes=39-49', 'bytes=45-60', 'bytes=0-9', 'bytes=-10', 'lines=1-2']) {
    t.equal(plan(PART, [['range', range]]), undefined, range);
  }
  t.equal(plan(PART), undefined, 'no range');
  t.equal(plan(PART, [], 'HEAD'), undefined);
  t.equal(plan(PART, [['range', 'bytes=100-']])?.status, 416, 'the length is known');
  t.end();
});

t.test('planResponse() picks the coding that the client likes best', (t) => {
  const encodings = (['br', 'gzip'] as const).map((coding, i) => {
    return { coding, slot: 5 + i, generation: 1, extents: [], bytes: 30 + i };
  });
  const object = describedAs({ ...OBJECT, codable: true, encodings });
  const rows = [
    ['br, gzip', 'br', 'both'],
    ['gzip', 'gzip', 'one'],
    ['gzip;q=1, br;q=0.5', 'gzip', 'by weight'],
    ['br;q=0, *', 'gzip', 'not that one'],
  ] as const;
  for (const [accept, coding, why] of rows) {
    const planned = plan(object, [['accept-encoding', accept]]);
    const { encoded, total, lines } = planned ?? {};
    t.equal(encoded?.coding, coding, why);
    t.equal(total, encoded?.bytes, why);
    t.match(lines, `\r\ncontent-encoding: ${coding}`, why);
    t.match(lines, '\r\netag: W/"v1"', 'other bytes, so a weak tag');
    t.match(lines, /vary: Accept-Encoding/i, why);
  }
  const own = plan(object, [['accept-encoding', 'identity']]);
  t.match(own, { encoded: undefined, total: 100 });
  t.notMatch(own?.lines, /content-encoding/);
  t.match(own?.lines, '\r\netag: "v1"');
  t.match(own?.lines, /vary: Accept-Encoding/i, 'it might have been another');
  const same = plan(object, [
    ['accept-encoding', 'br'],
    ['if-none-match', 'W/"v1"'],
  ]);
  t.equal(same?.status, 304);
  t.match(same?.lines, '\r\netag: W/"v1"', 'the tag that the 200 would have had');
  t.match(same?.lines, /vary: Accept-Encoding/i);
  t.end();
});

t.test('digests stay where they are of what is sent (RFC 9530)', (t) => {
  const digests = ['content-digest', 'content-md5', 'repr-digest', 'digest'] as const;
  const fields: FieldLine[] = [...OBJECT.fields, ...digests.map((name) => [name, 'x'] as const)];
  const digested = describedAs({ ...OBJECT, fields });
  const coded = describedAs({ ...digested, codable: true, encodings: [BROTLI] });
  const [all, ofRepresentation] = [digests, ['repr-digest', 'digest']];
  const rows = [
    [digested, [], all, 'the very message'],
    [coded, [['accept-encoding', 'identity']], all, 'the identity form'],
    [coded, [['accept-encoding', 'br']], [], 'other bytes, another representation'],
    [digested, [['range', 'bytes=0-9']], ofRepresentation, 'less content, the same whole'],
    [digested, [['range', 'bytes=0-1,5-6']], ofRepresentation, 'and so with several parts'],
    [{ ...digested, status: 206, firstByte: 40, storedBytes: 20 }, [['range', 'bytes=45-49']], ofRepresentation, 'a part of a part'], // prettier-ignore
    [digested, [['if-none-match', '"v1"']], [], 'no content'],
    [digested, [['range', 'bytes=999-']], [], 'content of ours'],
    [digested, [['if-match', '"v2"']], [], 'none'],
  ] as const;
  for (const [descriptor, asked, want, why] of rows) {
    const { lines = '' } = plan(descriptor, asked) ?? {};
    t.same(
      digests.filter((name) => lines.includes(`\r\n${name}: x`)),
      want,
      why,
    );
  }
  t.end();
});

t.test('planResponse() answers a condition with the tag of the form that the client has', (t) => {
  const made = describedAs({ ...OBJECT, codable: true, encodings: [BROTLI] });
  const unmade = describedAs({ ...OBJECT, codable: true });
  const rows = [
    [made, 'br', '"v1"', '"v1"', 'identity, though a coding is at hand'],
    [made, '', 'W/"v1"', 'W/"v1"', 'a coding, though identity is asked for'],
    [unmade, 'br', 'W/"v1"', 'W/"v1"', 'a coding that has been evicted'],
    [unmade, 'br', '"v1"', '"v1"', 'identity'],
    [made, 'br', '"v0", "v1", W/"v1"', '"v1"', 'both'],
    [made, 'br', '*', 'W/"v1"', 'whatever it is: the one it would get'],
    [made, '', '*', '"v1"', 'or that'],
  ] as const;
  for (const [object, accept, named, tag, why] of rows) {
    const planned = plan(object, [
      ['accept-encoding', accept],
      ['if-none-match', named],
    ]);
    t.equal(planned?.status, 304, why);
    t.match(planned?.lines, `\r\netag: ${tag}\r\n`, why);
    t.match(planned?.lines, /vary: Accept-Encoding/i, why);
  }
  t.end();
});

t.test('planResponse() takes ranges of the object itself, which vary like the whole', (t) => {
  const object = describedAs({ ...OBJECT, codable: true, encodings: [BROTLI] });
  const ranged = plan(object, [
    ['accept-encoding', 'br'],
    ['range', 'bytes=0-9'],
  ]);
  t.match(ranged, { status: 206, encoded: undefined }, 'ranges are of the object itself');
  t.match(ranged?.lines, /vary: Accept-Encoding/i);
  const several = plan(object, [['range', 'bytes=0-1,5-6']]);
  t.match(several?.lines, /vary: Accept-Encoding/i);
  const untouched = plan(object, [
    ['accept-encoding', 'br'],
    ['cache-control', 'no-transform'],
  ]);
  t.match(untouched, { status: 200, encoded: undefined }, 'the request forbids it');
  t.end();
});
