import t, { type Test } from 'tap';
import { AsksBench, Client, HEAD, idOf, keyOnWorker, MISS, newsOf } from '../../support/asks.js';
import { describedAs } from '../../support/descriptor.js';
import { askFor } from '../../support/shard.js';

t.test('Asks sends equal asks once and answers all who joined', (t) => {
  const bench = new AsksBench();
  const clients = [1, 2, 3].map(() => bench.ask('/v/1.m4s'));
  t.same(bench.kinds(), ['ask']);
  const special = bench.ask('/v/1.m4s', new Client(), false);
  t.same(bench.kinds(), ['ask', 'ask'], 'a special one goes alone');
  bench.hear({ kind: 'object', id: 1, descriptor: describedAs({ slot: 5 }), served: MISS });
  t.same(
    clients.map(({ heard }) => heard),
    [['object 5'], ['object 5'], ['object 5']],
  );
  t.same(
    clients.map(({ served }) => served[0]?.collapsed ?? false),
    [false, true, true],
  );
  t.same(special.heard, []);
  bench.hear({ kind: 'object', id: 1, descriptor: describedAs({}), served: MISS });
  t.equal(clients[0]?.heard.length, 1, 'exactly one answer');
  bench.ask('/v/1.m4s');
  t.equal(bench.sent.length, 3, 'what is answered is no longer joined');
  t.end();
});

t.test('Asks joins only what may get the same answer', (t) => {
  const bench = new AsksBench();
  const gzip = { headers: [['accept-encoding', 'gzip'] as const] };
  bench.asks.ask(askFor('/v/1.json'), new Client(), true);
  bench.asks.ask(askFor('/v/1.json', gzip), new Client(), true);
  bench.asks.ask(askFor('/v/1.json', { range: 'bytes=0-1' }), new Client(), true);
  bench.asks.ask(askFor('/v/2.json'), new Client(), true);
  t.equal(bench.sent.length, 4);
  t.end();
});

t.test('Asks cancels an ask when the last of its clients has left', (t) => {
  const bench = new AsksBench();
  const first = bench.ask('/v/1.m4s');
  const second = bench.ask('/v/1.m4s');
  bench.asks.cancel(first);
  t.same(bench.kinds(), ['ask']);
  bench.asks.cancel(second);
  t.same(bench.kinds(), ['ask', 'cancel']);
  bench.asks.cancel(second);
  t.equal(bench.sent.length, 2, 'once');
  bench.hear({ kind: 'object', id: 1, descriptor: describedAs({}), served: MISS });
  t.same(first.heard, []);
  t.equal(bench.asks.pending, 0);
  t.end();
});

t.test('Asks holds one lease for all who follow a fill, until the last has left', (t) => {
  const bench = new AsksBench();
  const first = bench.ask('/v/1.m4s');
  const second = bench.ask('/v/1.m4s');
  bench.hear(bench.filling(1));
  const third = bench.ask('/v/1.m4s', new Client(), false);
  bench.hear(bench.filling(2));
  t.equal(bench.leases, 1);
  t.equal(first.feed, third.feed);
  bench.hear(newsOf(77, 10));
  t.same([first.pumped, second.pumped, third.pumped], [1, 1, 1]);
  t.equal(first.feed?.source.written, 10);
  first.leave();
  second.leave();
  t.equal(bench.leases, 1);
  third.leave();
  t.equal(bench.leases, 0);
  t.same(bench.kinds(), ['ask', 'ask', 'cancel', 'cancel'], 'the shard may stop the fill');
  bench.hear(newsOf(77, 20));
  t.equal(first.pumped, 1, 'late news harm nobody');
  t.end();
});

t.test('Asks gives the lease back when a fill ends, after its followers have', (t) => {
  const bench = new AsksBench();
  const client = bench.ask('/v/1.m4s');
  bench.hear(bench.filling(1));
  const extents = [{ offset: 4_096, length: 4_096 }];
  const end = { ok: true } as const;
  bench.hear({ kind: 'progress', fill: 77, written: 30, extents, end });
  t.match(client.feed?.source, { written: 30, ended: true, extents });
  t.equal(bench.leases, 1, 'it is still sending');
  client.leave();
  t.equal(bench.leases, 0);
  t.same(bench.kinds(), ['ask'], 'nothing is left to cancel');
  t.end();
});

t.test('Asks tells the followers of a fill that fails', (t) => {
  const bench = new AsksBench();
  const client = bench.ask('/v/1.m4s');
  bench.hear(bench.filling(1));
  const end = { ok: false, code: 'GW_ORIGIN_BODY_SHORT', detail: '' } as const;
  bench.hear({ kind: 'progress', fill: 77, written: 0, extents: undefined, end });
  t.same(client.heard, ['filling', 'failed GW_ORIGIN_BODY_SHORT']);
  t.equal(bench.leases, 0);
  t.end();
});

t.test('Asks stops a fill that turns out to be of use to nobody here', (t) => {
  const bench = new AsksBench();
  bench.ask('/v/1.m4s', new Client(false)); // as a HEAD, which has all it needs
  bench.hear(bench.filling(1));
  t.equal(bench.leases, 0);
  t.same(bench.kinds(), ['ask', 'cancel']);
  t.end();
});

t.test('Asks reads a fill that was over and void before it heard of it', (t) => {
  const bench = new AsksBench();
  const client = bench.ask('/v/1.m4s');
  const late = bench.filling(1);
  bench.owner.bumpGeneration(3);
  bench.hear(late);
  t.same(client.heard, ['filling'], 'its lease came with it');
  t.same(bench.kinds(), ['ask']);
  t.equal(bench.leases, 1);
  client.leave();
  t.equal(bench.leases, 0);
  t.end();
});

