import t, { type Test } from 'tap';
import { Delivery } from '../../../src/edge/http/delivery.js';
import type { FieldLines } from '../../../src/http/fields.js';
import type { AskRequest } from '../../../src/protocol/messages.js';
import { AddressedResponse, EdgeBench } from '../../support/edge-bench.js';
import { fakeResponder } from '../../support/fake-response.js';
import { settled } from '../../support/shard.js';

const KEY = '/v/1.m4s';
const HEAD = { status: 200, fields: [['content-length', '4']] as FieldLines };
const MISS = { hit: false, fwd: 'uri-miss' } as const;

class DeliveryBench {
  readonly edge: EdgeBench;

  constructor(t: Test) {
    this.edge = new EdgeBench(t);
  }

  deliver(t: Test, fields: FieldLines = []): { delivery: Delivery; fake: AddressedResponse } {
    const fake = new AddressedResponse();
    t.teardown(() => {
      if (fake.state === 'open') fake.leave();
    });
    const request = this.edge.request('GET', KEY, fields);
    const delivery = new Delivery(this.edge.context, request, fakeResponder(fake));
    delivery.start();
    return { delivery, fake };
  }

  /** What a shard says of the ask that is over for all who waited. */
  over(delivery: Delivery): void {
    this.edge.context.asks.cancel(delivery);
  }

  get asks(): AskRequest[] {
    return this.edge.sent.flatMap((message) => (message.kind === 'ask' ? [message.request] : []));
  }
}

t.test('Delivery serves what the worker finds, and asks nobody', async (t) => {
  const bench = new DeliveryBench(t);
  await bench.edge.store(KEY, 'body');
  const { fake } = bench.deliver(t);
  t.equal(fake.state, 'complete');
  t.match(fake.head, /^200[\s\S]*Cache-Status: headgate; hit/);
  t.same(bench.asks, []);
});

t.test(
  'Delivery serves a stale object and has it fetched anew, once a second at most',
  async (t) => {
    const bench = new DeliveryBench(t);
    const stale: FieldLines = [['cache-control', 'max-age=1, stale-while-revalidate=60']];
    await bench.edge.store(KEY, 'body', stale);
    bench.edge.storage.nowMs += 2_000;
    for (const [afterMs, refreshes] of [
      [0, 1],
      [10, 1],
      [1_000, 2],
    ] as const) {
      bench.edge.storage.nowMs += afterMs;
      const { fake } = bench.deliver(t, [['range', 'bytes=0-1']]);
      t.equal(fake.state, 'complete');
      t.equal(bench.asks.length, refreshes, `after ${afterMs}`);
    }
    t.match(bench.asks[0], { background: true, range: '', lane: 2 }, 'of the whole');
  },
);

t.test(
  'Delivery asks for what it does not find, and goes to the origin where it is told to',
  async (t) => {
    const bench = new DeliveryBench(t);
    const { delivery } = bench.deliver(t, [['range', 'bytes=0-1']]);
    t.match(bench.asks, [{ key: KEY, range: 'bytes=0-1', background: false, elections: 0 }]);
    delivery.bypass();
    await settled();
    t.equal(bench.edge.origin.requests.length, 1);
  },
);

t.test('Delivery asks three times, then goes alone or says why it may not', async (t) => {
  for (const [otherwise, origin, status] of [
    ['bypass', 1, ''],
    ['refused', 0, '502'],
  ] as const) {
    const bench = new DeliveryBench(t);
    const { delivery, fake } = bench.deliver(t);
    for (let i = 0; i < 3; i += 1) {
      bench.over(delivery);
      delivery.elect(otherwise);
    }
    t.same(
      bench.asks.map(({ elections }) => elections),
      [0, 1, 2],
      'and says how many it has waited for',
    );
    await settled();
    t.equal(bench.edge.origin.requests.length, origin, otherwise);
    t.equal(fake.head.slice(0, 3), status);
  }
});

t.test('Delivery does not join again what was not for it', async (t) => {
  const bench = new DeliveryBench(t);
  const vary: FieldLines = [['vary', 'accept-language']];
  const english: FieldLines = [['accept-language', 'en']];
  bench.edge.storage.ask(77, KEY, { headers: english });
  await bench.edge.storage.fill([['cache-control', 'max-age=60'], ...vary], 'english');
  bench.edge.storage.ask(78, KEY, { headers: english });
  const { descriptor } = bench.edge.storage.the('object', 78);
  const first = bench.deliver(t, [['accept-language', 'de']]);
  const second = bench.deliver(t, [['accept-language', 'de']]);
  t.equal(bench.asks.length, 1, 'equal asks go out once');
  for (const { delivery } of [first, second]) delivery.object(descriptor, MISS);
  t.equal(bench.asks.length, 3);
  t.same([first.fake.state, second.fake.state], ['open', 'open'], 'nobody gets the wrong one');
});

t.test('Delivery passes on what is for its client alone', async (t) => {
  const bench = new DeliveryBench(t);
  const { fake } = bench.deliver(t);
  const { asks } = bench.edge.context;
  const [asked] = bench.edge.sent;
  const id = asked?.kind === 'ask' ? asked.id : 0;
  asks.receive({ kind: 'head', id, head: HEAD, served: MISS, others: 'bypass' }, 0);
  for (const text of ['bo', 'dy']) {
    asks.receive({ kind: 'chunk', id, bytes: Buffer.from(text) }, 0);
    await settled();
  }
  asks.receive({ kind: 'end', id, code: undefined }, 0);
  await settled();
  t.equal(fake.state, 'complete');
  t.ok(
    bench.edge.sent.some((message) => message.kind === 'credit' && message.bytes === 2),
    'and lets as much more come',
  );
});

t.test('Delivery asks again where a worker was lost, and cuts what has begun', async (t) => {
  const bench = new DeliveryBench(t);
  const early = bench.deliver(t);
  bench.over(early.delivery);
  early.delivery.relayEnded('GW_WORKER_LOST');
  await settled();
  t.equal(bench.asks.length, 2);
  const failed = bench.deliver(t, [['accept', 'x/y']]);
  failed.delivery.relayEnded('GW_ORIGIN_IO');
  await settled();
  t.match(failed.fake.head, /^502/, 'nothing was sent, so it says what happened');
  const late = bench.deliver(t, [['accept', 'x/z']]);
  late.delivery.head(HEAD, MISS);
  late.delivery.chunk(Buffer.from('bo'));
  await settled();
  late.delivery.refused('GW_ORIGIN_IO', 'why', 1);
  t.equal(late.fake.state, 'closed', 'it must not look whole');
});
