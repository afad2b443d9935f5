import t, { type Test } from 'tap';
import type { ErrorCode } from '../../../../src/errors.js';
import type { EdgeContext } from '../../../../src/edge/http/context.js';
import { FollowedAnswer } from '../../../../src/edge/http/answer/followed-answer.js';
import type { ResponsePlan } from '../../../../src/edge/http/answer/response-plan.js';
import { StoredAnswer } from '../../../../src/edge/http/answer/stored-answer.js';
import { FillFeed } from '../../../../src/edge/reach/fill-feed.js';
import { StallWheel } from '../../../../src/edge/reach/stall-wheel.js';
import { Turns } from '../../../../src/edge/reach/turns.js';
import type { Descriptor } from '../../../../src/protocol/descriptor.js';
import { createMetrics, WorkerMetrics } from '../../../../src/telemetry/metrics.js';
import { viewOf } from '../../../support/arena.js';
import { describedAs } from '../../../support/descriptor.js';
import { FakeResponse, fakeResponder } from '../../../support/fake-response.js';
import { testConfig } from '../../../support/shard.js';

const BLOCK = 4_096;
const KIB = 1_024;
/** As it would be sent: 10,000 bytes in three blocks. */
const BODY = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i % 251));
const PLAN: ResponsePlan = {
  ...{ status: 200, lines: '', pieces: [{ from: 0, length: BODY.length }], total: BODY.length },
  ...{ bodyless: false, encoded: undefined },
};

class FollowedBench {
  readonly fake = new FakeResponse();
  readonly arena = viewOf(32 * BLOCK);
  readonly heard: (ErrorCode | 'interrupted')[] = [];
  readonly followed: FollowedAnswer;

  constructor(t: Test) {
    const wheel = new StallWheel(
      { minRate: 0, minRateGrace: 0 },
      () => 0,
      () => undefined,
    );
    t.teardown(() => {
      wheel.stop();
    });
    const context = {
      ...{ arena: this.arena, turns: new Turns(), wheel, config: testConfig({}) },
      ...{ clock: { now: () => 0 }, metrics: new WorkerMetrics(createMetrics(1), 0) },
    } as unknown as EdgeContext;
    const responder = fakeResponder(this.fake);
    this.followed = new FollowedAnswer({
      ...{ context, responder, stored: new StoredAnswer(context, responder) },
      onInterrupted: () => this.heard.push('interrupted'),
      onFailed: (code) => this.heard.push(code),
    });
  }

  /** The body from that slot on, where nothing lay before, with as many bytes as are there. */
  describe(slot: number, written: number, facts: Partial<Descriptor> = {}): Descriptor {
    const extents = [{ offset: slot * BLOCK, length: 3 * BLOCK }];
    this.arena.write(extents, 0, BODY.subarray(0, written));
    this.arena.publishWritten(slot, written);
    const sizes = { storedBytes: BODY.length, totalBytes: BODY.length };
    const generation = this.arena.bumpGeneration(slot);
    return describedAs({ slot, generation, extents, ...sizes, etag: '"v1"', ...facts });
  }

  feed(slot: number, written: number, facts: Partial<Descriptor> = {}): FillFeed {
    const descriptor = this.describe(slot, written, facts);
    this.arena.pin(slot);
    return new FillFeed(slot, 0, descriptor, this.arena);
  }

  begin(feed: FillFeed, plan = PLAN): void {
    this.followed.begin(feed, { plan, served: { hit: false }, quantum: 16 * KIB });
  }

  /** As the shard says of a fill: so much is there. */
  arrive(feed: FillFeed, written: number): void {
    this.arena.write(feed.descriptor.extents, 0, BODY.subarray(0, written));
    feed.source.written = written;
    for (const follower of feed.followers) follower.pump(16 * KIB);
  }

  lose(feed: FillFeed, code: ErrorCode = 'GW_WORKER_LOST'): void {
    for (const follower of [...feed.followers]) follower.failed(code);
  }
}

