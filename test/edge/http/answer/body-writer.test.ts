import t, { type Test } from 'tap';
import { ArenaBody } from '../../../../src/edge/reach/body-source.js';
import { BodyWriter, type Piece } from '../../../../src/edge/http/answer/body-writer.js';
import { StallWheel } from '../../../../src/edge/reach/stall-wheel.js';
import { Turns } from '../../../../src/edge/reach/turns.js';
import { FakeResponse, fakeResponder } from '../../../support/fake-response.js';
import { settled } from '../../../support/shard.js';
import { viewOf } from '../../../support/arena.js';

const MIB = 1_048_576;
const BLOCK = 4_096;

class WriterBench {
  readonly fake = new FakeResponse();
  readonly body: Buffer;
  readonly source: ArenaBody;
  readonly wheel: StallWheel;
  readonly writer: BodyWriter;
  nowMs = 0;
  cuts = 0;

  /** `size` bytes over two extents; `written` of them are there. */
  constructor(
    t: Test,
    o: { size: number; written?: number; pieces?: readonly Piece[]; total?: number },
  ) {
    const { size, written = size } = o;
    const arena = viewOf(size + 2 * BLOCK);
    const cut = Math.min(size, Math.ceil(size / 2 / BLOCK) * BLOCK);
    const extents = [
      { offset: BLOCK, length: cut },
      { offset: BLOCK + cut, length: Math.max(BLOCK, size - cut) },
    ];
    this.body = Buffer.alloc(size, 'the quick brown fox');
    if (size > 0) arena.write(extents, 0, this.body);
    this.source = new ArenaBody({ arena, slot: 0, extents, written, ended: written === size });
    this.wheel = new StallWheel(
      { minRate: 1_000, minRateGrace: 10_000 },
      () => this.nowMs,
      () => {
        this.cuts += 1;
      },
    );
    t.teardown(() => {
      this.wheel.stop();
    });
    const responder = fakeResponder(this.fake);
    this.writer = new BodyWriter({
      responder,
      source: this.source,
      pieces: o.pieces ?? [{ from: 0, length: size }],
      total: o.total ?? size,
      turns: new Turns(),
      wheel: this.wheel,
      writeHead: () => {
        responder.head(200, 'x\r\n');
      },
    });
  }

  arrive(bytes: number): void {
    this.source.written += bytes;
    this.source.ended = this.source.written === this.body.length;
    this.writer.pump(MIB);
  }
}

t.test('BodyWriter sends a stored body as fast as the client reads, byte for byte', async (t) => {
  const bench = new WriterBench(t, { size: 3 * MIB + 12_345 });
  bench.fake.room = MIB + 1;
  bench.writer.pump(16 * MIB);
  await settled();
  t.equal(bench.fake.body.length, MIB + 1);
  t.ok(bench.writer.waitsForClient);
  t.equal(bench.wheel.count, 1);
  for (let turn = 0; turn < 50 && bench.fake.state === 'open'; turn += 1) {
    bench.fake.drain(100_003);
    await settled();
  }
  t.equal(bench.fake.state, 'complete');
  t.ok(bench.fake.body.equals(bench.body));
  t.ok(bench.writer.over);
  t.equal(bench.wheel.count, 0);
});

t.test('BodyWriter gives others their turn after a quantum', async (t) => {
  const bench = new WriterBench(t, { size: MIB });
  bench.writer.pump(100_000);
  const first = bench.fake.body.length;
  t.ok(first >= 100_000 && first < 200_000, `${first} bytes at first`);
  await settled();
  t.equal(bench.fake.state, 'complete');
  t.ok(bench.fake.body.equals(bench.body));
});

t.test('BodyWriter sends the bytes of a fill as they come, and its head with the first', (t) => {
  const bench = new WriterBench(t, { size: 20_000, written: 0 });
  bench.writer.pump(MIB);
  t.equal(bench.fake.statusLine, '', 'a failure could still be told');
  bench.arrive(5_000);
  t.equal(bench.fake.statusLine, '200 OK');
  t.equal(bench.fake.body.length, 5_000);
  bench.writer.pump(MIB);
  t.equal(bench.fake.body.length, 5_000, 'nothing new');
  bench.arrive(15_000);
  t.equal(bench.fake.state, 'complete');
  t.ok(bench.fake.body.equals(bench.body));
  t.end();
});

t.test('BodyWriter holds back for a stalled client what a fill brings', (t) => {
  const bench = new WriterBench(t, { size: 20_000, written: 10_000 });
  bench.fake.room = 1_000;
  bench.writer.pump(MIB);
  bench.arrive(10_000);
  t.equal(bench.fake.body.length, 1_000);
  bench.fake.drain(Infinity);
  t.equal(bench.fake.state, 'complete');
  t.ok(bench.fake.body.equals(bench.body));
  t.end();
});

t.test('BodyWriter sends pieces of the body between bytes of our own', (t) => {
  for (const room of [Infinity, 7, 1]) {
    const pieces: Piece[] = [
      { bytes: Buffer.from('[one]') },
      { from: 9_990, length: 20 },
      { bytes: Buffer.from('[two]') },
      { from: 0, length: 3 },
      { bytes: Buffer.from('[end]') },
    ];
    const bench = new WriterBench(t, { size: 20_000, pieces, total: 38 });
    bench.fake.room = room;
    bench.writer.pump(MIB);
    for (let i = 0; i < 60 && bench.fake.state === 'open'; i += 1) bench.fake.drain(room);
    const part = (from: number, length: number): string =>
      bench.body.toString('latin1', from, from + length);
    t.equal(bench.fake.body.toString(), `[one]${part(9_990, 20)}[two]${part(0, 3)}[end]`);
  }
  t.end();
});

