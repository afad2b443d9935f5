/** Ranges of whole objects, of objects that are still coming, and of objects known in parts. */
import t from 'tap';
import { fileScript, patterned, type SeenRequest } from '../support/origin-server.js';
import { outcome, startProxied } from '../support/proxied.js';
import type { RawAnswer } from '../support/raw-client.js';

const { origin, get } = await startProxied(t, ['--shards', '2']); // so that a film fits into one

const LENGTH = 1_000;
const BODY = patterned(LENGTH);
const MODIFIED = 'Sun, 01 Nov 2026 10:00:00 GMT';
const FIELDS = { 'Content-Type': 'video/iso.segment', 'Cache-Control': 'max-age=600' };

function ranged(path: string, range: string, ...lines: string[]): Promise<RawAnswer> {
  return get(path, [`Range: ${range}`, ...lines]);
}

const PARTIAL_ROWS = [
  ['bytes=0-99', 0, 99, 'the beginning'],
  ['bytes=100-100', 100, 100, 'one byte'],
  ['bytes=900-', 900, 999, 'open'],
  ['bytes=-10', 990, 999, 'suffix'],
  ['bytes=-5000', 0, 999, 'a suffix longer than all'],
  ['bytes=990-5000', 990, 999, 'clipped at the end'],
  ['bytes=0-', 0, 999, 'all'],
  ['BYTES=5-9', 5, 9, 'units in any case'],
] as const;

t.test('single ranges of a whole object, small and large', async (t) => {
  for (const [path, body] of [
    ['/whole/small.m4s', BODY],
    ['/whole/large.m4s', patterned(300_000, 7)],
  ] as const) {
    origin.on(path, fileScript(body, { ...FIELDS, ETag: '"v1"' }));
    await get(path);
    const shift = body.length - LENGTH;
    for (const [range, start, end, why] of PARTIAL_ROWS) {
      if (shift > 0 && range === 'bytes=-5000') continue; // not longer than this one
      const scaled = range === 'bytes=900-' ? `bytes=${900 + shift}-` : range;
      const from = start >= 900 && range !== 'bytes=990-5000' ? start + shift : start;
      const to = end === LENGTH - 1 ? body.length - 1 : end;
      if (shift > 0 && range === 'bytes=990-5000') continue;
      const answer = await ranged(path, scaled);
      t.equal(answer.status, 206, `${path} ${scaled}: ${why}`);
      t.equal(answer.fields.get('content-range'), `bytes ${from}-${to}/${body.length}`);
      t.equal(answer.fields.get('content-length'), String(to - from + 1));
      t.ok(answer.body.equals(body.subarray(from, to + 1)), 'the right bytes');
      t.equal(outcome(answer), 'hit');
    }
    t.equal(origin.count(path), 1);
  }
});

t.test('what is no valid range is ignored; what lies outside is refused', async (t) => {
  const path = '/whole/odd.m4s';
  origin.on(path, fileScript(BODY, { ...FIELDS, ETag: '"v1"' }));
  await get(path);
  for (const range of ['items=0-5', 'bytes=', 'bytes=9-5', 'bytes=a-b', 'bytes 0-5', 'bytes=--5']) {
    const answer = await ranged(path, range);
    t.equal(answer.status, 200, range);
    t.ok(answer.body.equals(BODY), `${range}: all of it`);
  }
  for (const range of ['bytes=1000-', 'bytes=5000-6000', 'bytes=-0']) {
    const answer = await ranged(path, range);
    t.equal(answer.status, 416, range);
    t.equal(answer.fields.get('content-range'), 'bytes */1000');
    t.equal(answer.body.length, 0);
  }
  const head = await get(path, ['Range: bytes=0-9'], { method: 'HEAD' });
  t.equal(head.status, 200, 'ranges are for GET');
  t.equal(head.fields.get('content-length'), '1000');
});

