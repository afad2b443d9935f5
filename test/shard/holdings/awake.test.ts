import t from 'tap';
import { Awake } from '../../../src/shard/holdings/awake.js';
import { newEntry, NO_ENCODINGS, type Stored } from '../../../src/shard/holdings/entry.js';
import { describedAs } from '../../support/descriptor.js';

function storedIn(slot: number): Stored {
  return {
    ...{ entry: newEntry('/v/1.m4s'), secondary: '', kind: 'segment', encodings: NO_ENCODINGS },
    ...{ body: { slot, generation: 1, extents: [], bytes: 1 }, retryAtMs: 0, originFields: [] },
    descriptor: describedAs({ slot }),
  };
}

t.test('Awake knows responses by slot, and charges what it has', (t) => {
  const awake = new Awake();
  const [first, second] = [storedIn(1), storedIn(2)];
  awake.add(first, false);
  awake.add(second, true);
  t.same([awake.get(1), awake.get(2), awake.get(3)], [first, second, undefined]);
  t.same([awake.has(2), awake.has(3)], [true, false]);
  const both = awake.bytes;
  t.ok(awake.remove(2));
  t.notOk(awake.remove(2), 'once');
  t.ok(awake.bytes > 0 && awake.bytes < both);
  awake.addEntry(first.entry);
  awake.removeEntry(first.entry);
  t.ok(awake.remove(1));
  t.equal(awake.bytes, 0);
  t.end();
});

t.test('Awake.isTold() is true while nothing has changed that a text tells', (t) => {
  const awake = new Awake();
  const [fresh, woken] = [storedIn(1), storedIn(2)];
  awake.add(fresh, false);
  awake.add(woken, true);
  t.same([awake.isTold(fresh), awake.isTold(woken)], [false, true]);
  woken.retryAtMs = 5;
  t.notOk(awake.isTold(woken));
  woken.retryAtMs = 0;
  t.ok(awake.isTold(woken));
  woken.descriptor = { ...woken.descriptor };
  t.notOk(awake.isTold(woken));
  t.end();
});
