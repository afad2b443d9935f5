import t from 'tap';
import { Residents } from '../../../src/shard/holdings/residents.js';
import { newEntry, NO_ENCODINGS, type Stored } from '../../../src/shard/holdings/entry.js';
import { describedAs } from '../../support/descriptor.js';

function storedIn(slot: number): Stored {
  return {
    ...{ entry: newEntry('/v/1.m4s'), secondary: '', kind: 'segment', encodings: NO_ENCODINGS },
    ...{ body: { slot, generation: 1, extents: [], bytes: 1 }, retryAtMs: 0, originFields: [] },
    descriptor: describedAs({ slot }),
  };
}

t.test('Residents knows responses by slot, and charges what it has', (t) => {
  const residents = new Residents();
  const [first, second] = [storedIn(1), storedIn(2)];
  residents.add(first, false);
  residents.add(second, true);
  t.same([residents.get(1), residents.get(2), residents.get(3)], [first, second, undefined]);
  t.same([residents.has(2), residents.has(3)], [true, false]);
  const both = residents.bytes;
  t.ok(residents.remove(2));
  t.notOk(residents.remove(2), 'once');
  t.ok(residents.bytes > 0 && residents.bytes < both);
  residents.addEntry(first.entry);
  residents.removeEntry(first.entry);
  t.ok(residents.remove(1));
  t.equal(residents.bytes, 0);
  t.end();
});

t.test('Residents.isRecorded() is true while nothing has changed that the metadata says', (t) => {
  const residents = new Residents();
  const [fresh, woken] = [storedIn(1), storedIn(2)];
  residents.add(fresh, false);
  residents.add(woken, true);
  t.same([residents.isRecorded(fresh), residents.isRecorded(woken)], [false, true]);
  woken.retryAtMs = 5;
  t.notOk(residents.isRecorded(woken));
  woken.retryAtMs = 0;
  t.ok(residents.isRecorded(woken));
  woken.descriptor = { ...woken.descriptor };
  t.notOk(residents.isRecorded(woken));
  t.end();
});
