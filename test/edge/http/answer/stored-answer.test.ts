import t, { type Test } from 'tap';
import { ArenaBody } from '../../../../src/edge/reach/body-source.js';
import type { ResponsePlan } from '../../../../src/edge/http/answer/response-plan.js';
import { StoredAnswer } from '../../../../src/edge/http/answer/stored-answer.js';
import { LocalObject } from '../../../../src/edge/reach/local-object.js';
import type { FieldLines } from '../../../../src/http/fields.js';
import type { Descriptor } from '../../../../src/protocol/descriptor.js';
import type { Served } from '../../../../src/protocol/messages.js';
import { EdgeBench } from '../../../support/edge-bench.js';
import { FakeResponse, fakeResponder } from '../../../support/fake-response.js';

const BLOCK = 4_096;
const HIT: Served = { hit: true };
const MISS: Served = { hit: false, fwd: 'uri-miss' };

class StoredBench {
  readonly edge: EdgeBench;
  readonly fake = new FakeResponse();
  readonly responder = fakeResponder(this.fake);
  readonly answer: StoredAnswer;

  constructor(t: Test) {
    this.edge = new EdgeBench(t);
    this.answer = new StoredAnswer(this.edge.context, this.responder);
  }

  plan(descriptor: Descriptor, fields: FieldLines = [], method = 'GET'): ResponsePlan {
    const request = this.edge.request(method, descriptor.key, fields);
    const plan = this.answer.plan(request, descriptor);
    if (plan === undefined) throw new Error('it is not what is wanted');
    return plan;
  }

  serve(descriptor: Descriptor, plan: ResponsePlan, served = HIT, found = true): boolean {
    const { arena } = this.edge.context;
    return this.answer.serve(new LocalObject(descriptor, arena, 'headgate'), plan, {
      served,
      found,
    });
  }

  leases({ slot }: Descriptor): number {
    return this.edge.context.arena.leases(slot);
  }
}

t.test('a stored object goes out at once, and its lease goes back', async (t) => {
  const bench = new StoredBench(t);
  const object = await bench.edge.store('/1.m4s', 'the body');
  bench.edge.storage.nowMs += 10_500;
  t.ok(bench.serve(object, bench.plan(object)));
  t.equal(bench.fake.state, 'complete');
  t.equal(bench.fake.body.toString(), 'the body');
  t.match(bench.fake.head, /^200 OK\r\nCache-Status: headgate; hit; ttl=49\r\nAge: 10\r\n/);
  t.equal(bench.fake.corks, 1, 'one packet');
  t.equal(bench.leases(object), 0);
});

t.test('what has gone since is not served, and nothing is written or counted', async (t) => {
  const bench = new StoredBench(t);
  const object = await bench.edge.store('/1.m4s', 'the body');
  const plan = bench.plan(object);
  bench.edge.context.arena.bumpGeneration(object.slot);
  t.notOk(bench.serve(object, plan));
  t.equal(bench.fake.head, '');
  t.match(bench.edge.counters, { hits: 0, nearHits: 0 });
  t.equal(bench.leases(object), 0);
  t.ok(bench.serve(object, plan, HIT, false), 'told by its shard, so a lease keeps it');
  t.equal(bench.fake.body.toString(), 'the body');
});

t.test(
  'of a coding of ours that has gone nothing is written, though its object is told',
  async (t) => {
    const bench = new StoredBench(t);
    const object = await bench.edge.store('/1.m3u8', 'the body');
    const other = await bench.edge.store('/coded', 'coded');
    const { slot, generation, extents } = other;
    const encoded = {
      coding: 'gzip',
      slot,
      generation,
      extents,
      bytes: 5,
    } as const;
    const plan = {
      ...bench.plan(object),
      pieces: [{ from: 0, length: 5 }],
      total: 5,
      encoded,
    };
    bench.edge.context.arena.bumpGeneration(slot);
    t.notOk(bench.serve(object, plan, HIT, false));
    const current = {
      ...encoded,
      generation: bench.edge.context.arena.generation(slot),
    };
    t.ok(bench.serve(object, { ...plan, encoded: current }, HIT, false));
    t.equal(bench.fake.body.toString(), 'coded', 'its bytes, not those of the object');
    t.equal(bench.leases(other), 0);
  },
);

