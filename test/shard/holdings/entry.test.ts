import t from 'tap';
import {
  type Entry,
  newEntry,
  NO_ENCODINGS,
  placeStored,
  type Stored,
  storedIn,
  unlink,
  variantOf,
} from '../../../src/shard/holdings/entry.js';
import { describedAs } from '../../support/descriptor.js';

function storedAs(entry: Entry, facts: { status?: number; secondary?: string } = {}): Stored {
  const { status = 200, secondary = '' } = facts;
  return {
    ...{ entry, secondary, kind: 'segment', encodings: NO_ENCODINGS, originFields: [] },
    ...{ body: { slot: 1, generation: 1, extents: [], bytes: 1 }, retryAtMs: 0 },
    descriptor: describedAs({ status, secondary }),
  };
}

t.test('a whole takes the place of the whole and of all parts of its variant only', (t) => {
  const entry = newEntry('/v/1.m4s');
  const [part, next] = [storedAs(entry, { status: 206 }), storedAs(entry, { status: 206 })];
  const [whole, newer, gone] = [storedAs(entry), storedAs(entry), storedAs(entry, { status: 404 })];
  const other = storedAs(entry, { secondary: 'x=y' });
  t.same(placeStored(other), []);
  t.same(placeStored(part), []);
  t.same(placeStored(whole), [part]);
  t.same(
    storedIn(variantOf(entry, '')),
    [whole, part],
    'it leaves what it replaces to be given up',
  );
  unlink(part);
  t.same(placeStored(next), [], 'a part replaces nothing');
  t.same(placeStored(newer), [whole, next]);
  unlink(next);
  t.same(placeStored(gone), [newer], 'nothing but a 206 is a part');
  t.equal(variantOf(entry, '').whole, gone);
  t.equal(variantOf(entry, 'x=y').whole, other);
  t.end();
});

t.test('unlink() takes out what is there, once, and what has been replaced not at all', (t) => {
  const entry = newEntry('/v/1.m4s');
  const [whole, newer] = [storedAs(entry), storedAs(entry)];
  const [part, second] = [storedAs(entry, { status: 206 }), storedAs(entry, { status: 206 })];
  for (const stored of [whole, newer, part, second]) placeStored(stored);
  t.notOk(unlink(whole));
  t.ok(unlink(part));
  t.same(storedIn(variantOf(entry, '')), [newer, second]);
  t.ok(unlink(newer));
  t.same(storedIn(variantOf(entry, '')), [second]);
  t.ok(unlink(second));
  t.notOk(unlink(second));
  t.same(entry.variants.resident(), [], 'nothing is kept of a variant that holds nothing');
  t.end();
});

t.test('storedIn() gives a list of its own: what it names may be unlinked on the way', (t) => {
  const entry = newEntry('/v/1.m4s');
  for (const wholes of [0, 1]) {
    for (let i = 0; i < wholes; i += 1) placeStored(storedAs(entry));
    for (let i = 0; i < 3; i += 1) placeStored(storedAs(entry, { status: 206 }));
    let unlinked = 0;
    for (const stored of storedIn(variantOf(entry, ''))) if (unlink(stored)) unlinked += 1;
    t.equal(unlinked, 3 + wholes);
  }
  t.end();
});

/** An entry whose variants 'a' and 'b' are not resident; notes what is loaded. */
function unloaded(): { entry: Entry; loaded: (string | undefined)[] } {
  const loaded: (string | undefined)[] = [];
  const entry = newEntry('/v/1.m4s', (of, secondary) => {
    loaded.push(secondary);
    for (const name of secondary === undefined ? ['a', 'b'] : [secondary]) {
      if (name === 'a' || name === 'b') of.variants.ensureResident(name);
    }
  });
  return { entry, loaded };
}

t.test('a variant that is not resident is loaded as it is asked for, and alone', (t) => {
  const { entry, loaded } = unloaded();
  const { variants } = entry;
  const a = variants.get('a');
  t.ok(a);
  t.equal(variants.get('a'), a);
  t.equal(variants.ensureResident('a'), a);
  t.same(loaded, ['a'], 'what is resident is not loaded again');
  t.equal(variants.get('c'), undefined);
  t.same(variants.resident(), [['a', a]], 'to look for what there is not makes nothing');
  variants.forget('a');
  t.not(variants.get('a'), a, 'what was unloaded is loaded anew');
  t.same(loaded, ['a', 'c', 'a']);
  t.end();
});

t.test('variantOf() looks among what is not resident before it makes one', (t) => {
  const { entry, loaded } = unloaded();
  const b = variantOf(entry, 'b');
  t.same(loaded, ['b']);
  t.equal(entry.variants.get('b'), b);
  const c = variantOf(entry, 'c');
  t.same(c, { whole: undefined, parts: [] });
  t.equal(variantOf(entry, 'c'), c);
  t.end();
});

t.test('values() loads all', (t) => {
  const { entry, loaded } = unloaded();
  variantOf(entry, 'c');
  t.equal(entry.variants.values().length, 3);
  t.same(loaded, ['c', undefined]);
  t.end();
});
