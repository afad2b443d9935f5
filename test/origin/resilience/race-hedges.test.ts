/** Who is asked in parallel when the first is silent. */
import t from 'tap';
import type { Standing } from '../../../src/origin/resilience/health.js';
import { Tries } from '../../../src/origin/resilience/tries.js';
import { asked, counts, GET, overdue, track } from '../../support/race-track.js';

t.test('the silent one is hedged by a copy without its 1xx, which counts as a try', async (t) => {
  const one = track('well', 'well');
  const tries = new Tries(1);
  const onInformational = (): void => undefined;
  const { result } = one.run({ tries, onInformational });
  const first = await asked(one, 0);
  t.equal(first.request.onInformational, onInformational);
  t.equal(tries.areSpent, false);
  const second = await asked(one, 1);
  t.strictSame(second.request, { ...GET, tries });
  t.ok(tries.areSpent);
  second.answer(200, [], 'b');
  t.equal(await result, '1 200 b');
  t.ok(first.signal.aborted);
  t.notOk(second.signal.aborted, 'its body is still to be read');
  t.strictSame(one.field.counts, { hedges: 1, hedgesWon: 1 });
  t.strictSame(one.lost, [0]);
});

t.test('one that wins while a hedge is young has beaten nobody', async (t) => {
  const one = track('well', 'well', 'well');
  const { race, result } = one.run();
  const first = await asked(one, 0);
  const second = await asked(one, 1);
  race.reconsider();
  t.strictSame(counts(one), [1, 1, 0], 'it has not had its time');
  first.answer(404, [], 'a');
  t.equal(await result, '0 404 a');
  t.ok(second.signal.aborted);
  t.strictSame(one.field.counts, { hedges: 1, hedgesWon: 0 });
  t.strictSame(one.lost, []);
});

t.test('when a hedge is silent too, the next one is asked', async (t) => {
  const one = track('well', 'well', 'well');
  const { result } = one.run();
  const losers = [await asked(one, 0), await asked(one, 1)];
  (await asked(one, 2)).answer(200, [], 'c');
  t.equal(await result, '2 200 c');
  for (const { signal } of losers) t.ok(signal.aborted);
  t.strictSame(one.lost, [0, 1]);
  t.equal(one.field.counts.hedges, 2);
});

t.test('who may be asked instead of the silent one, and whether it takes the budget', async (t) => {
  const rows: [from: Standing, to: Standing, budget: number, want: number, left: number][] = [
    ['well', 'well', 1, 1, 0],
    ['well', 'well', 0, 0, -1],
    ['well', 'resting', 1, 0, 1],
    ['well', 'down', 1, 0, 1],
    ['resting', 'well', 0, 1, 0], // no more than a failure would ask
    ['resting', 'resting', 1, 1, 0],
    ['resting', 'down', 1, 0, 1],
  ];
  for (const [from, to, budget, want, left] of rows) {
    const one = track(from, to);
    one.hedgesLeft = budget;
    const { result } = one.run();
    const first = await asked(one, 0);
    await overdue();
    const why = `${from} to ${to} with ${budget}`;
    t.strictSame(counts(one), [1, want], why);
    if (left >= 0) t.equal(one.hedgesLeft, left, why);
    first.answer(200, [], 'a');
    t.equal(await result, '0 200 a', why);
  }
});

t.test('a hedge that had no budget is sent as soon as there is some', async (t) => {
  const one = track('well', 'well');
  one.hedgesLeft = 0;
  const { result } = one.run();
  await asked(one, 0);
  await overdue();
  t.strictSame(counts(one), [1, 0]);
  one.hedgesLeft = 1;
  (await asked(one, 1)).answer(200, [], 'b');
  t.equal(await result, '1 200 b');
});

t.test('reconsider() hedges only those who have had their time', async (t) => {
  const one = track('resting', 'well');
  one.order = [0];
  const { race, result } = one.run();
  await asked(one, 0);
  one.order = [1, 0];
  race.reconsider();
  t.strictSame(counts(one), [1, 0], 'it may answer yet');
  one.order = [0];
  await overdue();
  t.strictSame(counts(one), [1, 0], 'nobody else was there');
  one.order = [1, 0];
  race.reconsider();
  t.strictSame(counts(one), [1, 1]);
  (await asked(one, 1)).answer(200, [], 'b');
  t.equal(await result, '1 200 b');
  race.reconsider();
  t.strictSame(counts(one), [1, 1], 'it is over');
});
