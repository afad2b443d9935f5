import t from 'tap';
import { ArenaView } from '../../src/arena/arena.js';
import { createArena } from '../../src/arena/layout.js';
import type { Body } from '../../src/shard/object-store.js';
import { RestingTexts } from '../../src/shard/resting-texts.js';

const BLOCK = 4_096;

class TextsBench {
  readonly arena = new ArenaView(createArena(8 * BLOCK, 1), 0);
  readonly texts = new RestingTexts(this.arena);

  constructor() {
    this.arena.data.fill(0xaa);
  }

  /** Bytes that differ from what the arena was filled with. */
  get written(): number {
    return this.arena.data.reduce((sum, byte) => sum + (byte === 0xaa ? 0 : 1), 0);
  }
}

function bodyOf(slot: number, used: number, blocks: readonly number[]): Body {
  const extents = blocks.map((block) => ({ offset: block * BLOCK, length: BLOCK }));
  return { slot, generation: 1, extents, bytes: used, used, text: undefined, published: false };
}

t.test('RestingTexts keeps a text behind its body, and never within what is used', (t) => {
  const rows: readonly [used: number, blocks: number[], length: number, inArena: boolean][] = [
    [100, [1], 300, true],
    [100, [1], BLOCK - 100, true],
    [100, [1], BLOCK - 99, false],
    [BLOCK, [1], 1, false],
    [BLOCK + 10, [1, 3], 500, true],
    [BLOCK + 10, [3, 1], BLOCK - 10, true],
    [BLOCK + 10, [3, 1], BLOCK - 9, false],
    [0, [], 20, false],
  ];
  for (const [used, blocks, length, inArena] of rows) {
    const bench = new TextsBench();
    const body = bodyOf(2, used, blocks);
    const text = 'é'.repeat(length);
    bench.texts.put(body, text);
    const why = `${length} characters behind ${used} bytes in ${blocks.join()}`;
    t.equal(bench.texts.onHeap, inArena ? 0 : 1, why);
    t.equal(bench.written, inArena ? length : 0, `${why}: bytes written`);
    let before = used;
    for (const { offset } of body.extents) {
      const mine = bench.arena.data.subarray(offset, offset + Math.min(before, BLOCK));
      t.ok(
        mine.every((byte) => byte === 0xaa),
        `${why}: what is used stays as it was`,
      );
      before = Math.max(0, before - BLOCK);
    }
    t.equal(bench.texts.take(2), text, why);
    t.equal(bench.texts.take(2), '', 'given once');
    t.equal(bench.texts.onHeap, 0);
  }
  t.end();
});

t.test('RestingTexts gives each slot its own, and what Latin-1 cannot say as it was', (t) => {
  const { texts } = new TextsBench();
  const rows = [
    [0, 'first'],
    [1, 'zweite ü'],
    [2, 'τρίτο'],
    [7, 'last'],
  ] as const;
  for (const [slot, text] of rows) texts.put(bodyOf(slot, 10, [slot]), text);
  t.equal(texts.onHeap, 1);
  for (const [slot, text] of rows.toReversed()) t.equal(texts.take(slot), text);
  t.equal(texts.take(3), '');
  t.end();
});
