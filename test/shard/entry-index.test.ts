import t from 'tap';
import { describedAs } from '../support/descriptor.js';
import { EntryIndex } from '../../src/shard/entry-index.js';
import { NO_ENCODINGS, type Stored } from '../../src/shard/entry.js';
import { ArenaView } from '../../src/arena/arena.js';
import { createArena } from '../../src/arena/layout.js';
import { RestingTexts } from '../../src/shard/resting-texts.js';
import { LineInterner } from '../../src/shard/line-interner.js';

class IndexBench {
  readonly texts = new RestingTexts(new ArenaView(createArena(64 * 4_096, 1), 0));
  readonly index = new EntryIndex({
    ...{ shard: 0, epoch: 0, slots: 64 },
    interner: new LineInterner(),
    texts: this.texts,
  });

  keep(key: string, slot: number): Stored {
    const entry = this.index.ensure(key.slice(0, key.lastIndexOf('/') + 1), key);
    const extents = [{ offset: 4_096 * slot, length: 4_096 }];
    const stored: Stored = {
      ...{ entry, secondary: '', kind: 'segment', requestHeaders: [], encodings: NO_ENCODINGS },
      body: {
        slot,
        generation: 1,
        extents,
        bytes: 100,
        used: 100,
        text: undefined,
        published: false,
      },
      originFields: [['content-type', 'video/iso.segment']],
      descriptor: { ...describedAs({ key, slot, generation: 1 }), extents },
      retryAtMs: 0,
    };
    entry.variants.set('', { whole: stored, parts: [] });
    this.index.own(slot, stored);
    return stored;
  }
}

t.test('EntryIndex puts to rest what nothing happens to, and wakes it as it was', (t) => {
  const { index } = new IndexBench();
  t.equal(index.get('/v/', '/v/1.m4s'), undefined);
  const bench = new IndexBench();
  const stored = bench.keep('/v/1.m4s', 5);
  t.equal(bench.index.get('/v/', '/v/1.m4s'), stored.entry, 'awake until the tick');
  bench.index.sweep();
  t.equal(bench.index.count, 1);
  t.ok(bench.index.has('/v/', '/v/1.m4s'));
  t.notOk(bench.index.isHeld(stored), 'what slept is another object when it wakes');
  const woken = bench.index.get('/v/', '/v/1.m4s');
  t.not(woken, stored.entry);
  const whole = woken?.variants.get('')?.whole;
  t.same(whole?.descriptor, stored.descriptor);
  t.equal(bench.index.get('/v/', '/v/1.m4s'), woken, 'and stays awake until the next');
  t.equal(bench.index.ownerOf(5), whole);
  t.ok(whole !== undefined && bench.index.isHeld(whole));
  bench.index.sweep();
  t.not(bench.index.ownerOf(5), whole, 'asleep again; found by its slot as well');
  t.same(bench.index.find('/v/1.m4s')?.variants.get('')?.whole?.body, stored.body);
  t.end();
});

t.test('EntryIndex leaves awake what a pack cannot say, and what lost its slot', (t) => {
  const bench = new IndexBench();
  const [varies, evicted] = [bench.keep('/v/1.m4s', 1), bench.keep('/v/2.m4s', 2)];
  varies.entry.vary = ['accept-language'];
  bench.index.own(2, undefined);
  bench.index.sweep();
  t.equal(bench.index.get('/v/', '/v/1.m4s'), varies.entry);
  t.equal(bench.index.get('/v/', '/v/2.m4s'), evicted.entry);
  varies.entry.vary = [];
  bench.index.sweep();
  t.not(bench.index.get('/v/', '/v/1.m4s'), varies.entry, 'looked at, it was considered again');
  t.end();
});

t.test('EntryIndex forgets what is empty', (t) => {
  const bench = new IndexBench();
  const [gone, kept] = [bench.keep('/v/2.m4s', 1), bench.keep('/v/1.m4s', 2)];
  gone.entry.variants.clear();
  for (const { entry } of [gone, kept]) bench.index.dropIfEmpty(entry);
  t.same(
    bench.index.keysMatching(() => true),
    ['/v/1.m4s'],
  );
  t.equal(bench.index.count, 1);
  t.notOk(bench.index.has('/v/', '/v/2.m4s'));
  t.end();
});

t.test('EntryIndex.keysMatching() sees what rests and what is awake', (t) => {
  const bench = new IndexBench();
  bench.keep('/v/1.m4s', 1);
  bench.keep('/w/1.m4s', 2);
  bench.index.sweep();
  bench.keep('/v/2.m4s', 3);
  t.same(bench.index.keysMatching((key) => key.startsWith('/v/')).sort(), ['/v/1.m4s', '/v/2.m4s']);
  t.end();
});
