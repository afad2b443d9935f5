import t, { type Test } from 'tap';
import type { ResponsePlan } from '../../../../src/edge/http/answer/response-plan.js';
import { StoredAnswer } from '../../../../src/edge/http/answer/stored-answer.js';
import { SlicedAnswer } from '../../../../src/edge/http/slices/sliced-answer.js';
import { LocalObject } from '../../../../src/edge/reach/local-object.js';
import type { FieldLines } from '../../../../src/http/fields.js';
import type { Served } from '../../../../src/protocol/messages.js';
import { FakeResponse, fakeResponder } from '../../../support/fake-response.js';
import { FILM, FilmBench, filmRequest, SLICE } from '../../../support/film.js';
import { settled } from '../../../support/shard.js';

const HIT: Served = { hit: true };
const TOLD: Served = {
  hit: false,
  fwd: 'uri-miss',
  fwdStatus: 200,
  stored: true,
};

class AnswerBench extends FilmBench {
  readonly fake = new FakeResponse();
  readonly heard: string[] = [];
  readonly #answer: SlicedAnswer;
  readonly #object: LocalObject;
  readonly #plan: ResponsePlan;

  constructor(t: Test, fields: FieldLines = []) {
    super(t);
    const { context, fake } = this;
    const responder = fakeResponder(fake);
    Object.assign(fake, {
      getRemoteAddressAsText: () => Buffer.from('192.0.2.1'),
    });
    const stored = new StoredAnswer(context, responder);
    const request = filmRequest(fields);
    this.#answer = new SlicedAnswer({
      ...{ context, request, responder, stored },
      onOutdated: () => this.heard.push('outdated'),
      onBypass: () => this.heard.push('bypass'),
      onFailed: (code) => this.heard.push(code),
    });
    const { slot } = this.head;
    const head = {
      ...this.head,
      generation: this.worker.owner.bumpGeneration(slot),
    };
    this.#object = new LocalObject(head, this.worker.arena, 'headgate');
    const plan = stored.plan(request, head);
    if (plan === undefined) throw new Error('no plan');
    this.#plan = plan;
  }

  serve(served = HIT, found = true): boolean {
    return this.#answer.serve(this.#object, this.#plan, { served, found });
  }

  /** All slices are found. */
  tellAll(): void {
    for (let number = 0; number <= 10; number += 1) this.tell(number);
  }

  get leased(): number {
    let sum = this.worker.owner.leases(this.head.slot);
    for (let number = 0; number <= 10; number += 1) sum += this.leases(number);
    return sum;
  }

  get cacheStatus(): string {
    return /cache-status: (.*)/i.exec(this.fake.head)?.[1] ?? '';
  }
}

t.test('SlicedAnswer sends all of the object, slice after slice', (t) => {
  const bench = new AnswerBench(t);
  bench.tellAll();
  bench.fake.room = 3 * SLICE + 50;
  t.ok(bench.serve());
  t.equal(bench.fake.statusLine, '200 OK');
  t.equal(bench.fake.body.length, 3 * SLICE + 50);
  t.ok(bench.leased > 0 && bench.leased <= 3, 'the slice that is sent, and two ahead at most');
  bench.fake.drain(Infinity);
  t.equal(bench.fake.state, 'complete');
  t.ok(bench.fake.body.equals(FILM));
  t.equal(bench.leased, 0);
  t.equal(bench.worker.owner.hits[bench.head.slot], 1);
  t.match(bench.cacheStatus, /^headgate; hit/);
  t.match(bench.counters, { hits: 1, misses: 0, nearHits: 1, ranges: 0 });
  t.end();
});

