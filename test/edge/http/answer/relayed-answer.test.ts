import t, { type Test } from 'tap';
import { RelayedAnswer } from '../../../../src/edge/http/answer/relayed-answer.js';
import type { FieldLines } from '../../../../src/http/fields.js';
import { EdgeBench } from '../../../support/edge-bench.js';
import { FakeResponse, fakeResponder } from '../../../support/fake-response.js';

const BODY = '0123456789abcdefghij';
const SIZED: FieldLines = [
  ['content-length', String(BODY.length)],
  ['content-type', 'video/mp4'],
  ['etag', '"v1"'],
  ['repr-digest', 'sha-256=:AAAA:'],
  ['content-digest', 'sha-256=:BBBB:'],
];

class RelayBench {
  readonly fake = new FakeResponse();
  readonly answer: RelayedAnswer;
  readonly edge: EdgeBench;

  constructor(t: Test, method: string, fields: FieldLines = [], skipsUpTo = Infinity) {
    this.edge = new EdgeBench(t);
    const { context } = this.edge;
    const request = this.edge.request(method, '/v/1.mp4', fields);
    const responder = fakeResponder(this.fake);
    responder.forHead = method === 'HEAD';
    this.answer = new RelayedAnswer({ context, request, responder, skipsUpTo });
  }

  begin(status: number, fields: FieldLines): string {
    return this.answer.begin({ status, fields }, { hit: false, fwd: 'uri-miss' });
  }

  async send(...chunks: readonly string[]): Promise<void> {
    for (const chunk of chunks) await this.answer.write(Buffer.from(chunk, 'latin1'));
    this.answer.end();
  }

  get sent(): string {
    return this.fake.body.toString('latin1');
  }
}

const lengthsOf = ({ fake }: RelayBench): string[] =>
  fake.head.split('\r\n').filter((line) => /^content-length:/i.test(line));

t.test('an answer goes as it is to who asks for all of it', async (t) => {
  const bench = new RelayBench(t, 'GET');
  t.equal(bench.begin(200, SIZED), 'body');
  t.equal(bench.fake.head, '', 'the head waits for the first bytes');
  await bench.send('01234', '56789abcdefghij');
  t.equal(bench.sent, BODY);
  t.equal(bench.fake.state, 'complete');
  t.match(bench.fake.head, /^200 OK\r\nCache-Status: headgate; fwd=uri-miss\r\n/);
  t.match(bench.fake.head, '\r\ncontent-digest: sha-256=:BBBB:');
  t.same(lengthsOf(bench), [], 'uWS writes the length of what is sent');
});

t.test('of a whole answer a range is cut, however its chunks lie', async (t) => {
  const rows = [
    ['bytes=0-0', '0'],
    ['bytes=4-11', '456789ab'],
    ['bytes=18-99', 'ij'],
    ['bytes=-3', 'hij'],
    ['bytes=0-', BODY],
  ] as const;
  for (const [range, want] of rows) {
    for (const size of [1, 5, 20]) {
      const bench = new RelayBench(t, 'GET', [['range', range]]);
      t.equal(bench.begin(200, SIZED), 'body', range);
      await bench.send(...(BODY.match(new RegExp(`.{1,${size}}`, 'g')) ?? []));
      t.equal(bench.sent, want, `${range} of chunks of ${size}`);
      t.equal(bench.fake.state, 'complete', range);
      t.match(bench.fake.statusLine, /^206 /, range);
    }
  }
  const bench = new RelayBench(t, 'GET', [['range', 'bytes=4-11']]);
  bench.begin(200, SIZED);
  await bench.send(BODY);
  t.match(bench.fake.head, '\r\ncontent-range: bytes 4-11/20');
  t.match(bench.fake.head, '\r\nrepr-digest: ', 'it is about the whole');
  t.notMatch(bench.fake.head, /content-digest/, 'it is about what is sent');
});

t.test('a range that begins far behind is to be asked for by itself', (t) => {
  const near = new RelayBench(t, 'GET', [['range', 'bytes=10-']], 10);
  t.equal(near.begin(200, SIZED), 'body');
  const far = new RelayBench(t, 'GET', [['range', 'bytes=11-']], 10);
  t.equal(far.begin(200, SIZED), 'range-wanted');
  t.equal(far.fake.head, '', 'nothing was written');
  t.equal(far.fake.state, 'open');
  t.end();
});

