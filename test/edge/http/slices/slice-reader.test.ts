import t from 'tap';
import type { FieldLines } from '../../../../src/http/fields.js';
import { FRESHNESS } from '../../../support/descriptor.js';
import { filmText, partFields, SLICE } from '../../../support/film.js';
import { until } from '../../../support/shard.js';
import {
  BROKEN,
  FIRST,
  NUMBER,
  part,
  ReaderBench,
  viewed,
} from '../../../support/slice-readers.js';

t.test('SliceReader reads what the worker finds, under a lease, and asks nobody', (t) => {
  const bench = new ReaderBench(t);
  bench.tell(NUMBER);
  const reader = bench.open();
  t.strictSame(viewed(reader, 0), part(0, SLICE));
  t.strictSame(viewed(reader, 4_000, 50), part(4_000, 4_050));
  t.equal(viewed(reader, SLICE, 1), undefined);
  t.same(reader.served, { hit: true });
  t.same(bench.asked, []);
  t.equal(bench.leases(NUMBER), 1);
  t.equal(bench.visits(NUMBER), 1);
  t.notOk(reader.begun);
  reader.close();
  reader.close();
  t.equal(bench.leases(NUMBER), 0);
  t.ok(reader.over);
  t.equal(viewed(reader, 0), undefined);
  t.end();
});

t.test('SliceReader asks for what it finds and may not use', (t) => {
  const gone = new ReaderBench(t);
  gone.tell(NUMBER);
  gone.put(NUMBER); // it is another body now
  const reader = gone.open();
  t.same(gone.asked, [NUMBER]);
  t.equal(viewed(reader, 0), undefined);
  t.equal(gone.leases(NUMBER), 0);
  const others = new ReaderBench(t);
  others.tell(NUMBER, { freshness: { ...FRESHNESS, anonymousOnly: true } });
  others.open();
  t.same(others.asked, []);
  others.open([['cookie', 'a=b']]);
  t.same(others.asked, [NUMBER]);
  t.end();
});

t.test('SliceReader reads nothing that is another slice than it wants, whatever its key', (t) => {
  for (const facts of [
    { storedBytes: 100 },
    { firstByte: NUMBER * SLICE + 1 },
    { totalBytes: 10 * SLICE },
  ]) {
    const bench = new ReaderBench(t);
    bench.tell(NUMBER, facts);
    const reader = bench.open();
    t.same(bench.asked, [NUMBER], JSON.stringify(facts));
    t.equal(viewed(reader, 0), undefined);
    t.equal(bench.leases(NUMBER), 0);
  }
  t.end();
});

t.test('SliceReader asks for its bytes as one who wants them whatever the head was asked', (t) => {
  const bench = new ReaderBench(t);
  const own: FieldLines = [
    ['accept', '*/*'],
    ['cookie', 'a=b'],
  ];
  const ofHead: FieldLines = [
    ['range', 'bytes=9-'],
    ['if-range', '"v1"'],
    ['if-none-match', '"v0"'],
    ['cache-control', 'no-cache'],
    ['pragma', 'no-cache'],
  ];
  bench.open([...own, ...ofHead]);
  const range = `bytes=${FIRST}-${FIRST + SLICE - 1}`;
  t.match(bench.ask(NUMBER).request, {
    ...{
      key: bench.keyOf(NUMBER),
      target: '/film.mp4?a=b',
      range,
      lane: 1,
      credentialed: true,
    },
    ...{ slice: bench.sliceOf(NUMBER), background: false, beyond: false },
  });
  t.strictSame(bench.ask(NUMBER).request.headers, [...own, ['range', range]]);
  bench.open([['cache-control', 'only-if-cached']], 3);
  t.same(bench.ask(3).request.headers[0], ['cache-control', 'only-if-cached']);
  t.end();
});

t.test('SliceReader that wants only what is cached is refused alone', (t) => {
  for (const [leader, other] of [
    ['only-if-cached', ''],
    ['', 'only-if-cached'],
  ] as const) {
    const bench = new ReaderBench(t);
    const said = (what: string): FieldLines => (what === '' ? [] : [['cache-control', what]]);
    bench.open(said(leader));
    bench.open(said(other));
    t.same(bench.asked, [NUMBER, NUMBER]);
    bench.open();
    t.equal(bench.asked.length, 2, 'whom the directives of others do not concern joins those');
  }
  const bench = new ReaderBench(t);
  bench.open([['cache-control', 'no-cache']]);
  bench.open();
  t.equal(bench.asked.length, 1, 'other directives are of the head');
  t.end();
});

t.test('SliceReader has nothing kept of what no-store brings', (t) => {
  const bench = new ReaderBench(t);
  bench.open();
  bench.open([['cache-control', 'no-store']]);
  t.same(bench.asked, [NUMBER, NUMBER], 'it does not join a fill');
  t.same(bench.ask(NUMBER).request.headers[0], ['cache-control', 'no-store'], 'the shard is told');
  bench.open();
  t.equal(bench.asked.length, 2, 'nor do others join it');
  bench.worker.hear({ kind: 'bypass', id: bench.ask(NUMBER).id });
  t.equal(bench.origin.next().header('cache-control'), 'no-store');
  t.end();
});

