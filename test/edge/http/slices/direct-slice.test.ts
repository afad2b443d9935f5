import t, { type Test } from 'tap';
import { DirectSlice } from '../../../../src/edge/http/slices/direct-slice.js';
import type { FieldLines } from '../../../../src/http/fields.js';
import { ownedCopy } from '../../../../src/runtime/bytes.js';
import type { Descriptor } from '../../../../src/protocol/descriptor.js';
import {
  FILM,
  FilmBench,
  filmRequest,
  filmText,
  partFields,
  SLICE,
} from '../../../support/film.js';
import { settled, until } from '../../../support/shard.js';
import type { TimedRequest } from '../../../support/timed-origin.js';

const NUMBER = 2;
const FIRST = NUMBER * SLICE;

class DirectBench extends FilmBench {
  readonly heard: string[] = [];
  /** Whether what came may be kept, each time a head came. */
  readonly kept: boolean[] = [];
  readonly slice: DirectSlice;
  /** What its origin was asked for it. */
  readonly request: TimedRequest;

  constructor(t: Test, fields: FieldLines = [], head: Partial<Descriptor> = {}) {
    super(t);
    this.slice = new DirectSlice(this.context, {
      request: filmRequest(fields),
      clientAddress: '192.0.2.1',
      head: { ...this.head, ...head },
      slice: this.sliceOf(NUMBER),
      onHead: (mayKeep) => this.kept.push(mayKeep),
      onBytes: () => this.heard.push('bytes'),
      onFailed: (code) => this.heard.push(code),
    });
    this.request = this.origin.next();
  }

  begin(): void {
    this.request.head(206, partFields(this, NUMBER));
  }

  /** The slice's bytes from `at` on, up to `to`, as it is sent on: copied before the next are asked for. */
  async read(at: number, to: number): Promise<Buffer> {
    let bytes = Buffer.alloc(0);
    while (at + bytes.length < to) {
      const told = this.heard.length;
      const view = this.slice.view(at + bytes.length, to - at - bytes.length);
      if (view === undefined) await until(() => this.heard.length > told);
      else bytes = Buffer.concat([bytes, ownedCopy(view)]);
      if (this.heard.some((what) => what !== 'bytes')) break;
    }
    return bytes;
  }
}

const part = (from: number, to: number): Buffer => FILM.subarray(FIRST + from, FIRST + to);
const text = (from: number, to: number): string => filmText(FIRST + from, FIRST + to);

t.test('DirectSlice asks for its bytes of that version, with what the client says', (t) => {
  const fields: FieldLines = [
    ['cookie', 'a=b'],
    ['cache-control', 'no-cache'],
    ['range', 'bytes=9000-'],
    ['if-range', '"v1"'],
    ['if-none-match', '"v0"'],
    ['expect', '100-continue'],
    ['accept-encoding', 'gzip'],
  ];
  const { request, counters } = new DirectBench(t, fields);
  t.match(request.request, { method: 'GET', target: '/film.mp4?a=b' });
  t.strictSame(request.request.headers, [
    ['cookie', 'a=b'],
    ['cache-control', 'no-cache'],
    ['x-forwarded-proto', 'http'],
    ['x-forwarded-host', 'tv.example'],
    ['x-forwarded-for', '192.0.2.1'],
    ['accept-encoding', 'identity'],
    ['range', `bytes=${FIRST}-${FIRST + SLICE - 1}`],
    ['if-range', '"v1"'],
  ]);
  t.equal(counters.originRequests, 1);
  t.end();
});

t.test('DirectSlice asks for a coding only where the object is in one', (t) => {
  const coded: Partial<Descriptor> = { fields: [['content-encoding', 'gzip']] };
  const gzip: FieldLines = [['accept-encoding', 'gzip']];
  const rows = [
    ['not coded', gzip, {}, 'identity'],
    ['coded', gzip, coded, 'gzip'],
    ['coded whatever was said', [], coded, ''],
  ] as const;
  for (const [why, fields, head, wanted] of rows) {
    t.equal(new DirectBench(t, fields, head).request.header('accept-encoding'), wanted, why);
  }
  t.end();
});