t.test('a part that is not what the request wants is not sent', (t) => {
  const part: FieldLines = [
    ['content-range', 'bytes 0-4/20'],
    ['content-length', '5'],
    ['etag', '"v2"'],
  ];
  const other = new RelayBench(t, 'GET', [
    ['range', 'bytes=0-4'],
    ['if-range', '"v1"'],
  ]);
  t.equal(other.begin(206, part), 'whole-wanted');
  t.equal(other.fake.head, '');
  const same = new RelayBench(t, 'GET', [
    ['range', 'bytes=0-4'],
    ['if-range', '"v2"'],
  ]);
  t.equal(same.begin(206, part), 'body');
  t.end();
});

t.test('what is said by a head alone needs no body', (t) => {
  const rows = [
    [[['if-none-match', '"v1"']], /^304 /, undefined],
    [[['if-match', '"v2"']], /^412 /, '0'],
    [[['range', 'bytes=20-']], /^416 /, '0'],
  ] as const;
  for (const [fields, status, length] of rows) {
    const bench = new RelayBench(t, 'GET', fields);
    t.equal(bench.begin(200, SIZED), 'over');
    t.match(bench.fake.statusLine, status);
    t.equal(bench.fake.state, 'bodyless');
    t.same(lengthsOf(bench), length === undefined ? [] : [`Content-Length: ${length}`]);
    t.match(bench.fake.head, 'headgate; fwd=uri-miss');
  }
  const unmodified = new RelayBench(t, 'GET', [['if-none-match', '"v1"']]);
  unmodified.begin(200, SIZED);
  t.match(unmodified.fake.head, '\r\netag: "v1"');
  t.notMatch(unmodified.fake.head, /content-type/);
  const behind = new RelayBench(t, 'GET', [['range', 'bytes=20-']]);
  behind.begin(200, SIZED);
  t.match(behind.fake.head, '\r\ncontent-range: bytes */20');
  t.end();
});

t.test('an answer to HEAD, a 204 and a 304 end with their heads', (t) => {
  const rows = [
    ['HEAD', 200, ['Content-Length: 20'], 'what a GET would have had'],
    ['HEAD', 404, ['Content-Length: 20'], 'of any status'],
    ['GET', 204, [], 'it may have none'],
    ['GET', 304, [], 'it would be read as that of a body'],
    ['DELETE', 204, [], 'of any method'],
  ] as const;
  for (const [method, status, lengths, why] of rows) {
    const bench = new RelayBench(t, method);
    t.equal(bench.begin(status, SIZED), 'over', why);
    t.equal(bench.fake.state, 'bodyless', why);
    t.same(lengthsOf(bench), lengths, why);
  }
  const unknown = new RelayBench(t, 'HEAD');
  unknown.begin(200, []);
  t.same(lengthsOf(unknown), [], 'nobody knows it');
  t.end();
});

t.test('a body of unknown length ends as it comes to its end, also when it is empty', async (t) => {
  for (const chunks of [['abc', 'def'], []]) {
    const bench = new RelayBench(t, 'POST');
    bench.begin(201, []);
    await bench.send(...chunks);
    t.equal(bench.sent, chunks.join(''));
    t.equal(bench.fake.state, 'complete');
    t.match(bench.fake.statusLine, /^201 /);
  }
});

t.test('a body shorter than announced must not look whole', async (t) => {
  for (const fields of [[], [['range', 'bytes=4-11']]] as const) {
    for (const chunks of [['0123456'], []]) {
      const bench = new RelayBench(t, 'GET', fields);
      bench.begin(200, SIZED);
      await bench.send(...chunks);
      t.equal(bench.fake.state, 'closed');
    }
  }
});

t.test('a client that leaves in the middle holds nobody up', async (t) => {
  const bench = new RelayBench(t, 'GET');
  bench.begin(200, SIZED);
  bench.fake.room = 3;
  const writing = bench.answer.write(Buffer.from(BODY));
  bench.fake.leave();
  await writing;
  await bench.answer.write(Buffer.from('more'));
  bench.answer.end();
  t.equal(bench.sent, '012');
  const late = new RelayBench(t, 'GET');
  late.fake.leave();
  t.equal(late.begin(204, SIZED), 'over');
  t.equal(late.begin(200, SIZED), 'body');
  await late.send(BODY);
  t.equal(late.sent, '');
  t.same(late.edge.faults, []);
});
