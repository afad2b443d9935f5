import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { type Known, Residents } from '../../../src/shard/holdings/residents.js';
import { newEntry, NO_ENCODINGS, type Stored } from '../../../src/shard/holdings/entry.js';
import { describedAs } from '../../support/descriptor.js';

function storedIn(slot: number): Stored {
  return {
    ...{ entry: newEntry('/v/1.m4s'), secondary: '', kind: 'segment', encodings: NO_ENCODINGS },
    ...{ body: { slot, generation: 1, extents: [], bytes: 1 }, retryAtMs: 0, originFields: [] },
    descriptor: describedAs({ slot }),
  };
}

const DIGEST = { low: 1, high: 2 };

/** That know the entry of that response. */
function knowing(
  stored: Stored,
  residents = new Residents(Infinity, () => undefined),
): { residents: Residents; known: Known } {
  residents.know(stored.entry, { digest: DIGEST, head: 1 });
  const known = residents.of(stored.entry);
  if (known === undefined) throw new Error('it knows nothing');
  return { residents, known };
}

t.test('Residents knows responses by slot, and charges what it has', (t) => {
  const [first, second] = [storedIn(1), storedIn(2)];
  const { residents, known } = knowing(first);
  const entryBytes = residents.bytes;
  t.ok(entryBytes > 0);
  residents.add(known, first, false);
  residents.add(known, second, true);
  t.same([residents.get(1), residents.get(2), residents.get(3)], [first, second, undefined]);
  t.same([residents.has(2), residents.has(3), known.residents], [true, false, 2]);
  const all = residents.bytes;
  residents.remove(known, 2);
  const one = residents.bytes;
  residents.remove(known, 2);
  t.same([residents.bytes, known.residents], [one, 1], 'once');
  t.ok(one > entryBytes && one < all);
  residents.remove(known, 1);
  t.equal(residents.bytes, entryBytes);
  residents.forget(first.entry);
  residents.forget(first.entry);
  t.equal(residents.bytes, 0);
  t.end();
});

t.test('Residents knows an entry by its key, and no other of the same key for it', (t) => {
  const stored = storedIn(1);
  const { residents, known } = knowing(stored);
  t.equal(residents.entry('/v/1.m4s'), known);
  t.same([...residents.entries()], [known]);
  t.equal(residents.of(newEntry('/v/1.m4s')), undefined);
  residents.forget(stored.entry);
  t.same([residents.entry('/v/1.m4s'), residents.of(stored.entry)], [undefined, undefined]);
  t.end();
});

t.test('Residents lists what was looked at', (t) => {
  const { entry } = storedIn(1);
  const { residents } = knowing(storedIn(1));
  residents.touch(entry);
  t.equal(residents.touched().length, 2);
  residents.untouch(entry);
  t.notOk(residents.touched().includes(entry));
  residents.leaveTouched(entry);
  t.ok(residents.touched().includes(entry));
  residents.forget(entry);
  t.notOk(residents.touched().includes(entry));
  t.end();
});

t.test('Residents says once a turn that there is too much', async (t) => {
  let calls = 0;
  const residents = new Residents(1, () => {
    calls += 1;
  });
  const { known } = knowing(storedIn(1), residents);
  residents.touch(known.entry);
  t.equal(calls, 0, 'not while somebody looks');
  await setImmediate();
  t.equal(calls, 1);
  residents.leaveTouched(known.entry);
  await setImmediate();
  t.equal(calls, 1, 'what could not be unloaded does not call for it');
  residents.touch(known.entry);
  await setImmediate();
  t.equal(calls, 2);
});

t.test('Residents.isRecorded() is true while nothing has changed that the metadata says', (t) => {
  const [fresh, loaded] = [storedIn(1), storedIn(2)];
  const { residents, known } = knowing(fresh);
  residents.add(known, fresh, false);
  residents.add(known, loaded, true);
  t.same([residents.isRecorded(fresh), residents.isRecorded(loaded)], [false, true]);
  loaded.retryAtMs = 5;
  t.notOk(residents.isRecorded(loaded));
  loaded.retryAtMs = 0;
  t.ok(residents.isRecorded(loaded));
  loaded.descriptor = { ...loaded.descriptor };
  t.notOk(residents.isRecorded(loaded));
  t.end();
});