t.test('several ranges come as multipart/byteranges, near ones joined', async (t) => {
  const path = '/whole/multi.m4s';
  origin.on(path, fileScript(BODY, { ...FIELDS, ETag: '"v1"' }));
  await get(path);
  const answer = await ranged(path, 'bytes=0-49, 500-549, -10');
  t.equal(answer.status, 206);
  t.ok(answer.whole, 'as long as announced');
  const parts = partsOf(answer);
  t.same(
    parts.map(({ range }) => range),
    ['bytes 0-49/1000', 'bytes 500-549/1000', 'bytes 990-999/1000'],
  );
  for (const { type } of parts) t.equal(type, 'video/iso.segment');
  t.ok(parts[0]?.body.equals(BODY.subarray(0, 50)));
  t.ok(parts[1]?.body.equals(BODY.subarray(500, 550)));
  t.ok(parts[2]?.body.equals(BODY.subarray(990)));
  const one = await ranged(path, 'bytes=0-49, 5000-');
  t.equal(one.fields.get('content-range'), 'bytes 0-49/1000', 'those outside drop out');
  const many = await ranged(path, `bytes=${Array.from({ length: 200 }, () => '0-0').join(',')}`);
  t.ok(many.bytes <= 2 * LENGTH, 'ranges that only multiply the work are not served as asked');
});

t.test('If-Range: the range if it is still the same, else all', async (t) => {
  const path = '/whole/if-range.m4s';
  const fields = { ...FIELDS, ETag: '"v1"', 'Last-Modified': MODIFIED };
  origin.on(path, fileScript(BODY, fields));
  await get(path);
  const rows = [
    ['"v1"', 206, 'the same'],
    ['"v2"', 200, 'another'],
    ['W/"v1"', 200, 'weak never counts'],
    [MODIFIED, 206, 'the same date'],
    ['Sun, 01 Nov 2026 10:00:01 GMT', 200, 'another date, later or not'],
    ['nonsense', 200, 'neither'],
  ] as const;
  for (const [value, status, why] of rows) {
    const answer = await ranged(path, 'bytes=10-19', `If-Range: ${value}`);
    t.equal(answer.status, status, `${value}: ${why}`);
    t.equal(answer.body.length, status === 206 ? 10 : LENGTH);
  }
  const first = await ranged(path, 'bytes=10-19', 'If-None-Match: "v1"');
  t.equal(first.status, 304, 'conditions come before ranges');
});

t.test('ranges of a segment that is still coming, as its bytes come', async (t) => {
  const path = '/filling/seg.m4s';
  const body = patterned(200_000, 3);
  const asked = origin.hold(path);
  const whole = get(path);
  const { request, response } = await asked;
  t.equal(request.headers.range, undefined, 'segments are fetched whole');
  response.writeHead(200, { ...FIELDS, 'Content-Length': body.length, ETag: '"v1"' });
  response.write(body.subarray(0, 100_000));
  const early = await ranged(path, 'bytes=1000-50999');
  t.equal(early.status, 206);
  t.ok(early.body.equals(body.subarray(1_000, 51_000)), 'there before the rest has come');
  const late = ranged(path, 'bytes=150000-');
  const several = ranged(path, 'bytes=0-9,199990-');
  const beyond = await ranged(path, 'bytes=200000-');
  t.equal(beyond.status, 416, 'its length is known');
  response.end(body.subarray(100_000));
  t.ok((await whole).body.equals(body));
  t.ok((await late).body.equals(body.subarray(150_000)));
  t.equal((await late).fields.get('content-range'), 'bytes 150000-199999/200000');
  const parts = partsOf(await several);
  t.ok(parts[1]?.body.equals(body.subarray(199_990)));
  t.equal(origin.count(path), 1, 'one request for all of it');
});

t.test('a first request with a range fills a segment whole', async (t) => {
  const path = '/filling/first.m4s';
  origin.on(path, fileScript(BODY, { ...FIELDS, ETag: '"v1"' }));
  const answer = await ranged(path, 'bytes=100-199');
  t.equal(answer.status, 206);
  t.ok(answer.body.equals(BODY.subarray(100, 200)));
  t.equal(outcome(await get(path)), 'hit');
  t.equal(origin.count(path), 1);
});