t.test('a failure is told at once, unless another can bring the same bytes', (t) => {
  const rows: readonly (readonly [string, number, Partial<Descriptor>, ErrorCode, boolean])[] = [
    ['the worker is lost', 1, {}, 'GW_WORKER_LOST', true],
    ['nothing has been sent', 0, {}, 'GW_WORKER_LOST', false],
    ['a weak tag', 1, { etag: 'W/"v1"' }, 'GW_WORKER_LOST', false],
    ['no tag', 1, { etag: '' }, 'GW_WORKER_LOST', false],
    ['the origin is at fault', 1, {}, 'GW_ORIGIN_BODY_SHORT', false],
  ];
  for (const [why, written, facts, code, interrupted] of rows) {
    const bench = new FollowedBench(t);
    const feed = bench.feed(4, written, facts);
    bench.begin(feed);
    bench.lose(feed, code);
    t.same(bench.heard, [interrupted ? 'interrupted' : code], why);
    t.equal(bench.followed.isInterrupted, interrupted, why);
    t.equal(feed.followers.size, 0, why);
    t.equal(bench.arena.leases(4), interrupted ? 1 : 0, why);
    bench.arrive(feed, BODY.length);
    t.equal(bench.fake.body.length, written, `${why}: nothing more of it`);
    t.equal(bench.fake.state, 'open', why);
  }
  t.end();
});

t.test(
  'several ranges begin with the bytes of the first, so that a failure before can be told',
  (t) => {
    const pieces = [
      { bytes: Buffer.from('[one]') },
      { from: 6_000, length: 10 },
      { bytes: Buffer.from('[two]') },
      { from: 0, length: 5 },
    ];
    const plan = { ...PLAN, status: 206, pieces, total: 25 };
    for (const code of ['GW_ORIGIN_BODY_SHORT', 'GW_WORKER_LOST'] as const) {
      const bench = new FollowedBench(t);
      const feed = bench.feed(4, 5_000);
      bench.begin(feed, plan);
      bench.arrive(feed, 6_000);
      t.equal(bench.fake.statusLine, '', 'what has come is not wanted first');
      bench.lose(feed, code);
      t.same(bench.heard, [code]);
      t.equal(bench.fake.statusLine, '');
    }
    const bench = new FollowedBench(t);
    const feed = bench.feed(4, 5_000);
    bench.begin(feed, plan);
    bench.arrive(feed, 6_001);
    t.match(bench.fake.statusLine, /^206 /);
    bench.arrive(feed, BODY.length);
    const want = ['[one]', BODY.subarray(6_000, 6_010), '[two]', BODY.subarray(0, 5)];
    t.ok(bench.fake.body.equals(Buffer.concat(want.map((part) => Buffer.from(part)))));
    t.end();
  },
);

t.test('of a body that has failed nothing more is written', (t) => {
  const bench = new FollowedBench(t);
  const feed = bench.feed(4, 5_000);
  bench.fake.room = 1_000;
  bench.begin(feed);
  bench.lose(feed, 'GW_ORIGIN_BODY_SHORT');
  bench.fake.drain(Infinity);
  t.equal(bench.fake.body.length, 1_000);
  t.end();
});

t.test('an interrupted body goes on from the fill of the successor', (t) => {
  const bench = new FollowedBench(t);
  const first = bench.feed(4, 5_000);
  bench.begin(first);
  bench.lose(first);
  const second = bench.feed(12, 3_000);
  bench.followed.goOn(second.descriptor, second);
  t.equal(bench.arena.leases(4), 0);
  bench.arena.write(first.descriptor.extents, 0, Buffer.alloc(3 * BLOCK)); // it is others' now
  t.notOk(bench.followed.isInterrupted);
  t.equal(bench.fake.body.length, 5_000, 'it is not that far yet');
  bench.arrive(second, 7_000);
  t.equal(bench.fake.body.length, 7_000);
  bench.lose(second);
  const third = bench.feed(20, BODY.length);
  bench.followed.goOn(third.descriptor, third);
  t.same(bench.heard, ['interrupted', 'interrupted'], 'as often as it must');
  t.equal(bench.fake.state, 'complete');
  t.ok(bench.fake.body.equals(BODY));
  t.end();
});

