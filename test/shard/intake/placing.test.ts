import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import type { Fill, Waiter } from '../../../src/shard/intake/fill.js';
import { waiterOf } from '../../support/intake.js';
import { PlacingBench } from '../../support/placing.js';
import { settled } from '../../support/shard.js';

const KEY = '/v/1.m4s';
const KEPT: FieldLines = [['cache-control', 'max-age=60']];
const LENGTH: FieldLines = [['content-length', '4']];
const FOUR: FieldLines = [...KEPT, ...LENGTH];
const BY_LANGUAGE: FieldLines = [...FOUR, ['vary', 'accept-language']];
const SLICE = 4_096;

function speaking(id: number, language: string): Waiter {
  return waiterOf(id, KEY, { headers: [['accept-language', language]] });
}

t.test('accept() joins those who wait to the bytes, and finish() keeps them', async (t) => {
  const bench = new PlacingBench();
  const fill = bench.fill([waiterOf(1), waiterOf(2, KEY, { worker: 1 })]);
  const arrival = bench.take(fill, FOUR, 'body');
  t.equal(fill.phase, 'filling');
  await settled(); // the body was not whole in the same turn
  t.match(bench.newest('filling', 1), { id: 2, descriptor: { storedBytes: 4, cached: false } });
  t.same(bench.stored, [], 'nothing is kept before its end');
  bench.placing.finish(fill, arrival);
  const [stored] = bench.stored;
  if (stored === undefined) throw new Error('nothing is kept');
  t.match(stored.descriptor, { storedBytes: 4, totalBytes: 4, cached: true });
  t.equal(bench.text(stored), 'body');
  t.ok(bench.context.holdings.index.isHeld(stored));
  t.match(bench.newest('progress', 1), { written: 4, end: { ok: true } });
  await settled();
});

t.test('accept() says why there is no place, and takes none then', (t) => {
  const long = (bytes: number): FieldLines => [...KEPT, ['content-length', String(bytes)]];
  const part: FieldLines = [...KEPT, ['content-range', 'bytes 0-3/9']];
  const rows: [status: number, FieldLines, string | undefined, string][] = [
    [200, long(SLICE), undefined, 'the largest that may be kept'],
    [200, long(SLICE + 1), 'too-large', 'a byte more'],
    [206, part, 'partial', 'a part that nobody asked for'],
  ];
  for (const [status, headers, want, why] of rows) {
    const bench = new PlacingBench({ cache: { maxObject: SLICE } });
    const asked = waiterOf(1, KEY, { headers: [['range', 'bytes=0-3']] });
    const fill = bench.fill([asked]);
    t.equal(bench.accept(fill, bench.arrival(status, headers)), want, why);
    t.equal(bench.takenBytes > 0, want === undefined);
    t.equal(fill.phase, want === undefined ? 'filling' : 'requesting');
  }
  const full = new PlacingBench({ arenaBytes: 65_536 });
  full.context.holdings.store.reserve(40_000);
  const fill = full.fill([waiterOf(1)]);
  t.equal(full.accept(fill, full.arrival(200, long(32_000))), 'no-room');
  t.end();
});

t.test(
  'accept() sends on those whom the answer does not suit, once the others are told',
  async (t) => {
    const bench = new PlacingBench();
    const fill = bench.fill([speaking(1, 'en'), speaking(2, 'de'), speaking(3, 'en')]);
    bench.take(fill, BY_LANGUAGE, 'text');
    bench.answers.announce(fill);
    t.same(bench.redecided, [2]);
    t.same([bench.kinds(1), bench.kinds(2), bench.kinds(3)], [['filling'], [], ['filling']]);
    t.equal(fill.among.find(fill.descriptor?.secondary ?? ''), fill, 'others like them find it');
    t.equal(fill.among.find(''), undefined);
    const page = bench.fill([
      waiterOf(4, '/page'),
      waiterOf(5, '/page', { headers: [['cookie', 'a=b']] }),
    ]);
    const guessed: FieldLines = [
      ['content-type', 'text/html'],
      ['last-modified', 'Sat, 21 Nov 2020 00:00:00 GMT'],
    ];
    bench.take(page, guessed, '<p>');
    t.same(bench.redecided, [2, 5], 'who sends credentials may get another');
    await settled();
  },
);

