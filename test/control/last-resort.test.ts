import { EventEmitter, once } from 'node:events';
import t from 'tap';
import { LastResort } from '../../src/control/last-resort.js';
import { createLogger } from '../../src/telemetry/log.js';

t.test('LastResort ends a stop that takes too long, and says what it waited for', async (t) => {
  const { resort, lines, ends } = bench(20);
  await resort.during('what is over', Promise.resolve());
  void resort.during('a drain', new Promise(() => undefined));
  await t.rejects(resort.during('what failed', Promise.reject(new Error('x'))));
  const ended = once(ends, 'end');
  resort.arm();
  resort.arm();
  await ended;
  t.match(lines[0], { level: 'fatal', code: 'GW_HUNG', waitsFor: ['a drain'] });
  t.equal(lines.length, 1);
});

t.test('LastResort names what keeps the process when nobody waits for anything', (t) => {
  const { resort, lines } = bench(1_000);
  const timer = setTimeout(() => undefined, 1_000);
  resort.force('now');
  clearTimeout(timer);
  t.match(lines[0], { detail: 'now' });
  t.ok((lines[0]?.['waitsFor'] as string[]).includes('Timeout'));
  t.end();
});

t.test('LastResort that stands down keeps no process alive', (t) => {
  const { resort } = bench(60_000);
  resort.standDown();
  resort.arm();
  resort.standDown(); // or this test would not end
  t.end();
});

function bench(patienceMs: number): {
  resort: LastResort;
  lines: Record<string, unknown>[];
  ends: EventEmitter;
} {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
  };
  const log = createLogger({ level: 'info', name: 'test', destination: { write } });
  const ends = new EventEmitter();
  return { resort: new LastResort({ log, patienceMs, end: () => ends.emit('end') }), lines, ends };
}
