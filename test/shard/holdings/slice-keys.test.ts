import t from 'tap';
import { sliceKeys } from '../../../src/protocol/slices.js';
import { SliceKeys } from '../../../src/shard/holdings/slice-keys.js';

// What it is for, and that it forgets an object with its last slice, slicing.test.ts shows.

const FILM = '/film.mp4';
const filmSlice = sliceKeys(FILM, '"v1"', 1_000);

/** With these in it. */
function keysOf(...slices: string[]): SliceKeys {
  const keys = new SliceKeys();
  for (const slice of slices) keys.add(slice);
  return keys;
}

t.test('an object has the slices of all its versions, each once', (t) => {
  const later = sliceKeys(FILM, '"v2"', 1_000);
  const keys = keysOf(filmSlice(0), later(0), filmSlice(0));
  t.equal(keys.objects, 1);
  t.same(keys.of(FILM), [filmSlice(0), later(0)]);
  keys.remove(filmSlice(0));
  t.same(keys.of(FILM), [later(0)], 'the other version stays');
  t.end();
});

t.test('objects of which one key begins as the other are kept apart', (t) => {
  const longer = sliceKeys(`${FILM}?a=b`, '"v1"', 1_000);
  const keys = keysOf(filmSlice(1), longer(1), longer(10));
  t.equal(keys.objects, 2);
  t.same(keys.of(FILM), [filmSlice(1)]);
  keys.remove(filmSlice(1));
  t.same(keys.of(FILM), []);
  keys.remove(longer(1));
  t.same(keys.of(`${FILM}?a=b`), [longer(10)]);
  t.end();
});

t.test('what is of no slice that is there changes nothing', (t) => {
  const keys = keysOf(FILM, filmSlice(1));
  for (const key of [FILM, filmSlice(2), sliceKeys('/other', '"v1"', 1_000)(1), '/other', '']) {
    keys.remove(key);
  }
  t.same(keys.of(FILM), [filmSlice(1)]);
  t.same(keys.of('/other'), []);
  t.same(keys.of(filmSlice(1)), [], 'a slice is no object');
  t.equal(keysOf(FILM, '').objects, 0);
  t.end();
});

t.test('of() gives a list that may be walked while its slices go', (t) => {
  const keys = keysOf(filmSlice(0), filmSlice(1), filmSlice(2));
  const gone = keys.of(FILM);
  for (const key of gone) keys.remove(key);
  t.same(gone, [filmSlice(0), filmSlice(1), filmSlice(2)]);
  t.equal(keys.objects, 0);
  keys.add(filmSlice(3));
  t.same(keys.of(FILM), [filmSlice(3)], 'and it may come again');
  t.end();
});
