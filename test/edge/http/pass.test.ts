import t, { type Test } from 'tap';
import { passThrough, type Passing } from '../../../src/edge/http/pass.js';
import type { ErrorCode } from '../../../src/errors.js';
import type { FieldLines } from '../../../src/http/fields.js';
import { AddressedResponse, EdgeBench } from '../../support/edge-bench.js';
import { fakeResponder } from '../../support/fake-response.js';
import { settled, until } from '../../support/shard.js';
import type { TimedRequest } from '../../support/timed-origin.js';

class PassBench {
  readonly fake = new AddressedResponse();
  readonly edge: EdgeBench;
  readonly over: Promise<void>;

  constructor(
    t: Test,
    method: string,
    fields: FieldLines = [],
    more: Partial<Passing> & { target?: string } = {},
  ) {
    this.edge = new EdgeBench(t);
    const { target = '/v/1.mp4', ...passing } = more;
    const request = this.edge.request(method, target, fields);
    const responder = fakeResponder(this.fake);
    responder.forHead = method === 'HEAD';
    const what = { request, responder, body: undefined, fwd: 'method', ...passing } as const;
    this.over = passThrough(this.edge.context, what);
  }

  next(): TimedRequest {
    return this.edge.origin.next();
  }

  /** Keys that shards were told to forget. */
  get invalidated(): string[] {
    return this.edge.sent.flatMap((one) => (one.kind === 'invalidate' ? [one.key] : []));
  }

  /** As shards do when they have forgotten. */
  confirm(): void {
    for (const one of this.edge.sent) {
      if (one.kind === 'invalidate') {
        this.edge.context.asks.receive({ kind: 'invalidated', id: one.id }, 0);
      }
    }
  }
}

t.test('the origin is asked what the client asks, and the client gets its answer', async (t) => {
  const bench = new PassBench(
    t,
    'POST',
    [
      ['x-own', '1'],
      ['expect', '100-continue'],
    ],
    {
      target: '/form?a=1&b=2',
    },
  );
  const asked = bench.next();
  t.match(asked.request, {
    method: 'POST',
    target: '/form?a=1&b=2',
    body: undefined,
  });
  t.equal(asked.header('x-own'), '1');
  t.equal(asked.header('expect'), undefined, 'it is between two hops');
  t.equal(asked.header('x-forwarded-for'), '192.0.2.7');
  asked.head(403, [['x-answer', 'yes']]);
  asked.chunk('no');
  await until(() => bench.fake.body.length === 2);
  t.equal(bench.fake.state, 'open', 'it goes out as it comes');
  asked.chunk('pe');
  asked.end();
  await bench.over;
  t.equal(bench.fake.body.toString(), 'nope');
  t.equal(bench.fake.state, 'complete');
  t.match(bench.fake.head, /^403 .*\r\nCache-Status: headgate; fwd=method; fwd-status=403\r\n/);
  t.match(bench.fake.head, '\r\nx-answer: yes');
  t.match(bench.edge.counters, {
    passed: 1,
    originRequests: 1,
    originErrors: 0,
  });
});

t.test('1xx answers come before the final one', async (t) => {
  const bench = new PassBench(t, 'GET');
  const asked = bench.next();
  asked.request.onInformational?.(103, [['link', '</a>; rel=preload']]);
  asked.answer(200, [], 'ok');
  await bench.over;
  t.equal(
    bench.fake.statusLine,
    '103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK',
  );
});

t.test(
  'what an unsafe method has changed is forgotten before the client hears of it',
  async (t) => {
    const bench = new PassBench(t, 'PUT', [], { target: '/v/../list?x=1' });
    bench.next().answer(
      201,
      [
        ['location', '/made'],
        ['content-location', 'http://test/also'],
        ['content-length', '2'],
      ],
      'ok',
    );
    await settled();
    t.same(bench.invalidated, ['/list?x=1', '/made', '/also']);
    t.equal(bench.fake.head, '');
    bench.confirm();
    await bench.over;
    t.equal(bench.fake.body.toString(), 'ok');
  },
);

t.test('nothing is forgotten for a failure, a safe method, or another host', async (t) => {
  const rows = [
    ['PUT', 500, [], []],
    ['PUT', 404, [], []],
    ['OPTIONS', 200, [], []],
    ['POST', 303, [['location', 'http://other/x']], ['/v/1.mp4']],
    ['POST', 200, [['location', 'http://[bad']], ['/v/1.mp4']],
    ['POST', 200, [['location', '/a%2Fb']], ['/v/1.mp4']],
    ['BREW', 200, [], ['/v/1.mp4']],
  ] as const;
  for (const [method, status, fields, keys] of rows) {
    const bench = new PassBench(t, method);
    bench.next().answer(status, fields);
    await settled();
    t.same(bench.invalidated, keys, `${method} ${status}`);
    bench.confirm();
    await bench.over;
    t.equal(bench.fake.state, 'complete');
  }
});

