import t from 'tap';
import { liveTtlMs, nextRhythm, type Rhythm } from '../../src/media/rhythm.js';
import { seededRandom } from '../support/random.js';

const PERIOD_MS = 2_000;
const LIMIT_MS = 1_000;

/** A crowd that asks all the time, an encoder that is late or early by up to `jitterMs`. */
function watch({ jitterMs, seconds }: { jitterMs: number; seconds: number }): {
  staleMs: number[]; // for each change, how long the one before was given out
  requests: number;
} {
  const random = seededRandom(7);
  const changes = Array.from({ length: seconds / 2 }, (_, i) => {
    return 700 + i * PERIOD_MS + (random() * 2 - 1) * jitterMs;
  });
  const contentAt = (ms: number): number => changes.filter((change) => change <= ms).length;
  const staleMs: number[] = [];
  let rhythm: Rhythm | undefined;
  let requests = 0;
  for (let nowMs = 0; nowMs < seconds * 1_000;) {
    const before = rhythm?.content;
    const content = contentAt(nowMs);
    requests += 1;
    rhythm = nextRhythm(rhythm, content, nowMs);
    if (before !== undefined && before !== content)
      staleMs.push(nowMs - (changes[content - 1] ?? 0));
    const tripMs = 4;
    nowMs += tripMs + liveTtlMs(rhythm, { limitMs: LIMIT_MS, periodMs: PERIOD_MS, nowMs });
  }
  return { staleMs, requests };
}

t.test('a change is seen within a sixteenth of the period, for few requests', (t) => {
  for (const jitterMs of [0, 60, 180]) {
    const { staleMs, requests } = watch({ jitterMs, seconds: 120 });
    t.ok(staleMs.length >= 58, `${staleMs.length} changes`);
    t.ok(Math.max(...staleMs) < 135, `jitter ${jitterMs}: ${Math.max(...staleMs)} ms`);
    const each = requests / staleMs.length;
    t.ok(each < 7, `jitter ${jitterMs}: ${each} requests for each change`);
  }
  t.end();
});

t.test('what has no rhythm is asked for at its limit', (t) => {
  const about = { limitMs: LIMIT_MS, periodMs: PERIOD_MS };
  const first = nextRhythm(undefined, 1, 1_000);
  t.equal(liveTtlMs(first, { ...about, nowMs: 1_000 }), 125, 'nobody knows when it changes');
  t.equal(liveTtlMs(first, { ...about, nowMs: 7_100 }), LIMIT_MS, 'it does not change');
  const second = nextRhythm(first, 2, 8_000);
  t.equal(liveTtlMs(second, { ...about, nowMs: 8_004 }), 125, 'it did after all, long ago perhaps');
  const confirmed = nextRhythm(second, 2, 8_125);
  t.same(confirmed, { content: 2, sinceMs: 8_000, seenMs: 8_125, afterMs: 1_000 });
  const third = nextRhythm(confirmed, 3, 10_000);
  t.equal(liveTtlMs(third, { ...about, nowMs: 8_200 }), LIMIT_MS, 'no longer than half of it');
  t.equal(liveTtlMs(third, { ...about, nowMs: 9_500 }), 425, 'until it is due');
  t.equal(liveTtlMs(third, { ...about, nowMs: 9_900 }), 125, 'it is about to');
  const rare = { limitMs: 250_000, periodMs: 500_000, nowMs: 1_000 };
  t.equal(liveTtlMs(first, rare), 250_000, 'an MPD that is a template');
  const parts = { limitMs: 333, periodMs: 333, nowMs: 1_000 };
  t.equal(liveTtlMs(first, parts), 50, 'a low-latency playlist');
  t.end();
});
