import t from 'tap';
import { ShareBudget } from '../../../src/origin/resilience/share-budget.js';

function grants(budget: ShareBudget, nowMs: number): number {
  let granted = 0;
  while (granted < 1_000 && budget.take(nowMs)) granted += 1;
  return granted;
}

t.test('ShareBudget grants a fraction of the last ten seconds, and three', (t) => {
  const rows = [
    [0.2, 0, 3, 'no request yet'],
    [0.2, 100, 23, 'a fifth of a hundred'],
    [1, 100, 103, 'all of them'],
    [0, 100, 0, 'turned off'],
  ] as const;
  for (const [fraction, requests, want, why] of rows) {
    const budget = new ShareBudget(fraction, 3);
    for (let i = 0; i < requests; i += 1) budget.count(50_000);
    t.equal(grants(budget, 50_999), want, why);
  }
  t.end();
});

t.test('ShareBudget forgets requests and retries after ten seconds', (t) => {
  const budget = new ShareBudget(0.5, 3);
  for (let i = 0; i < 10; i += 1) budget.count(20_000);
  t.equal(grants(budget, 29_999), 8, 'still in the window');
  t.equal(grants(budget, 30_000), 0, 'the requests are gone, the retries are not');
  t.equal(grants(budget, 39_999), 3, 'the retries are gone too');
  t.end();
});
