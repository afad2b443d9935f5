import t from 'tap';
import type { ArenaView } from '../../../src/arena/arena.js';
import type { Extent } from '../../../src/arena/buddy.js';
import { Directory } from '../../../src/arena/directory.js';
import { type Place, type StoredText, textBytes, TOLD } from '../../../src/arena/stored-text.js';
import { hash32 } from '../../../src/runtime/hash.js';
import { StoredTexts } from '../../../src/shard/holdings/stored-texts.js';
import { textAs, viewsOf, wholeOf } from '../../support/arena.js';

const BLOCK = 4_096;
const BLOCKS = 16;

class TextsBench {
  readonly arena: ArenaView;
  readonly reader: Directory;
  readonly taken: Extent[] = [];
  readonly texts: StoredTexts;
  isFull = false;

  constructor() {
    const [arena, reader] = viewsOf(BLOCKS * BLOCK, 2) as [ArenaView, ArenaView];
    this.arena = arena;
    this.reader = new Directory(reader, 0);
    this.texts = new StoredTexts({
      ...{ arena, shard: 0 },
      pieces: {
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
      },
    });
    wholeOf(arena).fill(0xaa);
  }

  finds(key: string): boolean {
    const found = this.reader.protect(key, hash32(key));
    this.reader.view.unprotect();
    return found;
  }
}

function bodyOf(slot: number, bytes: number, blocks: readonly number[]): Place {
  const extents = blocks.map((block) => ({ offset: block * BLOCK, length: BLOCK }));
  return { slot, generation: 1, extents, bytes };
}

/** A text of so many bytes. */
function textOf(body: Place, length: number): StoredText {
  const least = textAs({ key: 'k', fields: '', pack: '', places: [body] });
  const pack = 'p'.repeat(length - (textBytes(least) ?? Infinity) + 7);
  return { ...least, pack };
}

t.test('StoredTexts puts a text behind its body, and never within what is used', (t) => {
  const rows: readonly [used: number, blocks: number[], length: number, behind: boolean][] = [
    [100, [1], 304, true],
    [64, [1], BLOCK - 64, true],
    [65, [1], BLOCK - 64, false],
    [BLOCK, [1], 136, false],
    [BLOCK + 10, [1, 3], 504, true],
    [BLOCK + 64, [3, 1], BLOCK - 64, true],
    [BLOCK + 65, [3, 1], BLOCK - 64, false],
    [10, [1, 3], BLOCK + 8, false], // there is room, but not in one piece
    [0, [], 128, false],
  ];
  for (const [used, blocks, length, behind] of rows) {
    const bench = new TextsBench();
    const body = bodyOf(2, used, blocks);
    const text = textOf(body, length);
    t.ok(bench.texts.put(text));
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
    const { key, pack, flags } = bench.texts.at(2);
    t.same([key, pack], ['k', text.pack], why);
    t.equal((flags & TOLD.plain) !== 0, behind, 'a guard must guard both');
    t.ok(bench.finds('k'), why);
    bench.texts.withdraw(2);
    t.notOk(bench.finds('k'), why);
    bench.texts.free(2);
    t.same([bench.texts.bytes, bench.taken.length], [0, 0], 'and its piece goes back');
    t.throws(() => bench.texts.at(2));
  }
  t.end();
});

t.test('StoredTexts gives each slot its own', (t) => {
  const { texts } = new TextsBench();
  const rows: [number, Partial<StoredText> & { key: string }][] = [
    [0, { key: '/first', pack: '[1]' }],
    [1, { key: '/zweite/ü', names: ['accept-language'], pack: '["ü"]', secondary: -7 }],
    [2, { key: '/third', names: ['a', 'b'], fields: 'bytes', bornMs: 1.5, freshUntilMs: Infinity }],
    [7, { key: '', pack: '', date: 2 ** 32 - 1 }],
  ];
  const told = rows.map(([slot, facts]) => {
    const coding = bodyOf(slot + 20, 5, [8, 9, 10]);
    return textAs({ ...facts, places: [bodyOf(slot, 10, [slot]), coding] });
  });
  for (const text of told) t.ok(texts.put(text));
  for (const text of told.toReversed()) {
    const { places, hash, ...rest } = text;
    const view = texts.at(text.places[0].slot);
    t.same(view.places(), places);
    const { key, fields, names, pack, bornMs, freshUntilMs, date, secondary, flags, slot } = view;
    t.same({ key, fields, names, pack, bornMs, freshUntilMs, date, secondary, flags }, rest);
    t.same(
      [slot, view.hash >>> 0, view.bodyBytes, view.isOf(key), view.isOf(`${key}x`)],
      [slot, hash, 10, true, false],
    );
  }
  t.end();
});

t.test('StoredTexts writes a text anew in place of the old, or says that there is no room', (t) => {
  const bench = new TextsBench();
  const { texts } = bench;
  const body = bodyOf(1, 4_000, [1]);
  t.ok(texts.put(textOf(body, 5_000)));
  texts.withdraw(1);
  t.ok(texts.put(textOf(bodyOf(1, 3_000, [1]), 304)), 'the piece of before is not needed any more');
  t.equal(bench.taken.length, 0);
  bench.isFull = true;
  texts.withdraw(1);
  t.notOk(texts.put(textOf(body, 5_000)));
  t.equal(texts.bytes, 0);
  t.throws(() => texts.at(1), 'the old one would be untrue');
  t.notOk(bench.finds('k'));
  t.notOk(texts.put(textAs({ key: '/\u{1f3ac}', places: [bodyOf(1, 10, [1])] })), 'no text can be');
  t.end();
});

t.test('StoredTexts knows that a withdrawn text is read still', (t) => {
  const bench = new TextsBench();
  const { texts, reader } = bench;
  t.ok(texts.put(textOf(bodyOf(1, 100, [1]), 304)));
  t.ok(reader.protect('k', hash32('k')));
  texts.withdraw(1);
  t.ok(texts.isRead(1));
  t.notOk(texts.isRead(2), 'of others, and of what has none');
  reader.view.unprotect();
  t.notOk(texts.isRead(1));
  t.end();
});
