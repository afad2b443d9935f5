import t from 'tap';
import type { Extent } from '../../src/arena/buddy.js';
import type { Body } from '../../src/shard/object-store.js';
import { RestingTexts } from '../../src/shard/resting-texts.js';
import { viewOf, wholeOf } from '../support/arena.js';

const BLOCK = 4_096;
const HEAD_BYTES = 8;
const BLOCKS = 16;

class TextsBench {
  readonly arena = viewOf(BLOCKS * BLOCK);
  readonly taken: Extent[] = [];
  readonly texts = new RestingTexts(this.arena, {
    takePiece: (bytes) => {
      const length = Math.ceil(bytes / BLOCK) * BLOCK;
      const piece = { offset: (BLOCKS - 1) * BLOCK - length, length };
      if (this.isFull) return undefined;
      this.taken.push(piece);
      return piece;
    },
    givePiece: (piece) => {
      t.same(this.taken.pop(), piece);
    },
  });
  isFull = false;

  constructor() {
    wholeOf(this.arena).fill(0xaa);
  }
}

function bodyOf(slot: number, used: number, blocks: readonly number[]): Body {
  const extents = blocks.map((block) => ({ offset: block * BLOCK, length: BLOCK }));
  const told = { text: undefined, published: false, behind: 0 };
  return { slot, generation: 1, extents, bytes: used, used, ...told };
}

t.test('RestingTexts keeps a text behind its body, and never within what is used', (t) => {
  const rows: readonly [used: number, blocks: number[], length: number, behind: boolean][] = [
    [100, [1], 300, true],
    [100, [1], BLOCK - 100, true],
    [100, [1], BLOCK - 99, false],
    [BLOCK, [1], HEAD_BYTES + 2, false],
    [BLOCK + 10, [1, 3], 500, true],
    [BLOCK + 10, [3, 1], BLOCK - 10, true],
    [BLOCK + 10, [3, 1], BLOCK - 9, false],
    [10, [1, 3], BLOCK + 1, false], // there is room, but not in one piece
    [0, [], 20, false],
  ];
  for (const [used, blocks, length, behind] of rows) {
    const bench = new TextsBench();
    const body = bodyOf(2, used, blocks);
    const text = { key: 'k', vary: [], pack: 'p'.repeat(length - HEAD_BYTES - 1) };
    t.ok(bench.texts.put(body, text));
    const why = `${length} bytes behind ${used} in ${blocks.join()}`;
    t.equal(bench.taken.length, behind ? 0 : 1, why);
    t.equal(bench.texts.bytes, length, why);
    let before = used;
    for (const { offset } of body.extents) {
      const mine = bench.arena.bytes(offset, Math.min(before, BLOCK));
      t.ok(
        mine.every((byte) => byte === 0xaa),
        `${why}: what is used stays as it was`,
      );
      before = Math.max(0, before - BLOCK);
    }
    t.equal(bench.texts.key(2), 'k', why);
    t.equal(bench.texts.pack(2), text.pack, why);
    bench.texts.forget(2);
    t.same([bench.texts.bytes, bench.taken.length], [0, 0], 'and its piece goes back');
    t.throws(() => bench.texts.key(2));
  }
  t.end();
});

t.test('RestingTexts gives each slot its own, whatever its characters', (t) => {
  const { texts } = new TextsBench();
  const rows = [
    [0, { key: '/first', vary: [], pack: '[1]' }],
    [1, { key: '/zweite/ü', vary: ['accept-language'], pack: '["ü"]' }],
    [2, { key: '/τρίτο', vary: ['a', 'b'], pack: '["τρίτο"]' }],
    [7, { key: '', vary: [], pack: '' }],
  ] as const;
  for (const [slot, text] of rows) t.ok(texts.put(bodyOf(slot, 10, [slot]), text));
  for (const [slot, { key, vary, pack }] of rows.toReversed()) {
    t.same([texts.key(slot), texts.vary(slot), texts.pack(slot)], [key, vary, pack]);
  }
  t.end();
});

t.test(
  'RestingTexts writes a text anew in place of the old, or says that there is no room',
  (t) => {
    const bench = new TextsBench();
    const { texts } = bench;
    const body = bodyOf(1, 4_000, [1]);
    const long = { key: 'k', vary: [], pack: 'x'.repeat(5_000) };
    t.ok(texts.put(body, long));
    t.ok(texts.put(body, { ...long, pack: 'short' }), 'the piece of before is not needed any more');
    t.same([bench.taken.length, texts.pack(1)], [0, 'short']);
    bench.isFull = true;
    t.notOk(texts.put(body, long));
    t.equal(texts.bytes, 0);
    t.throws(() => texts.key(1), 'the old one would be untrue');
    t.end();
  },
);
