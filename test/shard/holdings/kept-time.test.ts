import t from 'tap';
import { KeptTime } from '../../../src/shard/holdings/kept-time.js';

t.test('KeptTime is a mean of late, or the time since the last eviction', (t) => {
  let nowMs = 1_000;
  const kept = new KeptTime(new Float64Array(4), () => nowMs);
  t.same([kept.keepsMs, kept.needsMs], [0, Infinity]);
  kept.stored(0);
  kept.stored(1);
  nowMs += 5_000;
  t.same([kept.keepsMs, kept.needsMs], [5_000, Infinity], 'nothing was evicted yet');
  kept.evicted(0);
  t.same([kept.keepsMs, kept.needsMs], [5_000, 5_000]);
  nowMs += 1_000;
  kept.evicted(1);
  t.same([kept.keepsMs, kept.needsMs], [5_500, 5_500]);
  nowMs += 9_999;
  t.same([kept.keepsMs, kept.needsMs], [9_999, 5_500]);
  nowMs += 1;
  t.same([kept.keepsMs, kept.needsMs], [10_000, Infinity], 'it evicts no more');
  t.end();
});

t.test('KeptTime follows what it keeps now', (t) => {
  let nowMs = 0;
  const kept = new KeptTime(new Float64Array(1), () => nowMs);
  const evictAfter = (ms: number): void => {
    kept.stored(0);
    nowMs += ms;
    kept.evicted(0);
  };
  for (let i = 0; i < 100; i += 1) evictAfter(10_000);
  for (let i = 0; i < 400; i += 1) evictAfter(100);
  t.ok(kept.needsMs < 150, `${kept.needsMs}`);
  t.end();
});
