import t from 'tap';
import { Mourning } from '../../src/control/mourning.js';

/** Whether it is over by now. */
async function isOver(mourning: Mourning, ended: number): Promise<boolean> {
  const later = new Promise<false>((resolve) => {
    setImmediate(() => {
      resolve(false);
    });
  });
  return Promise.race([mourning.untilOver(ended).then(() => true), later]);
}

t.test('a worker whom nobody mourns may be followed at once', async (t) => {
  t.ok(await isOver(new Mourning(), 0));
});

t.test('mourning is over when each has forgotten, or has ended itself', async (t) => {
  const mourning = new Mourning();
  mourning.begin(0, [1, 2, 3]);
  mourning.forgotten(1, 0);
  mourning.forgotten(1, 0);
  t.notOk(await isOver(mourning, 0));
  const over = mourning.untilOver(0);
  mourning.onDown(3);
  mourning.forgotten(2, 0);
  await over;
  t.ok(await isOver(mourning, 0));
});

t.test('each is mourned by itself', async (t) => {
  const mourning = new Mourning();
  mourning.begin(0, [2]);
  mourning.begin(1, [2]);
  mourning.forgotten(2, 1);
  t.same([await isOver(mourning, 0), await isOver(mourning, 1)], [false, true]);
  mourning.onDown(2);
  t.ok(await isOver(mourning, 0));
});
