import t from 'tap';
import type { ArenaView } from '../../../src/arena/arena.js';
import { MIN_BLOCK_BYTES } from '../../../src/arena/layout.js';
import { readBody } from '../../../src/shard/intake/read-body.js';
import { viewOf } from '../../support/arena.js';

const BLOCK = MIN_BLOCK_BYTES;

/** Two blocks that lie apart, the later one first. */
const APART = [
  { offset: 4 * BLOCK, length: BLOCK },
  { offset: BLOCK, length: BLOCK },
];

function written(text: string): ArenaView {
  const arena = viewOf(8 * BLOCK);
  arena.write(APART, 0, Buffer.from(text, 'latin1'));
  return arena;
}

function read(arena: ArenaView, length: number, extents = APART): string {
  return Buffer.from(readBody(arena, extents, length) as Uint8Array).toString('latin1');
}

t.test('readBody() gives the bytes of all pieces in order, and no more than the length', (t) => {
  const text = 'a'.repeat(BLOCK) + 'b'.repeat(BLOCK);
  const arena = written(text);
  const rows: [length: number, why: string][] = [
    [1, 'a part of the first piece'],
    [BLOCK - 1, 'all but one byte of it'],
    [BLOCK, 'all of it'],
    [BLOCK + 1, 'a byte of the second'],
    [2 * BLOCK - 1, 'all but the last byte'],
    [2 * BLOCK, 'all there is'],
  ];
  for (const [length, why] of rows) t.equal(read(arena, length), text.slice(0, length), why);
  t.end();
});

t.test('readBody() lends what lies in one piece, and copies what does not', (t) => {
  const arena = written('a'.repeat(2 * BLOCK));
  const lent = readBody(arena, APART, BLOCK);
  const copied = readBody(arena, APART, BLOCK + 1);
  arena.write(APART, 0, Buffer.from('z'));
  t.equal(lent[0], 'z'.charCodeAt(0));
  t.equal(copied[0], 'a'.charCodeAt(0));
  t.end();
});

t.test('readBody() gives nothing of an empty body, whatever room it has', (t) => {
  const arena = written('stale');
  t.equal(read(arena, 0), '');
  t.equal(read(arena, 5, []), '', 'the head of what lies in slices');
  t.end();
});
