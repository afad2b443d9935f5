import t from 'tap';
import { Gate } from '../../../src/origin/files/gate.js';

const { signal } = new AbortController();

t.test('Gate grants permits in order of asking and counts them', async (t) => {
  const gate = new Gate({ permits: 2, queue: 3, waitMs: 60_000 });
  const order: number[] = [];
  const asked = [0, 1, 2, 3, 4].map(async (i) => {
    await gate.acquire(signal);
    order.push(i);
  });
  await Promise.all(asked.slice(0, 2));
  t.same(order, [0, 1]);
  t.equal(gate.held, 2);
  await t.rejects(gate.acquire(signal), { code: 'GW_ORIGIN_BUSY' }, 'the queue is full');
  for (let i = 0; i < 3; i += 1) gate.release();
  await Promise.all(asked);
  t.same(order, [0, 1, 2, 3, 4]);
  t.equal(gate.held, 2, 'passed on, not given back');
  gate.release();
  gate.release();
  t.equal(gate.held, 0);
});

t.test('Gate forgets who aborts or waits for too long', async (t) => {
  const gate = new Gate({ permits: 1, queue: 2, waitMs: 20 });
  await gate.acquire(signal);
  const abort = new AbortController();
  const aborted = gate.acquire(abort.signal);
  const late = gate.acquire(signal);
  abort.abort();
  await t.rejects(aborted, { code: 'GW_CLIENT_ABORTED' });
  await t.rejects(late, { code: 'GW_ORIGIN_BUSY' });
  gate.release();
  t.equal(gate.held, 0, 'nobody was granted a permit that nobody gives back');
  await t.rejects(gate.acquire(abort.signal), { code: 'GW_CLIENT_ABORTED' });
  t.equal(gate.held, 0);
});