t.test('a part for a condition that does not hold is asked for again, whole', async (t) => {
  const fields: FieldLines = [
    ['range', 'bytes=0-4'],
    ['if-range', '"v1"'],
    ['x-own', '1'],
  ];
  const bench = new PassBench(t, 'GET', fields, { fwd: 'uri-miss' });
  const first = bench.next();
  t.equal(first.header('range'), 'bytes=0-4');
  first.answer(
    206,
    [
      ['content-range', 'bytes 0-4/10'],
      ['etag', '"v2"'],
    ],
    'parts',
  );
  await until(() => bench.edge.origin.requests.length === 2);
  const second = bench.next();
  t.same([second.header('range'), second.header('if-range')], [undefined, undefined]);
  t.equal(second.header('x-own'), '1');
  second.answer(
    200,
    [
      ['content-length', '10'],
      ['etag', '"v2"'],
    ],
    '0123456789',
  );
  await bench.over;
  t.match(bench.fake.statusLine, /^200 /);
  t.equal(bench.fake.body.toString(), '0123456789', 'nothing of the first answer');
  t.equal(bench.edge.counters.originRequests, 2);
});

t.test('a body that nobody wants is given up', async (t) => {
  const bench = new PassBench(t, 'GET', [['range', 'bytes=2-3']]);
  const asked = bench.next();
  asked.head(200, [['content-length', '10']]);
  asked.chunk('01234');
  await bench.over;
  t.equal(bench.fake.body.toString(), '23');
  t.equal(bench.fake.state, 'complete');
  t.ok(asked.given, 'the rest is not read');
});

t.test('a failure is told as long as nothing was sent', async (t) => {
  const rows: readonly (readonly [ErrorCode, RegExp, ErrorCode[], number])[] = [
    ['GW_ORIGIN_CONNECT', /^502 /, ['GW_ORIGIN_CONNECT'], 1],
    ['GW_ORIGIN_TIMEOUT', /^504 /, ['GW_ORIGIN_TIMEOUT'], 1],
    ['GW_ORIGIN_BUSY', /^503 /, ['GW_ORIGIN_BUSY'], 0], // ours
    ['GW_BODY_TOO_LARGE', /^413 /, [], 0], // the client's
    ['GW_BODY_TIMEOUT', /^408 /, [], 0],
  ];
  for (const [code, status, warned, originErrors] of rows) {
    const bench = new PassBench(t, 'POST');
    bench.next().fail(code);
    await bench.over;
    t.match(bench.fake.statusLine, status);
    t.match(bench.fake.body.toString(), new RegExp(`^${code}: `));
    t.match(
      bench.edge.logged,
      warned.map((warning) => ({ level: 'warn', line: { code: warning, path: '/v/1.mp4' } })),
    );
    t.equal(bench.edge.logged.length, warned.length, code);
    t.equal(bench.edge.counters.originErrors, originErrors, code);
  }
});

t.test('what passes counts as an error of the origin from 500 on, and by its bytes', async (t) => {
  for (const [status, originErrors] of [
    [200, 0],
    [404, 0],
    [500, 1],
    [503, 1],
  ] as const) {
    const bench = new PassBench(t, 'OPTIONS');
    const asked = bench.next();
    asked.head(status, []);
    asked.chunk('the');
    asked.chunk(' body');
    asked.end();
    await bench.over;
    t.equal(bench.fake.state, 'complete');
    t.match(bench.edge.counters, { originErrors, originBytes: 8 }, String(status));
  }
});

t.test('an origin that answers with a part whatever it is asked is at fault', async (t) => {
  for (const fields of [[['range', 'bytes=0-4'] as const, ['if-range', '"v1"'] as const], []]) {
    const bench = new PassBench(t, 'GET', fields, { fwd: 'uri-miss' });
    const part: FieldLines = [
      ['content-range', 'bytes 0-4/10'],
      ['etag', '"v2"'],
    ];
    bench.next().answer(206, part, 'parts');
    await until(() => bench.edge.origin.requests.length === 2);
    bench.next().answer(206, part, 'parts');
    await bench.over;
    t.match(bench.fake.statusLine, /^502 /);
    t.match(bench.fake.body.toString(), /^GW_ORIGIN_PROTOCOL: /);
    t.match(bench.edge.counters, { originErrors: 1, originRequests: 2 });
  }
});

t.test('a body that fails on its way must not look whole', async (t) => {
  for (const fields of [[['content-length', '10']], []] as const) {
    const bench = new PassBench(t, 'POST');
    const asked = bench.next();
    asked.head(403, fields);
    asked.chunk('half');
    await until(() => bench.fake.body.length === 4);
    asked.fail('GW_ORIGIN_BODY_SHORT');
    await bench.over;
    t.equal(bench.fake.state, 'closed');
    t.equal(bench.fake.body.toString(), 'half');
  }
});

t.test('the origin hears of a client that leaves, whenever he does', async (t) => {
  const early = new PassBench(t, 'POST');
  early.fake.leave();
  await early.over;
  t.ok(early.next().signal.aborted, 'before the head');

  const middle = new PassBench(t, 'POST');
  const asked = middle.next();
  asked.head(403, [['content-length', '10']]);
  asked.chunk('half');
  await until(() => middle.fake.body.length === 4);
  middle.fake.leave();
  await middle.over;
  t.ok(asked.signal.aborted, 'in the middle of the body');

  const forgetting = new PassBench(t, 'POST');
  const changed = forgetting.next();
  changed.answer(200, [['content-length', '2']], 'ok');
  await settled();
  forgetting.fake.leave();
  forgetting.confirm();
  await forgetting.over;
  t.equal(forgetting.fake.body.length, 0, 'while shards forget');
  for (const bench of [early, middle, forgetting]) {
    t.equal(bench.edge.counters.originErrors, 0);
    t.same(bench.edge.logged, [], 'it is no fault');
  }
});
