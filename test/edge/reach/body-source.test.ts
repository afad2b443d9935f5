import t, { type Test } from 'tap';
import { ArenaBody } from '../../../src/edge/reach/body-source.js';
import type { BorrowedBytes } from '../../../src/runtime/bytes.js';
import { viewOf } from '../../support/arena.js';

const BLOCK = 4_096;
/** They do not follow one another in memory. */
const EXTENTS = [
  { offset: 2 * BLOCK, length: BLOCK },
  { offset: 0, length: BLOCK },
];

/** Byte n of it is n modulo 251, and what lies beside it is 255. */
function bodyOf(extents = EXTENTS): ArenaBody {
  const arena = viewOf(4 * BLOCK);
  arena.bytes(0, 4 * BLOCK).fill(255);
  arena.write(EXTENTS, 0, patternFrom(0, 2 * BLOCK));
  return new ArenaBody({ arena, slot: 4, extents, written: 2 * BLOCK, ended: true });
}

function patternFrom(from: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (from + i) % 251);
}

function bytesOf(bytes: BorrowedBytes | undefined): number[] | undefined {
  return bytes === undefined ? undefined : Array.from(bytes);
}

type Row = readonly [from: number, count: number, begins: number, length: number, why: string];

function check(t: Test, body: ArenaBody, rows: readonly Row[]): void {
  for (const [from, count, begins, length, why] of rows) {
    t.same(bytesOf(body.view(from, count)), Array.from(patternFrom(begins, length)), why);
  }
}

t.test('ArenaBody shows bytes that lie together, as many as are asked for at most', (t) => {
  check(t, bodyOf(), [
    [0, 10, 0, 10, 'the first'],
    [0, BLOCK, 0, BLOCK, 'a whole extent'],
    [BLOCK - 3, 10, BLOCK - 3, 3, 'up to the end of an extent'],
    [BLOCK, 10, BLOCK, 10, 'the first of the next'],
    [2 * BLOCK - 1, 10, 2 * BLOCK - 1, 1, 'the last, and nothing beside it'],
  ]);
  t.end();
});

t.test('ArenaBody has what it was made of', (t) => {
  const place = { arena: viewOf(BLOCK), slot: 4, extents: EXTENTS, written: 5, ended: true };
  const { arena, slot, extents, written, ended, ringBytes } = new ArenaBody(place);
  t.equal(arena, place.arena);
  t.same([slot, extents, written, ended], [4, EXTENTS, 5, true]);
  t.equal(ringBytes, 0, 'no ring at first');
  t.end();
});

t.test('ArenaBody has no view of what is not there', (t) => {
  t.equal(bodyOf().view(2 * BLOCK, 1), undefined, 'behind the end');
  t.equal(bodyOf().view(0, 0), undefined, 'no bytes');
  const body = bodyOf([]);
  t.equal(body.view(0, 1), undefined, 'the message with the extents is under way');
  body.extents = EXTENTS;
  t.same(bytesOf(body.view(1, 1)), [1], 'it has come');
  t.end();
});

t.test('ArenaBody finds byte n of a ring at n modulo its size', (t) => {
  const size = BLOCK + 100;
  const body = bodyOf();
  body.ringBytes = size;
  check(t, body, [
    [7, 10, 7, 10, 'in the first round'],
    [size - 4, 10, size - 4, 4, 'up to the end of the ring, though the extent goes on'],
    [size, 10, 0, 10, 'the second round begins'],
    [1_000 * size + BLOCK - 3, 10, BLOCK - 3, 3, 'much later, up to the end of an extent'],
    [2 * size - 100, size, BLOCK, 100, 'all that is asked for goes round'],
  ]);
  t.end();
});