t.test('BodyWriter begins with bytes of the body, whatever of our own goes before', (t) => {
  const pieces: Piece[] = [
    { bytes: Buffer.from('[one]') },
    { from: 9_990, length: 20 },
    { bytes: Buffer.from('[two]') },
    { from: 0, length: 3 },
  ];
  const bench = new WriterBench(t, { size: 20_000, written: 9_990, pieces, total: 33 });
  bench.writer.pump(MIB);
  t.equal(bench.fake.statusLine, '', 'a failure could still be told');
  t.notOk(bench.writer.begun);
  bench.arrive(1);
  t.equal(bench.fake.body.toString(), `[one]${bench.body.toString('latin1', 9_990, 9_991)}`);
  bench.arrive(10_009);
  t.equal(bench.fake.state, 'complete');
  const own = new WriterBench(t, { size: 10, pieces: [{ bytes: Buffer.from('own') }], total: 3 });
  own.writer.pump(MIB);
  t.equal(own.fake.body.toString(), 'own', 'where there is nothing but that');
  t.end();
});

t.test('BodyWriter closes what has no bytes where they should be', (t) => {
  for (const total of [20_000, -1]) {
    const pieces = total < 0 ? { pieces: [] } : {};
    const bench = new WriterBench(t, { size: 20_000, total, ...pieces });
    const view = bench.source.view.bind(bench.source);
    bench.source.view = (from) => (from < 5_000 ? view(from, 5_000) : view(0, 1)?.subarray(1));
    t.throws(() => {
      bench.writer.pump(MIB);
    }, RangeError);
    t.equal(bench.fake.body.length, 5_000);
    t.equal(bench.fake.state, 'closed', 'it must not look whole, nor hang');
    t.ok(bench.writer.over);
  }
  t.end();
});

t.test('BodyWriter ends a body of unknown length when its fill does', (t) => {
  const bench = new WriterBench(t, { size: 200_000, written: 70_000, pieces: [], total: -1 });
  bench.writer.pump(MIB);
  t.equal(bench.fake.body.length, 70_000);
  t.equal(bench.fake.state, 'open');
  bench.arrive(130_000);
  t.equal(bench.fake.state, 'complete');
  t.ok(bench.fake.body.equals(bench.body));
  const empty = new WriterBench(t, { size: 0, pieces: [], total: -1 });
  empty.writer.pump(MIB);
  t.equal(empty.fake.state, 'complete');
  t.end();
});

t.test('BodyWriter buffers at most one chunk for a stalled client of unknown length', (t) => {
  const bench = new WriterBench(t, { size: MIB, pieces: [], total: -1 });
  bench.fake.room = 100_000;
  bench.writer.pump(MIB);
  t.ok(bench.fake.body.length <= 100_000 + 65_536, `${bench.fake.body.length} bytes`);
  bench.writer.pump(MIB);
  t.ok(bench.fake.body.length <= 100_000 + 65_536, 'not more on a second call');
  t.end();
});

t.test('BodyWriter tries a stalled client again, and cuts it when told', (t) => {
  const bench = new WriterBench(t, { size: 20_000 });
  bench.fake.room = 1_000;
  bench.writer.pump(MIB);
  bench.fake.room = 2_000; // the kernel has room, but nobody said so
  bench.writer.retry();
  t.equal(bench.fake.body.length, 3_000);
  t.equal(bench.wheel.count, 1, 'still stalled');
  bench.writer.cut();
  t.equal(bench.fake.state, 'closed');
  t.ok(bench.writer.over);
  t.equal(bench.wheel.count, 0);
  bench.writer.pump(MIB);
  bench.writer.retry();
  t.pass('and touches nothing afterwards');
  t.end();
});

t.test('a slow reader is cut by the wheel, one above the minimum rate is not', (t) => {
  for (const [rate, cut] of [
    [500, true],
    [2_000, false],
  ] as const) {
    const bench = new WriterBench(t, { size: 100_000 });
    bench.fake.room = 1_000;
    bench.writer.pump(MIB);
    for (let second = 0; second < 30 && bench.fake.state === 'open'; second += 1) {
      bench.nowMs += 1_000;
      bench.fake.room += rate;
      bench.wheel.turn();
    }
    t.equal(bench.fake.state === 'closed', cut, `${rate} bytes a second`);
    t.equal(bench.cuts, cut ? 1 : 0);
    if (!cut) bench.fake.leave();
    t.equal(bench.wheel.count, 0);
  }
  t.end();
});

t.test('BodyWriter goes on from another place with the bytes it has not sent', (t) => {
  const bench = new WriterBench(t, { size: 3 * BLOCK, written: BLOCK });
  bench.writer.pump(MIB);
  t.equal(bench.fake.body.length, BLOCK);
  const arena = viewOf(8 * BLOCK);
  const extents = [{ offset: 4 * BLOCK, length: 3 * BLOCK }];
  arena.write(extents, 0, bench.body);
  const elsewhere = new ArenaBody({ arena, slot: 1, extents, written: 3 * BLOCK, ended: true });
  bench.writer.continueFrom(elsewhere, MIB);
  t.ok(bench.writer.over);
  t.ok(bench.fake.body.equals(bench.body));
  bench.writer.continueFrom(elsewhere, MIB);
  t.equal(bench.fake.body.length, 3 * BLOCK, 'nothing when it is over');
  t.end();
});
