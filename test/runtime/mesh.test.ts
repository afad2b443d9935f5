import { once } from 'node:events';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { Mesh } from '../../src/runtime/mesh.js';

interface Heard {
  readonly mesh: Mesh<string>;
  readonly heard: string[];
  readonly faults: unknown[];
  /** Resolves when so many messages have come. */
  whenHeard(count: number): Promise<void>;
}

function meshOf(t: Test, self: number, outboxLimit = 100): Heard {
  const heard: string[] = [];
  const faults: unknown[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const mesh = new Mesh<string>({
    self,
    outboxLimit,
    deliver: (message, from) => {
      heard.push(`${from}:${message}`);
      for (const { count, resolve } of waiting) if (heard.length >= count) resolve();
      if (message === 'bad') throw new Error('no good');
    },
    onError: (reason) => {
      faults.push(reason);
    },
  });
  t.teardown(() => {
    mesh.close();
  });
  const whenHeard = async (count: number): Promise<void> => {
    if (heard.length >= count) return;
    // The mesh's ports do not keep the loop alive: a pending test must.
    const alive = setInterval(() => undefined, 1_000);
    await new Promise<void>((resolve) => {
      waiting.push({ count, resolve });
    });
    clearInterval(alive);
  };
  return { mesh, heard, faults, whenHeard };
}

function join(a: Heard, b: Heard): [MessagePort, MessagePort] {
  const { port1, port2 } = new MessageChannel();
  a.mesh.connect(1, port1);
  b.mesh.connect(0, port2);
  return [port1, port2];
}

function batchOf(port: MessagePort): unknown {
  return (receiveMessageOnPort(port)?.message as { batch: unknown } | undefined)?.batch;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

t.test('Mesh delivers in order, to peers and to itself, never on the sender’s stack', async (t) => {
  const a = meshOf(t, 0);
  const b = meshOf(t, 1);
  join(a, b);
  for (const message of ['x', 'y', 'z']) {
    t.ok(a.mesh.send(1, message));
    t.ok(a.mesh.send(0, message));
  }
  t.same([a.heard, b.heard], [[], []]);
  await Promise.all([a.whenHeard(3), b.whenHeard(3)]);
  t.same(a.heard, ['0:x', '0:y', '0:z']);
  t.same(b.heard, ['0:x', '0:y', '0:z']);
});

t.test('Mesh sends what comes up in one turn as one post', async (t) => {
  const a = meshOf(t, 0);
  const { port1, port2 } = new MessageChannel();
  a.mesh.connect(1, port1);
  t.teardown(() => {
    port2.close();
  });
  for (const message of ['x', 'y', 'z']) a.mesh.send(1, message);
  const [post] = (await once(port2, 'message')) as [unknown];
  t.same(post, { taken: 0, batch: ['x', 'y', 'z'] });
});

t.test(
  'Mesh.flush() posts to peers before the turn ends, and loses or repeats nothing',
  async (t) => {
    const a = meshOf(t, 0);
    const { port1, port2 } = new MessageChannel();
    a.mesh.connect(1, port1);
    t.teardown(() => {
      port2.close();
    });
    a.mesh.send(1, 'x');
    a.mesh.send(0, 'own');
    a.mesh.flush();
    a.mesh.flush();
    a.mesh.send(1, 'y');
    t.same(batchOf(port2), ['x'], 'there already');
    t.same(a.heard, [], 'what it told itself waits for who told it');
    await a.whenHeard(1);
    t.equal(batchOf(port2), undefined, 'and comes before the end of the turn');
    await new Promise((resolve) => setImmediate(resolve));
    t.same(batchOf(port2), ['y']);
    t.equal(receiveMessageOnPort(port2), undefined);
  },
);

t.test('Mesh goes on behind a message whose handler fails', async (t) => {
  const a = meshOf(t, 0);
  for (const message of ['bad', 'good']) a.mesh.send(0, message);
  await a.whenHeard(2);
  t.same(a.heard, ['0:bad', '0:good']);
  t.equal(a.faults.length, 1);
});

t.test('Mesh.send() refuses when the peer is down or has too much before it', async (t) => {
  const a = meshOf(t, 0, 2);
  const b = meshOf(t, 1, 2);
  t.notOk(a.mesh.send(1, 'x'), 'never joined');
  join(a, b);
  t.same([a.mesh.send(1, '1'), a.mesh.send(1, '2'), a.mesh.send(1, '3')], [true, true, false]);
  t.ok(a.mesh.send(0, 'own'), 'each peer has its own');
  await b.whenHeard(2);
  await until(() => a.mesh.before(1) === 0);
  t.ok(a.mesh.send(1, '4'), 'it has said that it took them');
  await b.whenHeard(3);
  a.mesh.disconnect(1);
  t.notOk(a.mesh.isUp(1));
  t.notOk(a.mesh.send(1, '5'));
  a.mesh.disconnect(0);
  t.ok(a.mesh.send(0, 'still here'), 'nobody parts from himself');
});

t.test('Mesh lets no queue to a peer that hangs grow without end', async (t) => {
  const a = meshOf(t, 0, 10);
  const { port1, port2 } = new MessageChannel();
  a.mesh.connect(1, port1);
  t.teardown(() => {
    port2.close();
  });
  const accepted = { send: 0, reply: 0 };
  for (let turn = 0; turn < 20; turn += 1) {
    for (let i = 0; i < 10; i += 1) {
      if (a.mesh.send(1, 'ask')) accepted.send += 1;
      else if (a.mesh.reply(1, 'answer')) accepted.reply += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.same(accepted, { send: 10, reply: 30 });
  a.mesh.hint(1, 'progress');
  t.equal(a.mesh.before(1), 41, 'hints have a bound of their own');
});

t.test('Mesh takes a peer that comes back on another port', async (t) => {
  const a = meshOf(t, 0);
  const first = meshOf(t, 1);
  join(a, first);
  a.mesh.send(1, 'lost with the first');
  const second = meshOf(t, 1);
  join(a, second);
  a.mesh.send(1, 'for the second');
  second.mesh.send(0, 'back');
  await Promise.all([second.whenHeard(1), a.whenHeard(1)]);
  t.same(second.heard, ['0:for the second']);
  t.same(a.heard, ['1:back']);
  t.same(first.heard, []);
});

t.test('Mesh delivers nothing once closed', async (t) => {
  const a = meshOf(t, 0);
  a.mesh.send(0, 'x');
  a.mesh.close();
  t.notOk(a.mesh.send(0, 'y'));
  await new Promise((resolve) => setImmediate(resolve));
  t.same(a.heard, []);
});
