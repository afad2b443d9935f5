/** What a body in slices makes of slices that are fetched past the cache. */
import t from 'tap';
import { fieldValue } from '../../../../src/http/fields.js';
import { SLICE } from '../../../support/film.js';
import { settled } from '../../../support/shard.js';
import { BodyBench, bytes, HALF } from '../../../support/sliced-bodies.js';

t.test('SlicedBody goes to and fro between slices that are fetched past the cache', async (t) => {
  const pieces = [HALF + 10, 10, SLICE + HALF + 10, SLICE + 10].map((from) => ({
    from,
    length: 9,
  }));
  const bench = new BodyBench(t, pieces);
  t.equal(bench.view(SLICE + HALF + 10, 9), undefined);
  await bench.come(bench.bypass(1), 1);
  t.equal(bench.view(SLICE + HALF + 10, 9), undefined, 'behind the first of it');
  await settled();
  t.strictSame(bench.view(SLICE + HALF + 10, 9), bytes(SLICE + HALF + 10, SLICE + HALF + 19));
  t.equal(bench.view(HALF + 10, 9), undefined);
  bench.answer(0);
  t.strictSame(bench.view(HALF + 10, 9), bytes(HALF + 10, HALF + 19));
  t.strictSame(
    bench.view(SLICE + HALF + 30, 9),
    bytes(SLICE + HALF + 30, SLICE + HALF + 39),
    'what was kept ahead goes on where it is',
  );
  t.equal(bench.origin.requests.length, 1);
  bench.view(20, 1);
  t.equal(bench.view(SLICE + 10, 9), undefined, 'and is fetched anew from before that');
  const again = bench.origin.next();
  t.equal(again.header('range'), `bytes=${SLICE + 10}-${2 * SLICE - 1}`);
  await bench.come(again, 1, 10);
  t.strictSame(bench.view(SLICE + 10, 9), bytes(SLICE + 10, SLICE + 19));
  t.equal(bench.origin.requests.length, 2);
});

t.test('SlicedBody has no shard fill more of what may not be kept', async (t) => {
  const bench = new BodyBench(t);
  const isFilled = (number: number): boolean =>
    fieldValue(bench.ask(number).request.headers, 'cache-control') === undefined;
  const rows = [
    [0, true, 'no-store', 'nothing is known of it'],
    [2, false, 'no-store', 'it would be asked of the origin twice'],
    [4, false, 'max-age=60', 'still'],
    [6, true, 'max-age=60', 'one could be kept'],
    [8, true, 'max-age=60', 'where there was only no room for one'],
  ] as const;
  for (const [number, filled, control, why] of rows) {
    bench.view(number * SLICE);
    t.equal(isFilled(number), filled, why);
    await bench.come(bench.bypass(number), number, 0, control);
    t.strictSame(bench.view(number * SLICE, 9), bytes(number * SLICE, number * SLICE + 9));
  }
  bench.body.close();
});
