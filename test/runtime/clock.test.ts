import t, { type Test } from 'tap';
import { clockBase, SystemClock, type TimeSource } from '../../src/runtime/clock.js';

t.test('SystemClock.coarse() is never behind what now() said', (t) => {
  const clock = systemClock(t, clockBase());
  const startMs = clock.now();
  while (clock.now() === startMs); // the next millisecond; the tick cannot come in between
  t.ok(clock.coarse() > startMs);
  t.equal(clock.coarse(), Math.floor(clock.coarse()), 'whole milliseconds');
  t.end();
});

t.test('SystemClock.now() begins at the wall clock and does not follow its steps', (t) => {
  const time = { monotonicMs: 5_000.5, wallMs: 1_000_000 };
  const source = { monotonic: () => time.monotonicMs, wall: () => time.wallMs };
  const clock = systemClock(t, clockBase(source), source);
  t.equal(clock.now(), 1_000_000);
  for (const stepMs of [-20_000, 3_600_000, -7_200_000]) {
    const before = clock.now();
    time.wallMs += stepMs;
    time.monotonicMs += 1_000;
    t.equal(clock.now(), before + 1_000, `a step of ${stepMs} ms`);
    t.equal(clock.coarse(), before + 1_000);
    t.equal(clock.wall(), time.wallMs);
  }
  t.end();
});

t.test(
  'SystemClock.now() is the same for all that were given one base, whenever they start',
  (t) => {
    const source = { monotonic: () => 5_000, wall: () => 1_000_000 };
    const baseMs = clockBase(source);
    const late = { monotonic: () => 65_000, wall: () => 980_000 }; // after a step back
    t.equal(systemClock(t, baseMs, late).now(), 1_060_000);
    t.end();
  },
);

function systemClock(t: Test, baseMs: number, source?: TimeSource): SystemClock {
  const clock = source === undefined ? new SystemClock(baseMs) : new SystemClock(baseMs, source);
  t.teardown(() => {
    clock.stop();
  });
  return clock;
}
