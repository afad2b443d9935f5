import t, { type Test } from 'tap';
import { type Stalled, StallWheel } from '../../../src/edge/reach/stall-wheel.js';

class Reader implements Stalled {
  sent = 0;
  tries = 0;
  cuts = 0;
  retry(): void {
    this.tries += 1;
  }
  cut(): void {
    this.cuts += 1;
  }
}

class WheelBench {
  nowMs = 0;
  counted = 0;
  readonly wheel: StallWheel;

  constructor(t: Test) {
    this.wheel = new StallWheel(
      { minRate: 1_000, minRateGrace: 10_000 },
      () => this.nowMs,
      () => {
        this.counted += 1;
      },
    );
    t.teardown(() => {
      this.wheel.stop();
    });
  }

  pass(seconds: number, each: () => void = () => undefined): void {
    for (let i = 0; i < seconds; i += 1) {
      this.nowMs += 1_000;
      each();
      this.wheel.turn();
    }
  }
}

t.test('StallWheel tries each stalled writer again about every four seconds', (t) => {
  const bench = new WheelBench(t);
  const readers = Array.from({ length: 8 }, () => new Reader());
  const read = (): void => {
    for (const reader of readers) reader.sent += 2_000;
  };
  for (const reader of readers) {
    bench.wheel.add(reader);
    bench.pass(1, read);
  }
  t.equal(bench.wheel.count, 8);
  const before = readers.map(({ tries }) => tries);
  bench.pass(8, read);
  t.same(
    readers.map(({ tries }, i) => tries - (before[i] ?? 0)),
    [2, 2, 2, 2, 2, 2, 2, 2],
    'uWS would cut a connection after ten',
  );
  t.end();
});

t.test('StallWheel cuts who stays under the minimum rate beyond the grace', (t) => {
  const bench = new WheelBench(t);
  const slow = new Reader();
  const fine = new Reader();
  bench.wheel.add(slow);
  bench.wheel.add(fine);
  bench.pass(9, () => {
    slow.sent += 900;
    fine.sent += 1_100;
  });
  t.same([slow.cuts, fine.cuts], [0, 0], 'within the grace');
  bench.pass(40, () => {
    slow.sent += 900;
    fine.sent += 1_100;
  });
  t.same([slow.cuts, fine.cuts], [1, 0]);
  t.equal(bench.counted, 1);
  t.equal(bench.wheel.count, 1);
  t.end();
});

t.test(
  'StallWheel measures a writer over its stalls, so that one byte now and then is no way out',
  (t) => {
    const bench = new WheelBench(t);
    const trickler = new Reader();
    for (let second = 0; second < 20 && trickler.cuts === 0; second += 1) {
      bench.wheel.add(trickler);
      bench.pass(1);
      if (second % 3 === 0) {
        trickler.sent += 1;
        bench.wheel.remove(trickler);
      }
    }
    bench.wheel.add(trickler);
    bench.pass(4);
    t.equal(trickler.cuts, 1);
    t.end();
  },
);

t.test(
  'StallWheel counts what the kernel took at first, but not for who takes nothing at all',
  (t) => {
    const bench = new WheelBench(t);
    const still = new Reader();
    const stepping = new Reader(); // a slow reader's window opens by a hundred kilobytes at a time
    for (const reader of [still, stepping]) {
      reader.sent = 900_000;
      bench.wheel.add(reader);
    }
    bench.pass(38);
    t.same([still.cuts, stepping.cuts], [0, 0], 'within four graces');
    stepping.sent += 100_000;
    bench.pass(38);
    t.same([still.cuts, stepping.cuts], [1, 0]);
    t.end();
  },
);

t.test('StallWheel leaves alone who is taken off', (t) => {
  const bench = new WheelBench(t);
  const reader = new Reader();
  bench.wheel.add(reader);
  bench.wheel.remove(reader);
  bench.wheel.remove(reader);
  bench.pass(30);
  t.same([reader.tries, reader.cuts, bench.wheel.count], [0, 0, 0]);
  t.end();
});
