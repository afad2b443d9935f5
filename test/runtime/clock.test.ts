import t from 'tap';
import { SystemClock } from '../../src/runtime/clock.js';

t.test('SystemClock.coarse() is never behind what now() said', (t) => {
  const clock = new SystemClock();
  t.teardown(() => {
    clock.stop();
  });
  const startMs = clock.now();
  while (Date.now() === startMs); // the next millisecond; the tick cannot come in between
  const nowMs = clock.now();
  t.ok(nowMs > startMs);
  t.equal(clock.coarse(), nowMs);
  t.end();
});
