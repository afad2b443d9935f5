import t from 'tap';
import { USED } from '../../src/arena/free-blocks.js';
import { createBooks } from '../../src/arena/layout.js';
import { holdersIn, orderIn, PieceTags } from '../../src/arena/piece-tags.js';

t.test('PieceTags cuts a run into aligned powers of two', (t) => {
  const books = createBooks(32);
  const tags = new PieceTags(books.tags, 3);
  tags.mark(3, 22, USED);
  const pieces = [...tags.in(0, 32)].map(([cell, tag]) => [cell, 2 ** orderIn(tag)]);
  t.same(pieces, [
    [3, 1],
    [4, 4],
    [8, 8],
    [16, 4],
    [20, 2],
  ]);
  t.ok(tags.isHeld(3, 22));
  for (const [start, end] of [
    [3, 21],
    [4, 24],
    [0, 22],
    [22, 32],
  ] as const) {
    t.notOk(tags.isHeld(start, end), `${start} to ${end}`);
  }
  t.ok(tags.isHeld(8, 16), 'a piece of it is cut alike');
  tags.mark(3, 22, 0);
  t.same([...tags.in(0, 32)], []);
  t.end();
});

t.test('no piece is longer than the largest order', (t) => {
  const books = createBooks(32);
  const tags = new PieceTags(books.tags, 2);
  tags.mark(0, 16, USED);
  t.equal([...tags.in(0, 32)].length, 4);
  t.end();
});

t.test('holdersIn() names the holder of every piece between two cells', (t) => {
  const books = createBooks(16);
  const tags = new PieceTags(books.tags, 4);
  tags.mark(0, 3, USED);
  tags.mark(8, 12, USED);
  books.holders.set([5, 5, 6], 0);
  books.holders[8] = 7;
  t.same([...holdersIn(books, 0, 16)], [5, 6, 7]);
  t.same([...holdersIn(books, 8, 16)], [7]);
  t.end();
});
