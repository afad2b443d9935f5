import t from 'tap';
import type { ArenaView } from '../../../src/arena/arena.js';
import type { Extent } from '../../../src/arena/buddy.js';
import { Directory } from '../../../src/arena/directory.js';
import {
  type Place,
  type Metadata,
  metadataBytes,
  METADATA_FLAGS,
} from '../../../src/arena/metadata.js';
import { hash32 } from '../../../src/runtime/hash.js';
import { MetadataStore } from '../../../src/shard/holdings/metadata-store.js';
import { metadataAs, viewsOf, wholeOf } from '../../support/arena.js';

const BLOCK = 4_096;
const BLOCKS = 16;

class MetadataBench {
  readonly arena: ArenaView;
  readonly reader: Directory;
  readonly taken: Extent[] = [];
  readonly metadata: MetadataStore;
  isFull = false;

  constructor() {
    const [arena, reader] = viewsOf(BLOCKS * BLOCK, 2) as [ArenaView, ArenaView];
    this.arena = arena;
    this.reader = new Directory(reader, 0);
    this.metadata = new MetadataStore({
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
function metadataOf(body: Place, length: number): Metadata {
  const least = metadataAs({ key: 'k', fields: '', pack: '', places: [body] });
  const pack = 'p'.repeat(length - (metadataBytes(least) ?? Infinity) + 7);
  return { ...least, pack };
}

t.test('MetadataStore puts metadata behind its body, and never within what is used', (t) => {
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
    const bench = new MetadataBench();
    const body = bodyOf(2, used, blocks);
    const text = metadataOf(body, length);
    t.ok(bench.metadata.put(text));
    const why = `${length} bytes behind ${used} in ${blocks.join()}`;
    t.equal(bench.taken.length, behind ? 0 : 1, why);
    t.equal(bench.metadata.bytes, length, why);
    let before = used;
    for (const { offset } of body.extents) {
      const mine = bench.arena.bytes(offset, Math.min(before, BLOCK));
      t.ok(
        mine.every((byte) => byte === 0xaa),
        `${why}: what is used stays as it was`,
      );
      before = Math.max(0, before - BLOCK);
    }
    const { key, pack, flags } = bench.metadata.at(2);
    t.same([key, pack], ['k', text.pack], why);
    t.equal((flags & METADATA_FLAGS.plain) !== 0, behind, 'a guard must guard both');
    t.ok(bench.finds('k'), why);
    bench.metadata.withdraw(2);
    t.notOk(bench.finds('k'), why);
    bench.metadata.free(2);
    t.same([bench.metadata.bytes, bench.taken.length], [0, 0], 'and its piece goes back');
    t.throws(() => bench.metadata.at(2));
  }
  t.end();
});

t.test('MetadataStore gives each slot its own', (t) => {
  const { metadata } = new MetadataBench();
  const rows: [number, Partial<Metadata> & { key: string }][] = [
    [0, { key: '/first', pack: '[1]' }],
    [1, { key: '/zweite/ü', names: ['accept-language'], pack: '["ü"]', secondary: -7 }],
    [2, { key: '/third', names: ['a', 'b'], fields: 'bytes', bornMs: 1.5, freshUntilMs: Infinity }],
    [7, { key: '', pack: '', date: 2 ** 32 - 1 }],
  ];
  const told = rows.map(([slot, facts]) => {
    const coding = bodyOf(slot + 20, 5, [8, 9, 10]);
    return metadataAs({ ...facts, places: [bodyOf(slot, 10, [slot]), coding] });
  });
  for (const text of told) t.ok(metadata.put(text));
  for (const text of told.toReversed()) {
    const { places, hash, ...rest } = text;
    const view = metadata.at(text.places[0].slot);
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

t.test(
  'MetadataStore writes metadata anew in place of the old, or says that there is no room',
  (t) => {
    const bench = new MetadataBench();
    const { metadata } = bench;
    const body = bodyOf(1, 4_000, [1]);
    t.ok(metadata.put(metadataOf(body, 5_000)));
    metadata.withdraw(1);
    t.ok(
      metadata.put(metadataOf(bodyOf(1, 3_000, [1]), 304)),
      'the piece of before is not needed any more',
    );
    t.equal(bench.taken.length, 0);
    bench.isFull = true;
    metadata.withdraw(1);
    t.notOk(metadata.put(metadataOf(body, 5_000)));
    t.equal(metadata.bytes, 0);
    t.throws(() => metadata.at(1), 'the old one would be untrue');
    t.notOk(bench.finds('k'));
    t.notOk(
      metadata.put(metadataAs({ key: '/\u{1f3ac}', places: [bodyOf(1, 10, [1])] })),
      'no text can be',
    );
    t.end();
  },
);

t.test('MetadataStore knows that a withdrawn text is read still', (t) => {
  const bench = new MetadataBench();
  const { metadata, reader } = bench;
  t.ok(metadata.put(metadataOf(bodyOf(1, 100, [1]), 304)));
  t.ok(reader.protect('k', hash32('k')));
  metadata.withdraw(1);
  t.ok(metadata.isRead(1));
  t.notOk(metadata.isRead(2), 'of others, and of what has none');
  reader.view.unprotect();
  t.notOk(metadata.isRead(1));
  t.end();
});