t.test('SlicedAnswer sends a range from where it begins', (t) => {
  const bench = new AnswerBench(t, [['range', `bytes=${4 * SLICE - 10}-${4 * SLICE + 9}`]]);
  t.ok(bench.serve());
  t.equal(bench.fake.statusLine, '', 'nothing is sent before its first byte is there');
  t.same(bench.asked, [3, 4]);
  bench.answer(3, {
    hit: false,
    fwd: 'uri-miss',
    fwdStatus: 206,
    stored: true,
    collapsed: true,
  });
  t.equal(bench.fake.statusLine, '206 Partial Content');
  bench.answer(4);
  t.ok(bench.fake.body.equals(FILM.subarray(4 * SLICE - 10, 4 * SLICE + 10)));
  t.match(bench.cacheStatus, /^headgate; fwd=partial; fwd-status=206; stored; collapsed/);
  t.match(bench.counters, { hits: 0, misses: 1, collapsed: 1, ranges: 1 });
  t.end();
});

const SEVERAL = `bytes=${4 * SLICE}-${4 * SLICE + 9},10-19`;

t.test('SlicedAnswer of several ranges begins with the bytes of the first', async (t) => {
  const bench = new AnswerBench(t, [['range', SEVERAL]]);
  bench.serve();
  t.equal(bench.fake.statusLine, '', 'the head of a part is ours, and tells nothing');
  t.same(bench.asked, [4]);
  bench.answer(4, { hit: false, fwd: 'uri-miss', fwdStatus: 206, stored: true });
  t.equal(bench.fake.statusLine, '206 Partial Content');
  t.match(bench.cacheStatus, /^headgate; fwd=partial; fwd-status=206; stored/);
  bench.answer(0);
  t.equal(bench.fake.state, 'complete');
  t.ok(bench.fake.body.includes(FILM.subarray(4 * SLICE, 4 * SLICE + 10)));
  t.ok(bench.fake.body.includes(FILM.subarray(10, 20)));
  const rows = [
    ['GW_ORIGIN_STATUS', 'bypass'],
    ['GW_ORIGIN_CHANGED', 'outdated'],
    ['GW_MAILBOX_FULL', 'GW_MAILBOX_FULL'],
  ] as const;
  for (const [code, heard] of rows) {
    const failing = new AnswerBench(t, [['range', SEVERAL]]);
    failing.serve();
    failing.refuse(4, code);
    await settled();
    failing.worker.hear({ kind: 'invalidated', id: 1 });
    await settled();
    t.same(failing.heard, [heard]);
    t.equal(failing.fake.statusLine, '', 'there is another answer');
    t.equal(failing.fake.state, 'open');
  }
});

t.test('SlicedAnswer whose head was asked for says so, wherever its bytes were', (t) => {
  const bench = new AnswerBench(t);
  t.ok(bench.serve(TOLD, false));
  bench.answer(0, { hit: false, fwd: 'partial', fwdStatus: 206 });
  t.match(bench.cacheStatus, /^headgate; fwd=uri-miss; fwd-status=200; stored/);
  t.match(bench.counters, { hits: 0, misses: 1, nearHits: 0 });
  t.end();
});

t.test('SlicedAnswer begins nothing under a head that has gone', (t) => {
  const bench = new AnswerBench(t);
  bench.worker.owner.bumpGeneration(bench.head.slot);
  t.notOk(bench.serve());
  t.same(bench.asked, []);
  t.equal(bench.fake.statusLine, '');
  t.equal(bench.counters.nearHits, 0);
  t.ok(bench.serve(TOLD, false), "somebody's lease keeps it");
  t.end();
});

t.test('SlicedAnswer has another version asked for when all have forgotten this one', async (t) => {
  const bench = new AnswerBench(t);
  bench.serve();
  bench.refuse(0, 'GW_ORIGIN_CHANGED');
  await settled();
  const order = bench.worker.sent.at(-1)?.message;
  t.match(order, { kind: 'invalidate', key: '/film.mp4', validator: '"v1"' });
  t.same(bench.heard, [], 'not before that');
  bench.worker.hear({ kind: 'invalidated', id: 1 });
  await settled();
  t.same(bench.heard, ['outdated']);
  t.equal(bench.fake.state, 'open');
  t.equal(bench.counters.hits + bench.counters.misses, 0, 'another answer is counted');
});

