import t from 'tap';
import { Turns, type Writer } from '../../../src/edge/reach/turns.js';
import { settled } from '../../support/shard.js';

class Sink implements Writer {
  over = false;
  begun = true;
  got: number[] = [];
  readonly #name: string;
  readonly #order: string[];
  readonly #then: () => void;

  constructor(name: string, order: string[], then: () => void = () => undefined) {
    this.#name = name;
    this.#order = order;
    this.#then = then;
  }

  pump(quantum: number): void {
    this.got.push(quantum);
    this.#order.push(this.#name);
    this.#then();
  }
}

t.test('Turns lets writers go on one after the other, never on the caller’s stack', async (t) => {
  const turns = new Turns();
  const order: string[] = [];
  const sinks = ['a', 'b', 'c'].map((name) => new Sink(name, order));
  for (const sink of sinks) turns.later(sink);
  t.same(order, []);
  await settled();
  t.same(order, ['a', 'b', 'c']);
});

t.test('Turns skips who is over by then', async (t) => {
  const turns = new Turns();
  const order: string[] = [];
  const [a, b] = [new Sink('a', order), new Sink('b', order)];
  turns.later(a);
  turns.later(b);
  a.over = true;
  await settled();
  t.same(order, ['b']);
});

t.test('Turns gives a crowd smaller portions than a few', async (t) => {
  const order: string[] = [];
  const quantumOf = async (count: number): Promise<number> => {
    const turns = new Turns();
    const sinks = Array.from({ length: count }, () => new Sink('x', order));
    for (const sink of sinks) turns.later(sink);
    await settled();
    return sinks[0]?.got[0] ?? 0;
  };
  const [few, crowd] = [await quantumOf(3), await quantumOf(300)];
  t.ok(few > crowd, `${few} and ${crowd}`);
});

t.test('Turns begins with little when many wait', (t) => {
  const turns = new Turns();
  t.ok(turns.firstQuantum(1) > 100 * turns.firstQuantum(1_000));
  t.end();
});

t.test('Turns serves everyone once before anyone twice, whatever the budget', async (t) => {
  const turns = new Turns();
  const order: string[] = [];
  const count = 200; // more than one turn's budget serves
  const sinks = Array.from({ length: count }, (_, i) => {
    let left = 2;
    const sink: Sink = new Sink(String(i), order, () => {
      left -= 1;
      if (left > 0) turns.later(sink);
    });
    return sink;
  });
  for (const sink of sinks) turns.later(sink);
  for (let i = 0; i < 20 && order.length < 2 * count; i += 1) await settled();
  t.equal(order.length, 2 * count);
  const first = order.slice(0, count);
  t.equal(new Set(first).size, count, 'each had a first turn');
});

t.test('Turns.wake() reaches all followers, also when one leaves meanwhile', (t) => {
  const turns = new Turns();
  const order: string[] = [];
  const followers = new Set<Writer>();
  for (let i = 0; i < 5; i += 1) {
    const sink: Sink = new Sink(String(i), order, () => {
      followers.delete(sink);
    });
    followers.add(sink);
  }
  turns.wake(followers);
  t.same(order, ['0', '1', '2', '3', '4']);
  t.end();
});

t.test('Turns gives everyone in a crowd a first small portion before anyone a next', async (t) => {
  const turns = new Turns();
  const order: string[] = [];
  const sinks = Array.from({ length: 200 }, (_, i) => {
    const sink = new Sink(i % 2 === 0 ? 'next' : 'first', order);
    sink.begun = i % 2 === 0;
    return sink;
  });
  for (const sink of sinks) turns.later(sink);
  await settled();
  t.same(new Set(order.slice(0, 100)), new Set(['first']));
  t.ok((sinks[1]?.got[0] ?? 0) < (sinks[0]?.got[0] ?? 0), 'little, so that it is soon done');
  order.length = 0;
  turns.wake(new Set(sinks));
  t.same(new Set(order), new Set(['first']), 'at once; the others in their turn');
});

t.test(
  'Turns lets a crowd that has its first bytes wait for twice as long, whatever comes',
  async (t) => {
    const turns = new Turns();
    const order: string[] = [];
    const sinks = Array.from({ length: 20 }, (_, i) => new Sink(String(i), order));
    const firstMs = 20;
    const beganMs = performance.now();
    turns.greet(sinks.length, () => {
      for (const sink of sinks) turns.later(sink);
      while (performance.now() < beganMs + firstMs);
    });
    const other = new Sink('other', order);
    turns.later(other);
    turns.wake(new Set(sinks));
    await settled();
    t.strictSame(order, ['other'], 'others do not wait');
    while (order.length < sinks.length + 1) await new Promise((resolve) => setTimeout(resolve, 1));
    t.ok(performance.now() - beganMs >= 3 * firstMs - 1);
    turns.wake(new Set(sinks));
    await settled();
    t.equal(order.length, 2 * sinks.length + 1, 'and nobody twice');
  },
);

t.test('Turns lets a few go on at once', async (t) => {
  const turns = new Turns();
  const order: string[] = [];
  turns.greet(2, () => {
    for (const name of ['a', 'b']) turns.later(new Sink(name, order));
  });
  await settled();
  t.strictSame(order, ['a', 'b']);
});

t.test('Turns costs what it serves, however many wait', async (t) => {
  const turns = new Turns();
  let looks = 0;
  let pumps = 0;
  const writers = Array.from({ length: 3_000 }, () => {
    let left = 4;
    const writer: Writer = {
      begun: true,
      get over() {
        looks += 1;
        return false;
      },
      pump: () => {
        pumps += 1;
        left -= 1;
        if (left > 0) turns.later(writer);
      },
    };
    return writer;
  });
  for (const writer of writers) turns.later(writer);
  while (pumps < 12_000) await settled();
  t.equal(pumps, 12_000);
  t.ok(looks <= 2 * pumps, `${looks} looks for ${pumps} portions`);
});
