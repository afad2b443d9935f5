/** Objects that go in slices: their heads, and the room for each slice. */
import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import type { Placing } from '../../../src/shard/intake/placing.js';
import { waiterOf } from '../../support/intake.js';
import { PlacingBench } from '../../support/placing.js';

const KEY = '/v/1.m4s';
const KEPT: FieldLines = [['cache-control', 'max-age=60']];
const SLICE = 4_096;

t.test('room for a slice is taken before its origin is asked, and given back in vain', (t) => {
  const bench = new PlacingBench({ arenaBytes: 65_536 });
  const of = (last: number): Parameters<Placing['reserveSlice']>[1] => {
    return { validator: '"a"', first: 0, last, total: 100_000 };
  };
  const fill = bench.fill([waiterOf(1)]);
  t.ok(bench.placing.reserveSlice(fill, of(SLICE - 1)));
  const reserved = bench.takenBytes;
  t.ok(reserved >= SLICE);
  const arrival = bench.arrival(200, [...KEPT, ['content-length', String(SLICE)]]);
  t.equal(bench.accept(fill, arrival), undefined);
  t.equal(bench.takenBytes, reserved, 'it is that room which is filled');
  bench.placing.giveUp(fill);
  bench.views[0]?.giveBack(0, fill.body?.slot ?? -1);
  bench.context.holdings.tick();
  t.equal(bench.takenBytes, reserved, 'and which is no longer in vain');
  const vain = bench.fill([waiterOf(2)]);
  t.ok(bench.placing.reserveSlice(vain, of(SLICE - 1)));
  for (let i = 0; i < 2; i += 1) bench.placing.giveUp(vain);
  t.equal(bench.takenBytes, reserved);
  t.notOk(bench.placing.reserveSlice(bench.fill([waiterOf(3)]), of(65_535)), 'there is no room');
  t.end();
});

const LARGE: FieldLines = [...KEPT, ['etag', '"a"'], ['accept-ranges', 'bytes']];
const whole = (bytes: number): FieldLines => [...LARGE, ['content-length', String(bytes)]];

t.test('storeHead() stores the metadata of an object that goes in slices', (t) => {
  const cache = { sliceSize: SLICE };
  const bench = new PlacingBench({ cache });
  t.notOk(
    bench.storeHead(bench.fill([waiterOf(1)]), whole(8 * SLICE)),
    'eight are no more than one',
  );
  t.equal(bench.takenBytes, 0);
  t.ok(bench.storeHead(bench.fill([waiterOf(2)]), whole(8 * SLICE + 1)));
  const size = 8 * SLICE + 1;
  const { descriptor, served } = bench.newest('object');
  t.match(descriptor, { storedBytes: size, totalBytes: size, sliceBytes: SLICE, extents: [] });
  t.same(served, { hit: false, fwd: 'uri-miss', fwdStatus: 200, stored: true });
  t.equal(bench.stored.length, 1);
  const [stored] = bench.stored;
  bench.storeHead(bench.fill([waiterOf(3)], { stored }), whole(size + 1));
  t.equal(bench.newest('object').served.fwd, 'stale');
  t.equal(bench.context.holdings.store.count, 1, 'it takes the place of the one before');
  t.end();
});

t.test('storeHead() learns of the whole from a part, and keeps nothing of the part', (t) => {
  const bench = new PlacingBench({ cache: { sliceSize: SLICE } });
  const range = 'bytes=5-8';
  const fill = bench.fill([waiterOf(1, KEY, { range, headers: [['range', range]] })], { range });
  const told: FieldLines = [
    ...LARGE,
    ['content-range', 'bytes 5-8/100000'],
    ['content-length', '4'],
    ['content-digest', 'sha-256=:AA==:'],
  ];
  t.ok(bench.storeHead(fill, told, 206));
  const { descriptor, served } = bench.newest('object');
  t.match(descriptor, { status: 200, firstByte: 0, totalBytes: 100_000 });
  t.equal(served.fwdStatus, 206);
  const names = bench.stored[0]?.originFields.map(([name]) => name);
  t.same(names, ['cache-control', 'etag', 'accept-ranges']);
  t.end();
});

t.test('a head that was purged under way answers those who wait, and is not kept', (t) => {
  const bench = new PlacingBench({ cache: { sliceSize: SLICE } });
  const fill = bench.fill([waiterOf(1)], { outdated: true });
  t.ok(bench.storeHead(fill, whole(100_000)));
  t.same(bench.kinds(1), ['object']);
  t.same(bench.stored, []);
  t.equal(bench.context.holdings.store.count, 0);
  const { slot } = bench.newest('object').descriptor;
  t.equal(bench.context.holdings.store.retiredCount, 1, 'it stays while the answer is on its way');
  bench.views[0]?.giveBack(0, slot);
  bench.context.holdings.tick();
  t.equal(bench.takenBytes, 0);
  t.end();
});