t.test(
  'a resource that varies otherwise than before loses what was kept by the old rule',
  async (t) => {
    const bench = new PlacingBench();
    const { index } = bench.context.holdings;
    const english = bench.fill([speaking(1, 'en')]);
    bench.placing.finish(english, bench.take(english, BY_LANGUAGE, 'text'));
    const german = bench.fill([speaking(2, 'de')]);
    bench.placing.finish(german, bench.take(german, BY_LANGUAGE, 'wort'));
    t.same(
      bench.stored.map((stored) => index.isHeld(stored)),
      [true, true],
      'variants lie side by side',
    );
    const purged = bench.fill([speaking(3, 'fr')], { outdated: true });
    bench.take(purged, FOUR, 'mots');
    t.ok(
      bench.stored.every((stored) => index.isHeld(stored)),
      'what is not kept changes no rule',
    );
    bench.take(bench.fill([speaking(4, 'fr')]), FOUR, 'mots');
    t.notOk(bench.stored.some((stored) => index.isHeld(stored)));
    await settled();
  },
);

t.test('finish() keeps nothing that was purged, rang, or whose body forbids it', async (t) => {
  const purge = (_: PlacingBench, fill: Fill): void => {
    fill.outdated = true;
  };
  const ring = (_: PlacingBench, fill: Fill): void => {
    fill.ring.bytes = 4;
  };
  const forbid = (bench: PlacingBench): void => {
    bench.facts = { status: 500 };
  };
  for (const spoil of [purge, ring, forbid]) {
    const bench = new PlacingBench();
    const before = bench.keep('/v/a.m3u8', 'old');
    const taken = bench.takenBytes;
    const fill = bench.fill([waiterOf(1, '/v/a.m3u8')]);
    const arrival = bench.take(fill, LENGTH, 'body');
    bench.views[0]?.giveBack(0, fill.body?.slot ?? -1);
    spoil(bench, fill);
    bench.placing.finish(fill, arrival);
    t.same(bench.stored, []);
    t.match(bench.newest('progress'), { end: { ok: true }, written: 4 }, 'who reads gets all');
    t.equal(bench.takenBytes, taken, 'its room is free again');
    t.ok(bench.context.holdings.index.isHeld(before), 'what there was stays');
  }
  await settled();
});

t.test('a body of unknown length has its length in the end, and room for no more', async (t) => {
  const bench = new PlacingBench();
  const fill = bench.fill([waiterOf(1)]);
  const arrival = bench.take(fill, KEPT, 'body');
  t.match(fill.descriptor, { storedBytes: -1, totalBytes: -1 });
  const begun = bench.takenBytes;
  t.equal(begun, 65_536);
  bench.placing.finish(fill, arrival);
  t.match(bench.stored[0]?.descriptor, { storedBytes: 4, totalBytes: 4 });
  t.ok(bench.takenBytes < begun);
  await settled();
});

t.test('a part is kept with where it lies in the whole', async (t) => {
  const bench = new PlacingBench();
  const asked = waiterOf(1, KEY, { headers: [['range', 'bytes=5-8']], range: 'bytes=5-8' });
  const fill = bench.fill([asked], { range: 'bytes=5-8', slotKey: '\nbytes=5-8' });
  const arrival = bench.arrival(206, [...FOUR, ['content-range', 'bytes 5-8/100']]);
  t.equal(bench.accept(fill, arrival), undefined);
  fill.written = 4;
  bench.placing.finish(fill, arrival);
  const want = { status: 206, firstByte: 5, storedBytes: 4, totalBytes: 100 };
  t.match(bench.stored[0]?.descriptor, want);
  await settled();
});