t.test(
  'SliceReader has no shard fill what comes behind a slice that could not be kept',
  async (t) => {
    const bench = new ReaderBench(t);
    bench.open([['pragma', 'no-cache']], NUMBER, false);
    bench.open();
    t.same(bench.asked, [NUMBER, NUMBER], 'who has it filled is another');
    const [first] = bench.worker.sent;
    t.match(first?.message, { id: 1, request: { headers: { 0: ['cache-control', 'no-store'] } } });
    bench.worker.hear({ kind: 'bypass', id: 1 });
    const request = bench.origin.next();
    t.equal(request.header('cache-control'), undefined, 'its client has not said so');
    request.head(206, [...partFields(bench, NUMBER), ['cache-control', 'no-store']]);
    await until(() => bench.kept.length > 0);
    t.same(bench.kept, [false]);
    const alone = bench.open([['cache-control', 'only-if-cached']], 4, false);
    t.same(bench.ask(4).request.headers[0], ['cache-control', 'only-if-cached']);
    t.equal(bench.ask(4).request.headers.length, 2, 'that says enough');
    alone.close();
  },
);

t.test('SliceReader reads a slice as it comes', (t) => {
  const bench = new ReaderBench(t);
  const reader = bench.open();
  const fill = bench.fill(NUMBER, 0);
  t.same(bench.heard, [], 'nothing is there');
  t.equal(viewed(reader, 0), undefined);
  bench.write(NUMBER, 1_000);
  bench.progress(fill, 1_000);
  t.same(bench.heard, ['bytes']);
  t.strictSame(viewed(reader, 0), part(0, 1_000));
  t.strictSame(viewed(reader, 400, 100), part(400, 500));
  t.equal(viewed(reader, 1_000), undefined);
  t.match(reader.served, { hit: false, fwd: 'uri-miss' });
  bench.write(NUMBER, SLICE);
  bench.progress(fill, SLICE, { ok: true });
  t.strictSame(viewed(reader, 1_000), part(1_000, SLICE), 'also when the fill is over');
  t.equal(bench.leases(NUMBER), 1);
  reader.close();
  t.equal(bench.leases(NUMBER), 0);
  const other = bench.open([], 3);
  bench.fill(3, 500);
  t.same(bench.heard, ['bytes', 'bytes', 'bytes'], 'what is there already is told');
  other.close();
  t.equal(bench.leases(3), 0);
  t.equal(bench.worker.sent.at(-1)?.message.kind, 'cancel', 'nobody follows that fill');
  t.end();
});

t.test('SliceReader goes on where it is from what is asked for anew', (t) => {
  const bench = new ReaderBench(t);
  const reader = bench.open();
  const fill = bench.fill(NUMBER, 1_000);
  bench.progress(fill, 1_000, BROKEN);
  t.same(bench.asked, [NUMBER, NUMBER]);
  t.equal(bench.leases(NUMBER), 0);
  t.equal(viewed(reader, 1_000), undefined);
  bench.answer(NUMBER, { hit: true, detail: 'kept' });
  t.same(bench.heard, ['bytes', 'bytes']);
  t.strictSame(viewed(reader, 1_000), part(1_000, SLICE));
  t.same(reader.served, { hit: true, detail: 'kept' });
  t.equal(bench.leases(NUMBER), 1);
  reader.close();
  t.equal(bench.leases(NUMBER), 0);
  t.end();
});

t.test('SliceReader fetches a slice for itself when it is told to', async (t) => {
  const bench = new ReaderBench(t);
  const reader = bench.open();
  bench.worker.hear({ kind: 'bypass', id: bench.ask(NUMBER).id });
  const request = bench.origin.next();
  t.equal(request.header('range'), `bytes=${FIRST}-${FIRST + SLICE - 1}`);
  t.equal(request.header('x-forwarded-for'), '192.0.2.1');
  t.same(reader.served, { hit: false, fwd: 'partial' });
  request.head(206, partFields(bench, NUMBER));
  request.chunk(filmText(FIRST, FIRST + 1_000));
  await until(() => bench.heard.length > 0);
  t.strictSame(viewed(reader, 0), part(0, 1_000));
  reader.close();
  t.ok(request.signal.aborted);
  const failing = bench.open([], 3);
  bench.worker.hear({ kind: 'bypass', id: bench.ask(3).id });
  bench.origin.next().fail('GW_ORIGIN_CONNECT');
  await until(() => bench.heard.length > 1);
  t.same(bench.heard, ['bytes', 'GW_ORIGIN_CONNECT'], 'it has asked for itself already');
  t.equal(viewed(failing, 0), undefined);
});

t.test('SliceReader leaves nothing behind when it is closed before its answer', (t) => {
  const bench = new ReaderBench(t);
  const reader = bench.open();
  reader.close();
  t.same(bench.worker.kinds(), ['ask', 'cancel']);
  bench.answer(NUMBER);
  t.same(bench.heard, []);
  t.equal(bench.leases(NUMBER), 0);
  t.end();
});