t.test('SlicedAnswer that has begun ends short when its version is gone', async (t) => {
  const bench = new AnswerBench(t);
  bench.tell(0);
  bench.serve();
  t.equal(bench.fake.body.length, SLICE);
  bench.refuse(1, 'GW_ORIGIN_CHANGED');
  await settled();
  t.equal(bench.fake.state, 'open');
  bench.worker.hear({ kind: 'invalidated', id: 1 });
  await settled();
  t.equal(bench.fake.state, 'closed');
  t.same([bench.heard, bench.leased], [[], 0]);
});

t.test('SlicedAnswer asks nothing anew for a client who has left', async (t) => {
  const bench = new AnswerBench(t);
  bench.serve();
  bench.refuse(0, 'GW_ORIGIN_CHANGED');
  await settled();
  bench.fake.leave();
  bench.worker.hear({ kind: 'invalidated', id: 1 });
  await settled();
  t.same(bench.heard, []);
});

t.test(
  'SlicedAnswer leaves its client to the origin, which fails, while nothing is sent',
  async (t) => {
    for (const begun of [false, true]) {
      const bench = new AnswerBench(t);
      if (begun) bench.tell(0);
      bench.serve();
      bench.refuse(begun ? 1 : 0, 'GW_ORIGIN_STATUS');
      await settled();
      t.same(bench.heard, [begun ? 'GW_ORIGIN_STATUS' : 'bypass']);
      t.equal(bench.leased, 0);
    }
  },
);

t.test('SlicedAnswer that failed sends nothing of what comes late', async (t) => {
  const bench = new AnswerBench(t);
  bench.tell(0);
  bench.fake.room = 100;
  bench.serve();
  bench.fake.drain(SLICE - 100);
  t.same(bench.asked, [1, 2, 3]);
  bench.refuse(1, 'GW_MAILBOX_FULL');
  await settled();
  t.same(bench.heard, ['GW_MAILBOX_FULL']);
  bench.answer(2);
  bench.fake.drain(Infinity);
  t.equal(bench.fake.body.length, SLICE);
  t.equal(bench.leased, 0);
  t.same(bench.asked, [1, 2, 3], 'nor asks for more');
});

t.test(
  'SlicedAnswer tells what else was wrong, and fetches in the name of its client',
  async (t) => {
    const bench = new AnswerBench(t);
    bench.serve();
    bench.refuse(0, 'GW_MAILBOX_FULL');
    await settled();
    t.same(bench.heard, ['GW_MAILBOX_FULL']);
    const other = new AnswerBench(t);
    other.serve();
    other.worker.hear({ kind: 'bypass', id: other.ask(0).id });
    t.equal(other.origin.next().header('x-forwarded-for'), '192.0.2.1');
  },
);

t.test('SlicedAnswer goes with its client', (t) => {
  const bench = new AnswerBench(t);
  bench.tell(0);
  bench.fake.room = SLICE;
  bench.serve();
  bench.fake.leave();
  t.equal(bench.leased, 0);
  t.equal(bench.worker.asks.pending, 0);
  t.ok(bench.worker.kinds().includes('cancel'));
  t.end();
});

t.test('SlicedAnswer promises nothing that only-if-cached forbids to ask for', (t) => {
  const only: FieldLines = [['cache-control', 'only-if-cached']];
  const whole = new AnswerBench(t, only);
  whole.tellAll();
  t.ok(whole.serve());
  t.same([whole.heard, whole.fake.state], [[], 'complete']);
  const lacking = new AnswerBench(t, only);
  for (let number = 0; number < 10; number += 1) lacking.tell(number);
  t.ok(lacking.serve());
  t.same([lacking.heard, lacking.fake.head], [['GW_ONLY_IF_CACHED'], '']);
  const part = new AnswerBench(t, [...only, ['range', `bytes=${SLICE}-${SLICE + 9}`]]);
  part.tell(1);
  t.ok(part.serve());
  t.same(part.heard, [], 'of what it wants all is there');
  t.end();
});
