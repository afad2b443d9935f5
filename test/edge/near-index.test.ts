import t from 'tap';
import { LocalObject } from '../../src/edge/local-object.js';
import { NearIndex } from '../../src/edge/near-index.js';
import { secondaryKey } from '../../src/cache/vary.js';
import { describedAs } from '../support/descriptor.js';
import { viewOf } from '../support/arena.js';

const ARENA = viewOf(65_536);

function objectOf(facts: Parameters<typeof describedAs>[0]): LocalObject {
  return new LocalObject(describedAs(facts), ARENA, 'headgate');
}

function inLanguage(key: string, language: string): LocalObject {
  const vary = ['accept-language'];
  return objectOf({ key, vary, secondary: secondaryKey(vary, [['accept-language', language]]) });
}

t.test('NearIndex finds an object by its whole key', (t) => {
  const near = new NearIndex(100);
  const keys = ['/v/1.m4s', '/v/2.m4s', '/v/1.m4s?a=/b', '/1.m4s', '/v/w/1.m4s'];
  const objects = keys.map((key) => objectOf({ key }));
  for (const object of objects) near.put(object);
  t.equal(near.count, keys.length);
  for (const [i, key] of keys.entries()) {
    t.equal(near.only(key), objects[i]);
    t.equal(near.find(key, []), objects[i]);
  }
  t.equal(near.only('/v/3.m4s'), undefined);
  t.equal(near.only('/v/'), undefined);
  t.end();
});

t.test('NearIndex finds a variant by the fields that select it', (t) => {
  const near = new NearIndex(100);
  const english = inLanguage('/v/list.json', 'en');
  const french = inLanguage('/v/list.json', 'fr');
  near.put(english);
  near.put(french);
  t.equal(near.count, 2);
  t.equal(near.find('/v/list.json', [['accept-language', 'FR']]), french);
  t.equal(near.find('/v/list.json', [['accept-language', 'de']]), undefined);
  t.equal(near.find('/v/list.json', []), undefined);
  t.equal(near.only('/v/list.json'), undefined, 'not without looking at the fields');
  near.drop(french);
  t.equal(near.find('/v/list.json', [['accept-language', 'fr']]), undefined);
  t.equal(near.find('/v/list.json', [['accept-language', 'en']]), english);
  const plain = objectOf({ key: '/v/list.json' });
  near.put(plain);
  t.equal(near.count, 1, 'another rule of Vary makes the old variants no guide');
  t.equal(near.find('/v/list.json', [['accept-language', 'en']]), plain);
  t.end();
});

t.test('NearIndex.drop() takes out that object, not its successor', (t) => {
  const near = new NearIndex(100);
  const old = objectOf({ key: '/v/1.m4s', generation: 1 });
  const next = objectOf({ key: '/v/1.m4s', generation: 2 });
  near.put(old);
  near.put(next);
  near.drop(old);
  t.equal(near.only('/v/1.m4s'), next);
  near.drop(next);
  near.drop(next);
  t.equal(near.count, 0);
  t.end();
});

t.test('NearIndex drops the stream that was added to least recently', (t) => {
  const near = new NearIndex(4);
  for (const key of ['/a/1', '/a/2', '/b/1', '/a/3']) near.put(objectOf({ key }));
  near.put(objectOf({ key: '/c/1' }));
  t.equal(near.only('/b/1'), undefined);
  t.ok(near.only('/a/1'));
  t.equal(near.count, 4);
  t.end();
});

t.test('NearIndex keeps the newest of a stream that alone is larger than it', (t) => {
  const near = new NearIndex(3);
  for (let i = 0; i < 10; i += 1) near.put(objectOf({ key: `/a/${i}` }));
  t.equal(near.count, 3);
  t.same(
    [6, 7, 8, 9].map((i) => near.only(`/a/${i}`) !== undefined),
    [false, true, true, true],
  );
  const languages = ['en', 'fr', 'de', 'it', 'es'];
  for (const language of languages) near.put(inLanguage('/x/list.json', language));
  t.ok(near.count <= 3, 'variants count too');
  t.end();
});

t.test('NearIndex is bounded by what its objects take, too', (t) => {
  const near = new NearIndex(1_000, 100_000);
  for (let i = 0; i < 100; i += 1) near.put(objectOf({ key: `/v/${i}?${'x'.repeat(8_000)}` }));
  t.ok(near.bytes <= 100_000);
  t.ok(near.count > 5 && near.count < 15, `${near.count} of them`);
  t.ok(near.only(`/v/99?${'x'.repeat(8_000)}`), 'the newest stays');
  for (let i = 0; i < 100; i += 1) near.put(inLanguage('/w/list.json', `x-${i}${'y'.repeat(90)}`));
  t.ok(near.bytes <= 100_000, 'variants of one name count as well');
  t.ok(near.count > 5, 'and do not all go for one that is too many');
  t.end();
});