t.test(
  'what has come is held until there is something to go on with, as its client may take it',
  (t) => {
    const bench = new FollowedBench(t);
    const first = bench.feed(4, 5_000);
    bench.fake.room = 1_000;
    bench.begin(first);
    bench.lose(first);
    t.equal(bench.arena.leases(4), 1);
    bench.fake.drain(Infinity);
    t.ok(bench.fake.body.equals(BODY.subarray(0, 5_000)));
    const next = bench.describe(12, BODY.length);
    bench.followed.goOn(next);
    t.ok(bench.fake.body.equals(BODY));
    t.equal(bench.arena.leases(4), 0);
    t.end();
  },
);

t.test('what is held of an interrupted body goes with its client', (t) => {
  const bench = new FollowedBench(t);
  const feed = bench.feed(4, 5_000);
  bench.fake.room = 1_000;
  bench.begin(feed);
  bench.lose(feed);
  bench.fake.leave();
  t.equal(bench.arena.leases(4), 0);
  t.end();
});

t.test('an interrupted body goes on from what is stored, under a lease', (t) => {
  const bench = new FollowedBench(t);
  const feed = bench.feed(4, 5_000);
  bench.begin(feed);
  bench.lose(feed);
  bench.fake.room = 1_000;
  bench.followed.goOn(bench.describe(12, BODY.length));
  t.equal(bench.fake.body.length, 6_000);
  t.equal(bench.arena.leases(12), 1);
  bench.fake.drain(Infinity);
  t.equal(bench.fake.state, 'complete');
  t.ok(bench.fake.body.equals(BODY));
  t.equal(bench.arena.leases(12), 0);
  t.end();
});

t.test('other bytes never follow: the response is closed', (t) => {
  const rows: readonly (readonly [string, Partial<Descriptor>])[] = [
    ['another version', { etag: '"v2"' }],
    ['weakly the same', { etag: 'W/"v1"' }],
    ['another status', { status: 203 }],
    ['longer', { totalBytes: BODY.length + 1, storedBytes: BODY.length + 1 }],
    ['a part', { firstByte: 1, storedBytes: BODY.length - 1 }],
    ['in slices', { sliceBytes: 1_024 }],
  ];
  for (const [why, facts] of rows) {
    for (const filling of [true, false]) {
      const bench = new FollowedBench(t);
      const feed = bench.feed(4, 5_000);
      bench.begin(feed);
      bench.lose(feed);
      const next = bench.feed(12, BODY.length, facts);
      bench.followed.goOn(next.descriptor, filling ? next : undefined);
      t.equal(bench.fake.state, 'closed', why);
      t.equal(bench.fake.body.length, 5_000, why);
      t.equal(next.followers.size, 0, why);
      t.equal(bench.arena.leases(12), 1, `${why}: the lease of the feed alone`);
    }
  }
  const bench = new FollowedBench(t);
  bench.begin(bench.feed(4, 5_000));
  bench.followed.goOn(bench.describe(12, BODY.length));
  t.equal(bench.fake.state, 'closed', 'it was not interrupted');
  t.end();
});

t.test('a client that holds up the others is cut, and one that leaves is forgotten', (t) => {
  for (const end of ['cut', 'left'] as const) {
    const bench = new FollowedBench(t);
    const feed = bench.feed(4, 5_000);
    bench.begin(feed);
    const [follower] = feed.followers;
    t.same([follower?.begun, follower?.sent, follower?.over], [true, 5_000, false], end);
    feed.cutBelow(5_000);
    t.equal(bench.fake.state, 'open', 'it is far enough');
    if (end === 'cut') feed.cutBelow(5_001);
    else bench.fake.leave();
    t.equal(bench.fake.state, 'closed', end);
    t.ok(follower?.over, end);
    t.equal(feed.followers.size, 0, end);
    t.equal(bench.arena.leases(4), 0, end);
  }
  t.end();
});
