import t from 'tap';
import { SlidingCounts } from '../../../src/origin/resilience/sliding-counts.js';

t.test('SlidingCounts sums what happened within its window, each kind apart', (t) => {
  const counts = new SlidingCounts(1_000, 2);
  for (let ms = 0; ms < 3_000; ms += 100) counts.add(ms % 200 === 0 ? 0 : 1, ms);
  t.equal(counts.sum(0, 2_999), 5);
  t.equal(counts.sum(1, 2_999), 5);
  t.equal(counts.sum(0, 3_500), 2, 'half of it is gone');
  t.equal(counts.sum(0, 9_000), 0);
  counts.add(0, 9_000);
  counts.clear();
  t.equal(counts.sum(0, 9_000), 0);
  t.end();
});

t.test('SlidingCounts counts nothing of the future when the clock steps back', (t) => {
  const counts = new SlidingCounts(1_000, 1);
  counts.add(0, 1_000_000);
  t.equal(counts.sum(0, 500), 0);
  counts.add(0, 500);
  t.equal(counts.sum(0, 500), 1);
  t.end();
});
