import t, { type Test } from 'tap';
import { answerTo } from '../../../src/edge/http/answer-to.js';
import type { Responder } from '../../../src/edge/http/answer/responder.js';
import type { FieldLines } from '../../../src/http/fields.js';
import { AddressedResponse, EdgeBench } from '../../support/edge-bench.js';
import { fakeResponder } from '../../support/fake-response.js';
import { settled } from '../../support/shard.js';

class AnswerBench {
  readonly fake = new AddressedResponse();
  readonly edge: EdgeBench;
  readonly responder: Responder;
  readonly answer: () => void;

  constructor(t: Test, method: string, fields: FieldLines = [], bodyLimit = 100) {
    this.edge = new EdgeBench(t, { limits: { body: bodyLimit } });
    this.responder = fakeResponder(this.fake);
    t.teardown(() => {
      if (this.fake.state === 'open') this.fake.leave();
    });
    const client = this.edge.request(method, '/v/1.m4s', fields);
    const response = this.fake.asUws;
    this.answer = answerTo(this.edge.context, {
      response,
      client,
      responder: this.responder,
    });
  }

  /** Whether a shard, the origin or nobody was asked. */
  get asked(): string {
    if (this.edge.origin.requests.length > 0) return 'origin';
    return this.edge.sent.some(({ kind }) => kind === 'ask') ? 'shard' : 'nobody';
  }

  async sentBody(): Promise<string | undefined> {
    const { body } = this.edge.origin.next().request;
    if (body === undefined) return undefined;
    let text = '';
    for await (const chunk of body) text += Buffer.from(chunk).toString('latin1');
    return text;
  }
}

const PLAYERS: FieldLines = [
  ['origin', 'https://player.example'],
  ['access-control-request-method', 'GET'],
];

t.test('answerTo() answers nothing before it is told to', (t) => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'POST']) {
    const bench = new AnswerBench(t, method);
    t.equal(bench.asked, 'nobody', method);
    t.equal(bench.fake.state, 'open', method);
    t.equal(bench.fake.head, '', method);
  }
  t.end();
});

t.test('what a request gets depends on its method, case and all', async (t) => {
  const rows = [
    ['GET', [], 'shard'],
    ['HEAD', [], 'shard'],
    ['OPTIONS', PLAYERS, 'nobody'],
    ['OPTIONS', [], 'origin'],
    ['OPTIONS', [['access-control-request-method', 'PUT']], 'origin'],
    ['OPTIONS', [['access-control-request-method', 'get']], 'origin'],
    ['TRACE', [], 'nobody'],
    ['CONNECT', [], 'nobody'],
    ['POST', [], 'origin'],
    ['PUT', PLAYERS, 'origin'],
    ['get', [], 'origin'],
    ['trace', [], 'origin'],
    ['BREW', [], 'origin'],
  ] as const;
  for (const [method, fields, want] of rows) {
    const bench = new AnswerBench(t, method, fields);
    bench.answer();
    await settled();
    t.equal(bench.asked, want, `${method} ${JSON.stringify(fields)}`);
  }
});

t.test('GET and HEAD are served from what is stored', async (t) => {
  for (const method of ['GET', 'HEAD']) {
    const bench = new AnswerBench(t, method);
    await bench.edge.store('/v/1.m4s', 'the body');
    bench.answer();
    t.match(bench.fake.head, /^200 OK\r\nCache-Status: headgate; hit; ttl=60\r\n/, method);
    t.equal(bench.asked, 'nobody', method);
  }
});

t.test('a preflight of a player has its answer here', (t) => {
  for (const method of ['GET', 'HEAD']) {
    const bench = new AnswerBench(t, 'OPTIONS', [['access-control-request-method', method]]);
    bench.answer();
    t.match(bench.fake.head, /^204 No Content\r\nCache-Status: headgate; detail=preflight\r\n/);
    t.match(bench.fake.head, '\r\nAccess-Control-Allow-Methods: GET, HEAD\r\n');
    t.notMatch(bench.fake.head, /\r\ncontent-length/i);
    t.equal(bench.fake.state, 'bodyless');
  }
  t.end();
});

t.test('TRACE and CONNECT are refused, and it is said what is not', (t) => {
  for (const method of ['TRACE', 'CONNECT']) {
    const bench = new AnswerBench(t, method);
    bench.answer();
    t.match(bench.fake.statusLine, /^405 /, method);
    t.match(bench.fake.head, '\r\nAllow: GET, HEAD, OPTIONS', method);
    t.match(bench.fake.body.toString(), /^GW_METHOD_NOT_ALLOWED: /, method);
  }
  t.end();
});

t.test(
  'a body passes that comes before the answer is begun, to the last byte of the limit',
  async (t) => {
    const rows: readonly FieldLines[] = [
      [['content-length', '100']],
      [['transfer-encoding', 'chunked']],
    ];
    for (const fields of rows) {
      const bench = new AnswerBench(t, 'POST', fields);
      bench.fake.send('a'.repeat(60), false);
      bench.answer();
      bench.fake.send('b'.repeat(40), true);
      t.equal(await bench.sentBody(), 'a'.repeat(60) + 'b'.repeat(40));
      t.equal(bench.responder.ending, 'none');
    }
  },
);

t.test('a request without a body has none for the origin, either', async (t) => {
  for (const fields of [[], [['content-length', '0']]] as const) {
    const bench = new AnswerBench(t, 'POST', fields);
    bench.answer();
    t.equal(await bench.sentBody(), undefined);
  }
});

t.test('a body above the limit is refused, and the connection ends', async (t) => {
  const told = new AnswerBench(t, 'POST', [['content-length', '101']]);
  t.equal(told.responder.ending, 'ours', 'before anything else on the connection is looked at');
  told.answer();
  t.equal(told.asked, 'nobody');
  t.match(told.fake.statusLine, /^413 /);
  t.ok(told.fake.closing);

  const chunked = new AnswerBench(t, 'POST', [['transfer-encoding', 'chunked']]);
  chunked.answer();
  chunked.fake.send('a'.repeat(101), false);
  await t.rejects(chunked.sentBody(), { code: 'GW_BODY_TOO_LARGE' });

  const none = new AnswerBench(t, 'POST', [['content-length', '1']], 0);
  none.answer();
  t.match(none.fake.statusLine, /^413 /, 'a limit of nothing allows nothing');
});

t.test('a body whose client leaves ends with him', async (t) => {
  const bench = new AnswerBench(t, 'POST', [['content-length', '100']]);
  bench.answer();
  bench.fake.send('half', false);
  const body = bench.sentBody();
  bench.fake.leave();
  await t.rejects(body, { code: 'GW_CLIENT_ABORTED' });
  const early = new AnswerBench(t, 'POST', [['content-length', '100']]);
  early.fake.leave();
  early.answer();
  await settled();
  t.equal(early.fake.head, '');
});
