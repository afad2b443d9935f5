import t from 'tap';
import { FreeBlocks, NONE } from '../../src/arena/free-blocks.js';
import { createBooks } from '../../src/arena/layout.js';

t.test(
  'FreeBlocks merges buddies as far as they go, and no further than its largest order',
  (t) => {
    const blocks = new FreeBlocks(createBooks(16), 3);
    t.equal(blocks.largestOrder, NONE);
    t.equal(blocks.orderFor(1), NONE);
    for (const cell of [1, 2, 4, 7, 0, 3, 5]) blocks.put(cell, 0);
    t.same(blocks.counts, [1, 1, 1, 0], '7, 4-5, 0-3');
    blocks.put(6, 0);
    t.same(blocks.counts, [0, 0, 0, 1]);
    blocks.put(8, 3);
    t.same(blocks.counts, [0, 0, 0, 2], 'two of the largest stay two');
    t.end();
  },
);

t.test('FreeBlocks gives the smallest block that is large enough, else the largest', (t) => {
  const blocks = new FreeBlocks(createBooks(16), 3);
  blocks.put(0, 0);
  blocks.put(4, 2);
  t.equal(blocks.orderFor(1), 0);
  t.equal(blocks.orderFor(2), 2);
  t.equal(blocks.orderFor(5), 2, 'none is large enough');
  t.equal(blocks.take(2), 4);
  t.equal(blocks.largestOrder, 0);
  t.equal(blocks.take(0), 0);
  t.same(blocks.counts, [0, 0, 0, 0]);
  t.end();
});

t.test('FreeBlocks.remove() takes out of the middle of a list', (t) => {
  const blocks = new FreeBlocks(createBooks(16), 0);
  for (const cell of [1, 5, 9]) blocks.put(cell, 0);
  blocks.remove(5, 0);
  t.same([blocks.take(0), blocks.take(0)].sort(), [1, 9]);
  t.end();
});
