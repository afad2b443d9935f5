import t from 'tap';
import type { ToShard } from '../../../src/protocol/messages.js';
import { Invalidations } from '../../../src/edge/reach/invalidations.js';

/** Keys of /b live on worker 1. */
function ordering(): {
  invalidations: Invalidations;
  sent: ToShard[];
  state: { full: boolean };
} {
  const sent: ToShard[] = [];
  const state = { full: false };
  const invalidations = new Invalidations({
    placeOf: (key) => ({
      shard: key.startsWith('/b') ? 3 : 0,
      worker: key.startsWith('/b') ? 1 : 0,
    }),
    send: (_, message) => {
      if (!state.full) sent.push(message);
      return !state.full;
    },
  });
  return { invalidations, sent, state };
}

async function isOpen(promise: Promise<void>): Promise<boolean> {
  let open = true;
  void promise.then(() => {
    open = false;
  });
  await new Promise(setImmediate);
  return open;
}

t.test('is over when the shard has confirmed it', async (t) => {
  const { invalidations, sent } = ordering();
  const first = invalidations.order('/a', '');
  const second = invalidations.order('/b', '"v1"');
  t.same(sent, [
    { kind: 'invalidate', id: 1, shard: 0, key: '/a', validator: '' },
    { kind: 'invalidate', id: 2, shard: 3, key: '/b', validator: '"v1"' },
  ]);
  invalidations.confirmed(2);
  t.notOk(await isOpen(second));
  t.ok(await isOpen(first));
  invalidations.confirmed(1);
  t.notOk(await isOpen(first));
});

t.test('a worker that ends has forgotten all', async (t) => {
  const { invalidations } = ordering();
  const first = invalidations.order('/a', '');
  const second = invalidations.order('/b', '');
  invalidations.onPeerDown(1);
  t.notOk(await isOpen(second));
  t.ok(await isOpen(first));
});

t.test('what cannot be sent is not waited for', async (t) => {
  const { invalidations, state } = ordering();
  state.full = true;
  t.notOk(await isOpen(invalidations.order('/a', '')));
});
