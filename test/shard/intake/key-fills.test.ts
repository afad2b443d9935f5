import t from 'tap';
import type { Fill } from '../../../src/shard/intake/fill.js';
import { KeyFills } from '../../../src/shard/intake/key-fills.js';

/** As much of a fill as its key's others need to know. */
function fillOf(slotKey: string, range = ''): Fill {
  return { slotKey, range, outdated: false } as Fill;
}

t.test('a fill is found by its slot key until it ends', (t) => {
  const fills = new KeyFills();
  const fill = fillOf('');
  fills.begin(fill);
  t.equal(fills.find(''), fill);
  fills.end(fill);
  t.equal(fills.find(''), undefined);
  t.equal(fills.size, 0);
  t.end();
});

t.test('one in whose place another has come is under way still', (t) => {
  const fills = new KeyFills();
  const [first, second] = [fillOf(''), fillOf('')];
  fills.begin(first);
  fills.begin(second);
  t.equal(fills.find(''), second);
  t.same([...fills], [first, second]);
  fills.unlist(first);
  fills.end(first);
  t.equal(fills.find(''), second, 'its end is nothing to the other');
  t.equal(fills.size, 1);
  t.end();
});

t.test(
  'rekey() makes it found by what its answer is selected by, unless that place is taken',
  (t) => {
    const fills = new KeyFills();
    const [first, second, part] = [fillOf(''), fillOf('en'), fillOf('\nbytes=0-1', 'bytes=0-1')];
    for (const fill of [first, second, part]) fills.begin(fill);
    fills.rekey(first, 'en');
    t.equal(fills.find('en'), second);
    t.equal(fills.find(''), undefined);
    fills.rekey(part, 'de');
    t.equal(fills.find('de\nbytes=0-1'), part);
    t.equal(fills.size, 3);
    t.end();
  },
);

t.test('outdateBefore() reaches those for the same that began before', (t) => {
  const fills = new KeyFills();
  const numbered = (id: number, slotKey: string): Fill => ({ ...fillOf(slotKey), id });
  const [old, other, newer, newest] = [numbered(1, ''), numbered(2, 'en'), numbered(3, ''), numbered(4, '')]; // prettier-ignore
  for (const fill of [old, other, newer, newest]) fills.begin(fill);
  fills.outdateBefore(newer);
  t.same(
    [old, other, newer, newest].map(({ outdated }) => outdated),
    [true, false, false, false],
  );
  t.equal(fills.find(''), newest);
  t.end();
});

t.test('forbid() reaches all of them', (t) => {
  const fills = new KeyFills();
  const [first, second] = [fillOf(''), fillOf('')];
  fills.begin(first);
  fills.begin(second);
  fills.forbid();
  t.same([first.outdated, second.outdated], [true, true]);
  t.equal(fills.find(''), undefined);
  t.end();
});