t.test('Asks gives back the leases of answers that nobody waits for any more', (t) => {
  const bench = new AsksBench();
  for (const kind of ['filling', 'object'] as const) {
    const client = bench.ask('/v/1.m4s');
    const { id } = bench;
    bench.asks.cancel(client);
    const filling = bench.filling(id);
    if (filling.kind !== 'filling') throw new Error('not what it says');
    bench.hear(kind === 'filling' ? filling : { ...filling, kind: 'object' });
    t.same(client.heard, []);
    t.equal(bench.leases, 0, kind);
  }
  t.end();
});

t.test('Asks of a worker that is down wait for its return, but not for ever', (t) => {
  const bench = new AsksBench();
  const key = keyOnWorker(1);
  const before = bench.ask(key);
  bench.peerDown(1);
  const during = bench.ask(key, new Client(), false);
  t.equal(bench.sent.length, 1, 'nobody to send to');
  const other = bench.ask(keyOnWorker(0));
  bench.down.delete(1);
  bench.asks.onPeerUp(1);
  t.same(
    bench.sent.map(({ worker, message }) => [worker, idOf(message)]),
    [
      [1, 1],
      [0, 3],
      [1, 1],
      [1, 2],
    ],
    'both are asked again',
  );
  bench.peerDown(1);
  bench.nowMs += 10_000;
  bench.asks.tick();
  t.same([before.heard, during.heard], [['refused GW_WORKER_LOST'], ['refused GW_WORKER_LOST']]);
  t.same(other.heard, [], 'a slow origin is no reason');
  t.equal(bench.asks.pending, 1);
  t.end();
});

t.test('Asks of a worker that was down before this one began wait as well', (t) => {
  const bench = new AsksBench();
  bench.down.add(1);
  bench.deaf.add(1);
  const client = bench.ask(keyOnWorker(1));
  t.same(client.heard, []);
  bench.down.delete(1);
  bench.deaf.delete(1);
  bench.asks.onPeerUp(1);
  t.equal(bench.sent.length, 1);
  t.end();
});

t.test('Asks ends what a dead worker was sending', (t) => {
  const bench = new AsksBench();
  const key = keyOnWorker(1);
  const follower = bench.ask(key);
  bench.hear(bench.filling(1), 1);
  const relayed = bench.ask(key, new Client(), false);
  bench.hear({ kind: 'head', id: 2, head: HEAD, served: MISS, others: 'bypass' }, 1);
  bench.peerDown(1);
  t.same(follower.heard, ['filling', 'failed GW_WORKER_LOST']);
  t.same(relayed.heard, ['head', 'end GW_WORKER_LOST']);
  t.equal(bench.leases, 0);
  t.equal(bench.asks.pending, 0);
  t.end();
});

t.test('Asks refuses when its messages cannot be sent', (t) => {
  const bench = new AsksBench();
  bench.deaf.add(0).add(1);
  const client = bench.ask('/v/1.m4s');
  t.same(client.heard, ['refused GW_MAILBOX_FULL']);
  bench.asks.refresh(askFor('/v/1.m4s'));
  t.equal(bench.asks.pending, 0);
  t.end();
});

t.test('Asks.refresh() waits for no answer', (t) => {
  const bench = new AsksBench();
  bench.asks.refresh(askFor('/v/1.m4s'));
  t.match(bench.sent[0]?.message, { kind: 'ask', request: { background: true } });
  t.equal(bench.asks.pending, 0);
  t.end();
});

t.test('Asks.invalidate() resolves when every shard has confirmed', async (t: Test) => {
  const bench = new AsksBench();
  let done = false;
  const invalidating = bench.asks.invalidate(['/a/1', '/b/1']).then(() => {
    done = true;
  });
  const ids = bench.sent.map(({ message }) => idOf(message));
  bench.hear({ kind: 'invalidated', id: ids[0] ?? NaN });
  await Promise.resolve();
  t.equal(done, false);
  bench.hear({ kind: 'invalidated', id: ids[1] ?? NaN });
  await invalidating;
  const lost = bench.asks.invalidate(['/a/1']);
  bench.peerDown(0);
  bench.peerDown(1);
  await lost;
  bench.deaf.add(0).add(1);
  await bench.asks.invalidate(['/a/1']);
  t.pass('a shard that is down holds nothing');
});

t.test('Asks tells of who has left, and of credit, also a worker with much before it', (t) => {
  const bench = new AsksBench();
  const client = new Client();
  bench.asks.ask(askFor('/v/1.m4s'), client, true);
  const asked = bench.sent.length;
  for (const worker of [0, 1]) bench.deaf.add(worker); // takes no new asks
  bench.asks.credit(client, 10);
  bench.asks.cancel(client);
  const more = bench.sent.slice(asked).map(({ message }) => message.kind);
  t.same(more, ['credit', 'cancel']);
  t.end();
});

t.test("Asks lets a slice's ask not wait for the end of the turn", (t) => {
  const bench = new AsksBench();
  bench.asks.ask(askFor('/v/1.m4s'), new Client(), true);
  t.equal(bench.flushed, 0, 'others do, and go out together');
  const slice = { first: 0, last: 9, total: 100, validator: '"v1"' };
  bench.asks.ask(askFor('/v/film.mp4', { slice }), new Client(), true);
  t.equal(bench.flushed, 2);
  t.end();
});