t.test('a body that the kernel does not take at once is leased until it is over', async (t) => {
  const body = 'the quick brown fox '.repeat(2_000);
  for (const end of ['read', 'left'] as const) {
    const bench = new StoredBench(t);
    const object = await bench.edge.store('/1.m4s', body);
    bench.fake.room = 10_000;
    t.ok(bench.serve(object, bench.plan(object)));
    t.equal(bench.fake.body.length, 10_000);
    t.equal(bench.leases(object), 1);
    t.equal(bench.edge.context.wheel.count, 1);
    if (end === 'read') bench.fake.drain(Infinity);
    else bench.fake.leave();
    t.equal(bench.leases(object), 0, end);
    t.equal(bench.edge.context.wheel.count, 0, end);
    t.equal(bench.fake.body.toString() === body, end === 'read', end);
  }
});

t.test('a client that has left before costs no lease', async (t) => {
  for (const size of [10, 40_000]) {
    const bench = new StoredBench(t);
    const object = await bench.edge.store('/1.m4s', 'x'.repeat(size));
    bench.fake.leave();
    t.ok(bench.serve(object, bench.plan(object)));
    t.equal(bench.leases(object), 0);
    t.same(bench.edge.faults, []);
  }
});

t.test('what comes before a body counts when it is to go out in one piece', async (t) => {
  const inner = `inner; detail="${'x'.repeat(3_000)}"`;
  for (const [status, link] of [
    ['', 0],
    [inner, 0],
    ['', 3_000],
  ] as const) {
    const bench = new StoredBench(t);
    const told: FieldLines = status === '' ? [] : [['cache-status', status]];
    const object = await bench.edge.store('/1.m4s', 'x'.repeat(13_000), told);
    bench.fake.room = 5_000;
    if (link > 0) bench.responder.interim({ status: 103, fields: [['link', 'x'.repeat(link)]] });
    t.ok(bench.serve(object, bench.plan(object)));
    const whole = status === '' && link === 0;
    t.equal(bench.fake.body.length, whole ? 13_000 : 5_000, 'not by `end`, which must fit');
    bench.fake.drain(Infinity);
    t.equal(bench.fake.body.length, 13_000);
    t.equal(bench.leases(object), 0);
  }
});

t.test('a range over the border of two blocks is one body', async (t) => {
  const bench = new StoredBench(t);
  const { arena } = bench.edge.context;
  const object = await bench.edge.store('/1.m4s', 'x'.repeat(2 * BLOCK));
  const [first] = object.extents;
  const offset = first?.offset ?? 0;
  const two = [
    { offset, length: BLOCK },
    { offset: offset + BLOCK, length: BLOCK },
  ];
  arena.write(two, BLOCK - 3, Buffer.from('abcdef'));
  const split = { ...object, extents: two };
  t.ok(bench.serve(split, bench.plan(split, [['range', `bytes=${BLOCK - 3}-${BLOCK + 2}`]])));
  t.equal(bench.fake.body.toString(), 'abcdef');
  t.equal(bench.fake.state, 'complete');
  t.match(bench.fake.statusLine, /^206 /);
  t.equal(bench.leases(object), 0);
});

t.test('several ranges are one body with a boundary that nobody can foresee', async (t) => {
  const bench = new StoredBench(t);
  const object = await bench.edge.store('/1.m4s', '0123456789');
  t.ok(bench.serve(object, bench.plan(object, [['range', 'bytes=0-1,8-9']])));
  const boundary = /boundary=(hg\w+)/.exec(bench.fake.head)?.[1] ?? '';
  const parts = bench.fake.body.toString().split(`--${boundary}`);
  t.equal(parts.length, 4);
  t.match(parts[1], /\r\n\r\n01\r\n$/);
  t.match(parts[2], /\r\n\r\n89\r\n$/);
  t.equal(bench.leases(object), 0);
});

