import t from 'tap';
import type { FieldLine } from '../../src/http/fields.js';
import { LineInterner } from '../../src/shard/line-interner.js';

t.test('LineInterner keeps lines that many share once, and gives them numbers', (t) => {
  const interner = new LineInterner();
  const line = (): FieldLine => ['content-type', 'video/mp4'];
  const [first] = interner.lines([line()]);
  const [second] = interner.lines([line()]);
  if (first === undefined) throw new Error('no line');
  t.equal(second, first);
  const id = interner.idOf(first);
  t.type(id, 'number');
  t.equal(interner.at(id ?? -1), first);
  t.equal(interner.idOf(line()), undefined, 'equal is not enough');
  t.throws(() => interner.at(99), RangeError);
  t.end();
});

t.test('LineInterner leaves alone what each object has of its own', (t) => {
  const interner = new LineInterner();
  for (const line of [
    ['etag', '"v1"'],
    ['date', 'Sat, 21 Nov 2026 10:00:00 GMT'],
    ['x-long', 'x'.repeat(257)],
  ] as const) {
    const [kept] = interner.lines([line]);
    t.equal(kept, line);
    t.equal(interner.idOf(line), undefined, line[0]);
  }
  t.end();
});

t.test('LineInterner remembers a bounded number of lines', (t) => {
  const interner = new LineInterner();
  const lines = Array.from({ length: 5_000 }, (_, i): FieldLine => ['x-attack', String(i)]);
  interner.lines(lines);
  const known = lines.filter((line) => interner.idOf(line) !== undefined);
  t.equal(known.length, 4_096);
  t.end();
});