t.test('parts of a large file are kept, joined and at last are the whole', async (t) => {
  const path = '/parts/film.mp4';
  const body = patterned(3_000_000, 11);
  const fields = { 'Content-Type': 'video/mp4', 'Cache-Control': 'max-age=600', ETag: '"film"' };
  origin.on(path, fileScript(body, fields));
  const check = async (from: number, to: number, asked: number, why: string): Promise<void> => {
    const answer = await ranged(path, `bytes=${from}-${to}`);
    t.equal(answer.status, 206, why);
    t.equal(answer.fields.get('content-range'), `bytes ${from}-${to}/${body.length}`);
    t.ok(answer.body.equals(body.subarray(from, to + 1)), `${why}: the right bytes`);
    t.equal(origin.count(path), asked, `${why}: requests to the origin`);
  };
  await check(1_000_000, 1_499_999, 1, 'the middle');
  t.equal(origin.seen(path)[0]?.fields['range'], 'bytes=1000000-1499999', 'only that is fetched');
  await check(1_200_000, 1_299_999, 1, 'within it');
  await check(2_000_000, 2_499_999, 2, 'apart from it');
  t.equal(origin.seen(path)[1]?.fields['if-range'], '"film"', 'only if it is still the same file');
  await check(1_400_000, 2_100_000, 3, 'over both');
  await check(1_000_000, 2_499_999, 3, 'now all of that is one');
  await check(0, 1_100_000, 4, 'the beginning');
  await check(10, 2_400_000, 4, 'joined again');
  const tail = await ranged(path, 'bytes=2499000-');
  t.ok(tail.body.equals(body.subarray(2_499_000)));
  t.equal(origin.count(path), 5, 'the end');
  const whole = await get(path);
  t.equal(whole.status, 200);
  t.equal(outcome(whole), 'hit', 'complete');
  t.ok(whole.body.equals(body), 'byte for byte');
  t.equal(whole.fields.get('content-length'), '3000000');
  t.equal(whole.fields.get('content-range'), undefined);
  t.equal(origin.count(path), 5, 'without another request');
});

t.test(
  'If-Range of a newer version than that of the part that is here gets its range',
  async (t) => {
    const path = '/parts/replaced.mp4';
    const [old, fresh] = [patterned(5_000, 13), patterned(6_000, 17)];
    const fields = { 'Content-Type': 'video/mp4', 'Cache-Control': 'max-age=600' };
    origin.on(path, fileScript(old, { ...fields, ETag: '"old"' }));
    t.equal((await ranged(path, 'bytes=1000-1999')).status, 206);
    origin.on(path, fileScript(fresh, { ...fields, ETag: '"fresh"' }));
    const answer = await ranged(path, 'bytes=1200-1299', 'If-Range: "fresh"');
    t.equal(answer.status, 206);
    t.equal(answer.fields.get('content-range'), 'bytes 1200-1299/6000');
    t.ok(answer.body.equals(fresh.subarray(1_200, 1_300)));
    const other = await ranged(path, 'bytes=1200-1299', 'If-Range: "old"');
    t.equal(other.status, 200, 'and of an older one all of it');
    t.ok(other.body.equals(fresh));
  },
);

t.test('a suffix and several ranges of a large file that is not here', async (t) => {
  const path = '/parts/suffix.mp4';
  const body = patterned(500_000, 5);
  const fields = { 'Content-Type': 'video/mp4', 'Cache-Control': 'max-age=600', ETag: '"s"' };
  origin.on(path, fileScript(body, fields));
  const answer = await ranged(path, 'bytes=-1000');
  t.equal(answer.fields.get('content-range'), 'bytes 499000-499999/500000');
  t.ok(answer.body.equals(body.subarray(499_000)));
  const again = await ranged(path, 'bytes=-500');
  t.equal(outcome(again), 'hit');
  const parts = partsOf(await ranged(path, 'bytes=0-9,300000-300009'));
  t.ok(parts[1]?.body.equals(body.subarray(300_000, 300_010)));
  const outside = await ranged(path, 'bytes=600000-');
  t.equal(outside.status, 416);
  t.equal(outside.fields.get('content-range'), 'bytes */500000');
});

