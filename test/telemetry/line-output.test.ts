import t from 'tap';
import { LineOutput } from '../../src/telemetry/line-output.js';

/** A descriptor that takes as much as the test lets it, or fails. */
class Sink {
  taken = '';
  room = Infinity;
  fault: string | undefined;
  readonly lost: number[] = [];
  readonly #timers: (() => void)[] = [];
  readonly output = new LineOutput({
    write: (bytes) => {
      const count = Math.min(this.room, bytes.length);
      if (count === 0 || this.room < 0) {
        throw Object.assign(new Error('no'), { code: this.fault ?? 'EAGAIN' });
      }
      this.taken += Buffer.from(bytes.subarray(0, count)).toString();
      this.room -= count;
      return count;
    },
    after: (_ms, run) => void this.#timers.push(run),
    onLost: (lines) => void this.lost.push(lines),
  });

  /** Time passes. False: nobody waits for it. */
  tick(): boolean {
    const run = this.#timers.shift();
    run?.();
    return run !== undefined;
  }
}

t.test('LineOutput writes lines at once', (t) => {
  const sink = new Sink();
  sink.output.write('one\n');
  t.equal(sink.taken, 'one\n');
  t.notOk(sink.tick());
  t.end();
});

t.test('LineOutput keeps what is not taken yet, in order, and tries again', (t) => {
  const sink = new Sink();
  sink.room = 6;
  for (const line of ['one\n', 'two\n', 'three\n']) sink.output.write(line);
  t.equal(sink.taken, 'one\ntw');
  sink.room = 1;
  t.ok(sink.tick());
  sink.output.write('four\n');
  t.equal(sink.taken, 'one\ntwo', 'who comes later does not overtake');
  sink.room = Infinity;
  t.ok(sink.tick());
  t.equal(sink.taken, 'one\ntwo\nthree\nfour\n');
  t.notOk(sink.tick());
  t.same(sink.lost, []);
  t.end();
});

t.test('LineOutput keeps a mebibyte, and counts what it loses beyond that', (t) => {
  const sink = new Sink();
  sink.room = 0;
  const line = `${'x'.repeat(1_023)}\n`;
  for (let i = 0; i < 1_024 + 5; i += 1) sink.output.write(line);
  t.same(sink.lost, [], 'it can tell nobody yet');
  sink.room = Infinity;
  sink.tick();
  t.equal(sink.taken.length, 1_048_576);
  t.same(sink.lost, [5]);
  sink.output.write('more\n');
  t.same(sink.lost, [5], 'told once');
  t.end();
});

t.test('LineOutput drops what fails, and no line is torn', (t) => {
  for (const fault of ['ENOSPC', 'EPIPE', 'EIO']) {
    const sink = new Sink();
    sink.fault = fault;
    sink.room = 6;
    for (const line of ['one\n', 'two\n', 'three\n']) sink.output.write(line);
    t.notOk(sink.tick(), 'it may never get better: the next line will tell');
    t.equal(sink.taken, 'one\ntw');
    sink.room = Infinity;
    for (const line of ['four\n', 'five\n']) sink.output.write(line);
    t.equal(sink.taken, 'one\ntw\nfour\nfive\n');
    t.same(sink.lost, [2], fault);
  }
  t.end();
});

t.test('LineOutput may be written to by whoever hears of a loss', (t) => {
  const sink = new Sink();
  sink.fault = 'ENOSPC';
  sink.room = 0;
  sink.output.write('one\n');
  sink.room = Infinity;
  sink.lost.push = (lines) => {
    sink.output.write(`lost ${lines}\n`);
    return 0;
  };
  sink.output.write('two\n');
  t.equal(sink.taken, 'two\nlost 1\n');
  t.end();
});