t.test('DirectSlice lends what comes, chunk by chunk, as it is taken', async (t) => {
  const bench = new DirectBench(t);
  t.equal(bench.slice.view(0, 10), undefined, 'nothing has come');
  bench.begin();
  bench.request.chunk(text(0, 1_000));
  bench.request.chunk(text(1_000, SLICE));
  await until(() => bench.heard.length > 0);
  t.same(bench.slice.view(0, 300), part(0, 300));
  t.same(bench.slice.view(300, 9_000), part(300, 1_000), 'what lies together');
  t.same(bench.slice.view(200, 100), part(200, 300), 'again: a client takes less than it was lent');
  await settled();
  t.equal(bench.request.pulls, 1, 'what is lent is not overwritten');
  t.same(await bench.read(1_000, SLICE), part(1_000, SLICE));
  t.equal(bench.request.pulls, 2);
  t.same(bench.heard, ['bytes', 'bytes']);
  t.equal(bench.counters.originBytes, SLICE);
});

t.test('DirectSlice skips what lies before the bytes that are wanted', async (t) => {
  const bench = new DirectBench(t);
  bench.begin();
  for (let at = 0; at < SLICE; at += 500) {
    bench.request.chunk(text(at, Math.min(SLICE, at + 500)));
  }
  t.same(await bench.read(2_700, 3_200), part(2_700, 3_200));
});

t.test('DirectSlice fetches anew, from there on, what its reader goes back to', async (t) => {
  for (const back of [0, 924, 1_999]) {
    const bench = new DirectBench(t);
    bench.begin();
    for (let at = 0; at < SLICE; at += 1_000) {
      bench.request.chunk(text(at, Math.min(SLICE, at + 1_000)));
    }
    t.same(await bench.read(2_000, 2_100), part(2_000, 2_100));
    t.equal(bench.slice.view(back, 1_000), undefined, 'it is not here any more');
    await settled();
    t.ok(bench.request.signal.aborted, 'the rest of the first is not wanted');
    t.ok(bench.request.given);
    const again = bench.origin.next();
    t.equal(again.header('range'), `bytes=${FIRST + back}-${FIRST + SLICE - 1}`);
    t.equal(again.header('if-range'), '"v1"');
    again.head(206, partFields(bench, NUMBER, back));
    again.chunk(text(back, 2_500));
    again.chunk(text(2_500, SLICE));
    t.same(await bench.read(back, SLICE), part(back, SLICE));
    t.equal(bench.origin.requests.length, 2, 'and goes on from there');
    t.equal(bench.counters.originRequests, 2);
    bench.slice.close();
    t.equal(bench.slice.view(0, 1), undefined);
    t.equal(bench.origin.requests.length, 2, 'nor begins anew when it is closed');
  }
});

t.test('DirectSlice that goes back takes nothing but that version', async (t) => {
  const bench = new DirectBench(t);
  bench.begin();
  bench.request.chunk(text(0, 1_000));
  bench.request.chunk(text(1_000, SLICE));
  await bench.read(1_000, 1_100);
  bench.slice.view(10, 10);
  const [, ...others] = partFields(bench, NUMBER, 10);
  bench.origin.next().head(206, [['etag', '"v2"'], ...others]);
  await settled();
  t.equal(bench.heard.at(-1), 'GW_ORIGIN_CHANGED');
});

t.test('DirectSlice tells whether what came may be kept', async (t) => {
  const rows: readonly (readonly [string, FieldLines, FieldLines, boolean])[] = [
    ['nothing is said', [], [], true],
    ['a lifetime', [], [['cache-control', 'max-age=60']], true],
    ['to be asked for each time', [], [['cache-control', 'no-cache']], true],
    ['no-store', [], [['cache-control', 'no-store']], false],
    ['private', [], [['cache-control', 'private, max-age=60']], false],
    ['for one alone', [['authorization', 'a']], [['cache-control', 'max-age=60']], false],
    ['whatever varies', [], [['vary', '*']], false],
    ['nobody may keep it', [['cache-control', 'no-store']], [], false],
  ];
  for (const [why, fields, said, kept] of rows) {
    const bench = new DirectBench(t, fields);
    bench.request.head(206, [...partFields(bench, NUMBER), ...said]);
    await settled();
    t.same(bench.kept, [kept], why);
  }
  const failing = new DirectBench(t);
  failing.request.head(503, [['cache-control', 'no-store']]);
  await settled();
  t.same(failing.kept, [], 'a failure says nothing of it');
});

