import t from 'tap';
import { Tries } from '../../../src/origin/resilience/tries.js';

t.test('take() succeeds as often as a request may be sent again', (t) => {
  const rows = [
    [-1, 0, 'less than never'],
    [0, 0, 'never'],
    [1, 1, 'once'],
    [3, 3, 'three times'],
  ] as const;
  for (const [further, want, why] of rows) {
    const tries = new Tries(further);
    const taken = Array.from({ length: 5 }, () => {
      const wereSpent = tries.areSpent;
      const took = tries.take();
      t.equal(took, !wereSpent, `${why}: areSpent foretells it`);
      return took;
    });
    t.same(
      taken,
      taken.map((_, n) => n < want),
      why,
    );
    t.ok(tries.areSpent, why);
  }
  t.end();
});

t.test('to look at what is left takes nothing, and each request has its own', (t) => {
  const [first, second] = [new Tries(1), new Tries(1)];
  t.same([first.areSpent, first.areSpent], [false, false]);
  t.ok(first.take());
  t.notOk(second.areSpent);
  t.end();
});
