/** Whose answer it is, within one worker. */
import t from 'tap';
import { AsksBench, HEAD, MISS } from '../../support/asks.js';
import { describedAs } from '../../support/descriptor.js';

t.test('Asks relays to the leader alone, and sends those who joined their way', (t) => {
  for (const [others, heard] of [
    ['bypass', 'bypass'],
    ['elect', 'elect or bypass'],
    ['elect-or-refuse', 'elect or refused'],
  ] as const) {
    const bench = new AsksBench();
    const first = bench.ask('/v/1.m4s');
    const second = bench.ask('/v/1.m4s');
    bench.hear({ kind: 'informational', id: 1, head: { status: 103, fields: [] } });
    bench.hear({ kind: 'head', id: 1, head: HEAD, served: MISS, others });
    t.same(second.heard, [heard], 'neither the head nor a 1xx is for him');
    const third = bench.ask('/v/1.m4s');
    t.equal(bench.sent.length, 2, 'a relay is not joined');
    bench.hear({ kind: 'chunk', id: 1, bytes: Buffer.from('abc') });
    bench.asks.credit(first, 3);
    t.match(bench.sent.at(-1)?.message, { kind: 'credit', id: 1, bytes: 3 });
    bench.hear({ kind: 'end', id: 1, code: undefined });
    t.same(first.heard, ['interim', 'head', 'chunk abc', 'end ok']);
    t.same(third.heard, []);
    bench.asks.credit(first, 3);
    t.equal(bench.sent.at(-1)?.message.kind, 'credit');
    t.equal(bench.sent.length, 3, 'no credit for what is over');
  }
  t.end();
});

t.test("Asks gives an answer that is its leader's to nobody when he has left", (t) => {
  const bench = new AsksBench();
  const leader = bench.ask('/api/me');
  const joined = bench.ask('/api/me');
  bench.asks.cancel(leader);
  t.same(bench.kinds(), ['ask'], 'another still waits');
  bench.hear({ kind: 'informational', id: 1, head: { status: 103, fields: [] } });
  bench.hear({ kind: 'head', id: 1, head: HEAD, served: MISS, others: 'elect' });
  t.same(joined.heard, ['elect or bypass']);
  t.same(leader.heard, []);
  t.same(bench.kinds(), ['ask', 'cancel'], 'the shard need not send the body');
  t.equal(bench.asks.pending, 0);
  t.end();
});

t.test('Asks tells a fault of the leader to him alone', (t) => {
  const bench = new AsksBench();
  const [leader, joined] = [bench.ask('/v/1.m4s'), bench.ask('/v/1.m4s')];
  const refusal = { code: 'GW_BAD_REQUEST', detail: '', retryAfterS: 0 } as const;
  bench.hear({ kind: 'refused', id: 1, ...refusal, others: 'elect-or-refuse' });
  t.same(leader.heard, ['refused GW_BAD_REQUEST']);
  t.same(joined.heard, ['elect or refused']);
  t.end();
});

t.test('Asks answers the others when one of them throws', (t) => {
  const bench = new AsksBench();
  const first = bench.ask('/v/1.m4s');
  first.object = () => {
    throw new Error('of its own');
  };
  const second = bench.ask('/v/1.m4s');
  bench.hear({ kind: 'object', id: 1, descriptor: describedAs({ slot: 5 }), served: MISS });
  t.same(second.heard, ['object 5']);
  t.equal(bench.faults.length, 1);
  t.end();
});