t.test('DirectSlice takes nothing but that slice of that version', async (t) => {
  const bench = new FilmBench(t);
  const good = partFields(bench, NUMBER);
  const rows: readonly (readonly [string, number, FieldLines, string])[] = [
    ['another version', 206, [['etag', '"v2"'], ...good.slice(1)], 'GW_ORIGIN_CHANGED'],
    ['other bytes', 206, partFields(bench, NUMBER + 1), 'GW_ORIGIN_CHANGED'],
    ['it is gone', 404, [], 'GW_ORIGIN_CHANGED'],
    ['all of it', 200, good.slice(0, 1), 'GW_ORIGIN_STATUS'],
    ['the origin fails', 503, [], 'GW_ORIGIN_STATUS'],
  ];
  for (const [why, status, fields, code] of rows) {
    const bench = new DirectBench(t);
    bench.request.head(status, fields);
    bench.request.chunk('x'.repeat(70_000)); // more than is read for the connection's sake
    await settled();
    t.same(bench.heard, [code], why);
    t.ok(bench.request.given, `${why}: its body is let go of`);
    t.equal(bench.slice.view(0, 10), undefined, why);
    t.equal(bench.counters.originErrors, 1, why);
  }
});

t.test('DirectSlice tells of a body that does not come whole', async (t) => {
  for (const code of ['GW_ORIGIN_BODY_SHORT', 'GW_ORIGIN_TIMEOUT'] as const) {
    const bench = new DirectBench(t);
    bench.begin();
    bench.request.chunk(text(0, 1_000));
    if (code === 'GW_ORIGIN_TIMEOUT') bench.request.fail(code);
    else bench.request.end();
    t.same(await bench.read(0, SLICE), part(0, 1_000), code);
    t.same(bench.heard, ['bytes', code]);
    t.equal(bench.slice.view(1_000, 1), undefined, 'nor is it asked on');
    await settled();
    t.same(bench.heard, ['bytes', code]);
  }
});

t.test('DirectSlice tells of an origin that does not answer', async (t) => {
  const bench = new DirectBench(t);
  bench.request.fail('GW_ORIGIN_CONNECT');
  await settled();
  t.same(bench.heard, ['GW_ORIGIN_CONNECT']);
});

t.test(
  'DirectSlice breaks off what is under way when it is closed, and says nothing',
  async (t) => {
    const asking = new DirectBench(t);
    asking.slice.close();
    t.ok(asking.request.signal.aborted);
    const answered = new DirectBench(t);
    answered.begin();
    answered.slice.close();
    answered.request.chunk(text(0, 10));
    const lending = new DirectBench(t);
    lending.begin();
    lending.request.chunk(text(0, 10));
    await until(() => lending.heard.length > 0);
    lending.slice.close();
    const pulling = new DirectBench(t);
    pulling.begin();
    pulling.request.chunk(text(0, 10));
    await until(() => pulling.heard.length > 0);
    t.equal(pulling.slice.view(10, 10), undefined);
    pulling.request.chunk(text(10, 20)); // on its way as it is closed
    pulling.slice.close();
    await settled();
    for (const bench of [answered, lending, pulling]) {
      t.ok(bench.request.signal.aborted);
      t.ok(bench.request.given);
    }
    t.same([asking.heard, answered.heard], [[], []]);
    t.same([lending.heard, pulling.heard], [['bytes'], ['bytes']]);
    t.equal(asking.counters.originErrors, 0);
  },
);