t.test('parts of a file that has changed are never joined with the new ones', async (t) => {
  const path = '/parts/changed.mp4';
  const before = patterned(400_000, 21);
  const after = patterned(400_000, 22);
  const fields = { 'Content-Type': 'video/mp4', 'Cache-Control': 'max-age=600' };
  origin.on(path, fileScript(before, { ...fields, ETag: '"before"' }));
  await ranged(path, 'bytes=0-199999');
  origin.on(path, fileScript(after, { ...fields, ETag: '"after"' }));
  const next = await ranged(path, 'bytes=200000-399999');
  t.ok(next.body.equals(after.subarray(200_000)), 'the new file');
  const head = await ranged(path, 'bytes=0-199999');
  t.ok(head.body.equals(after.subarray(0, 200_000)), 'and nothing of the old one');
  const whole = await get(path);
  t.ok(whole.body.equals(after));
});

t.test('parts without a strong validator are not joined', async (t) => {
  const path = '/parts/weak.mp4';
  const body = patterned(200_000, 31);
  const fields = { 'Content-Type': 'video/mp4', 'Cache-Control': 'max-age=600' };
  origin.on(path, fileScript(body, { ...fields, ETag: 'W/"weak"' }));
  await ranged(path, 'bytes=0-99999');
  await ranged(path, 'bytes=100000-199999');
  const whole = await get(path);
  t.ok(whole.body.equals(body));
  t.equal(outcome(whole), 'uri-miss', 'fetched, not put together');
  const asked: SeenRequest[] = origin.seen(path);
  t.equal(asked.at(-1)?.fields['range'], undefined);
});

t.test('an origin that knows no ranges: the range is cut here, from all of it', async (t) => {
  const path = '/parts/rangeless.mp4';
  const body = patterned(200_000, 41);
  origin.on(path, { fields: { 'Cache-Control': 'max-age=600', ETag: '"r"' }, body });
  const answer = await ranged(path, 'bytes=1000-1999');
  t.equal(answer.status, 206);
  t.ok(answer.body.equals(body.subarray(1_000, 2_000)));
  t.equal(outcome(await get(path)), 'hit');
});

t.test('an origin that sends another range than asked for is not believed', async (t) => {
  const path = '/parts/wrong.mp4';
  const body = patterned(200_000, 51);
  origin.on(path, ({ headers }) => {
    const fields = { 'Cache-Control': 'max-age=600', ETag: '"w"' };
    if (headers.range === undefined) return { fields, body };
    const told = { ...fields, 'Content-Range': 'bytes 0-999/200000' };
    return { status: 206, fields: told, body: body.subarray(0, 1_000) };
  });
  const answer = await ranged(path, 'bytes=5000-5999');
  if (answer.status === 206) {
    const from = Number(/bytes (\d+)/.exec(answer.fields.get('content-range') ?? '')?.[1]);
    t.ok(answer.body.equals(body.subarray(from, from + answer.body.length)), 'told as it is');
  } else t.ok(answer.status === 200 || answer.status === 502, `status ${answer.status}`);
  const whole = await get(path);
  t.ok(whole.body.equals(body), 'and the file is never mixed up');
});

interface Part {
  readonly type: string;
  readonly range: string;
  readonly body: Buffer;
}

function partsOf({ fields, body }: RawAnswer): Part[] {
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(fields.get('content-type') ?? '');
  const parts: Part[] = [];
  const mark = `--${boundary?.[1] ?? 'none'}`;
  let at = body.indexOf(mark);
  for (;;) {
    const next = body.indexOf(`\r\n${mark}`, at);
    if (at < 0 || next < 0) return parts;
    const headEnd = body.indexOf('\r\n\r\n', at);
    const head = body.toString('latin1', at, headEnd);
    parts.push({
      type: /^content-type: (.*)$/im.exec(head)?.[1] ?? '',
      range: /^content-range: (.*)$/im.exec(head)?.[1] ?? '',
      body: body.subarray(headEnd + 4, next),
    });
    at = next + 2;
  }
}