t.test(
  'heads alone have the length that a GET would have had, where one may be told',
  async (t) => {
    const rows = [
      ['HEAD', [], ['Content-Length: 8']],
      ['GET', [['if-none-match', '"v1"']], []],
      ['GET', [['if-match', '"v2"']], ['Content-Length: 0']],
      ['GET', [['range', 'bytes=8-']], ['Content-Length: 0']],
    ] as const;
    for (const [method, fields, lengths] of rows) {
      const bench = new StoredBench(t);
      const object = await bench.edge.store('/1.m4s', 'the body', [['etag', '"v1"']]);
      t.ok(bench.serve(object, bench.plan(object, fields, method)));
      t.equal(bench.fake.state, 'bodyless');
      t.same(
        bench.fake.headers.filter((line) => line.startsWith('Content-Length')),
        lengths,
      );
      t.equal(bench.fake.body.length, 0);
      t.equal(bench.leases(object), 0);
    }
  },
);

t.test('what was served is counted by what it was', async (t) => {
  const etag: FieldLines = [['etag', '"v1"']];
  const stale: Served = { hit: true, detail: 'stale-while-revalidate' };
  const rows = [
    [HIT, true, [], { hits: 1, nearHits: 1, misses: 0, staleServed: 0 }],
    [HIT, false, [], { hits: 1, nearHits: 0 }],
    [stale, true, [], { hits: 1, staleServed: 1 }],
    [MISS, false, [], { hits: 0, misses: 1, collapsed: 0, staleServed: 0 }],
    [{ ...MISS, collapsed: true }, false, [], { misses: 1, collapsed: 1 }],
    [{ ...MISS, detail: 'why' }, false, [], { misses: 1, staleServed: 0 }],
    [HIT, true, [['if-none-match', '"v1"']], { hits: 1, notModified: 1, ranges: 0 }],
    [HIT, true, [['range', 'bytes=1-2']], { hits: 1, notModified: 0, ranges: 1 }],
  ] as const;
  for (const [served, found, fields, want] of rows) {
    const bench = new StoredBench(t);
    const object = await bench.edge.store('/1.m4s', 'the body', etag);
    bench.serve(object, bench.plan(object, fields), served, found);
    t.match(bench.edge.counters, want, JSON.stringify([served, found, fields]));
  }
});

t.test(
  'a head says how much is left of a lifetime of hits alone, and less than none',
  async (t) => {
    const rows = [
      [HIT, 70_000, 'inner; fwd=miss, headgate; hit; ttl=-10', 'Age: 70'],
      [MISS, 1_000, 'inner; fwd=miss, headgate; fwd=uri-miss', 'Age: 1'],
    ] as const;
    for (const [served, laterMs, status, age] of rows) {
      const bench = new StoredBench(t);
      const fields: FieldLines = [['cache-status', 'inner; fwd=miss']];
      const object = await bench.edge.store('/1.m4s', 'the body', fields);
      bench.edge.storage.nowMs += laterMs;
      bench.serve(object, bench.plan(object), served);
      t.same(bench.fake.head.split('\r\n').slice(1, 3), [`Cache-Status: ${status}`, age]);
    }
  },
);

t.test(
  'writerFor() sends what the caller keeps leased, its head with the first bytes',
  async (t) => {
    const bench = new StoredBench(t);
    const object = await bench.edge.store('/1.m4s', 'the body');
    const { arena } = bench.edge.context;
    const { slot, extents } = object;
    const source = new ArenaBody({
      arena,
      slot,
      extents,
      written: 0,
      ended: false,
    });
    let heads = 0;
    const writer = bench.answer.writerFor(bench.plan(object), source, () => (heads += 1));
    writer.pump(100);
    t.equal(heads, 0);
    source.written = 8;
    writer.pump(100);
    t.equal(heads, 1);
    t.equal(bench.fake.body.toString(), 'the body');
  },
);
