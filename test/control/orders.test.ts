import t from 'tap';
import { Orders } from '../../src/control/orders.js';
import type { ToWorker } from '../../src/runtime/worker-messages.js';

function ordersTo(...up: number[]) {
  const told: { worker: number; id: number }[] = [];
  const orders = new Orders({
    tell: (worker, message) => {
      if (!up.includes(worker) || message.kind !== 'purge-over') return false;
      told.push({ worker, id: message.id });
      return true;
    },
  });
  return { told, orders };
}

const over = (id: number): ToWorker => ({ kind: 'purge-over', id });

t.test('give() adds up what all workers answer', async (t) => {
  const { told, orders } = ordersTo(0, 1);
  const count = orders.give([0, 1], over);
  t.same(
    told.map(({ worker }) => worker),
    [0, 1],
  );
  for (const { id } of told) orders.answered(id, id * 10);
  t.equal(await count, 30);
});

t.test('one that is down, or goes down, counts as nothing', async (t) => {
  const { told, orders } = ordersTo(0, 2);
  const count = orders.give([0, 1, 2], over);
  orders.onDown(2);
  orders.answered(told[0]?.id ?? 0, 5);
  t.equal(await count, 5);
  orders.answered(told[1]?.id ?? 0, 7); // late: nobody waits for it
});

t.test('one that does not answer is an error', async (t) => {
  const orders = new Orders({ tell: () => true, patienceMs: 5 });
  const count = orders.give([0], over);
  await t.rejects(count, { code: 'GW_WORKER_LOST' });
});
