import t from 'tap';
import { RepeatLog } from '../../src/telemetry/repeat-log.js';

/** Time that a test lets pass. */
class Timers {
  #waiting: { atMs: number; run: () => void }[] = [];
  #nowMs = 0;

  readonly after = (ms: number, run: () => void): void => {
    this.#waiting.push({ atMs: this.#nowMs + ms, run });
  };

  pass(ms: number): void {
    this.#nowMs += ms;
    const due = this.#waiting.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#waiting = this.#waiting.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { run } of due) run();
  }

  get count(): number {
    return this.#waiting.length;
  }
}

t.test('RepeatLog writes the first line at once, then one a second with a count', (t) => {
  const timers = new Timers();
  const log = new RepeatLog(timers);
  const written: string[] = [];
  const line = (text: string): void => {
    log.line('kind', (repeated) => void written.push(`${text} +${repeated}`));
  };
  for (let i = 0; i < 16_000; i += 1) line(`line ${i}`);
  t.same(written, ['line 0 +0']);
  timers.pass(1_000);
  t.same(written.splice(0), ['line 0 +0', 'line 15999 +15999'], 'the newest, for all of them');
  line('more');
  timers.pass(999);
  t.same(written, []);
  timers.pass(1);
  t.same(written.splice(0), ['more +1']);
  timers.pass(1_000);
  t.same(written, [], 'nothing happened');
  t.equal(timers.count, 0, 'and it is forgotten');
  line('later');
  t.same(written, ['later +0'], 'so that the next is written at once');
  t.end();
});

t.test('RepeatLog tells kinds apart, and holds no more of them than it may', (t) => {
  const timers = new Timers();
  const log = new RepeatLog(timers);
  let written = 0;
  for (let round = 0; round < 2; round += 1) {
    for (let kind = 0; kind < 256; kind += 1) log.line(`${kind}`, () => (written += 1));
  }
  t.equal(written, 256);
  for (let i = 0; i < 3; i += 1) log.line('one too many', () => (written += 1));
  t.equal(written, 259, 'it is written rather than lost');
  t.equal(timers.count, 256);
  t.end();
});
