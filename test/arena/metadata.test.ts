/** That metadata says again what was written: metadata-store.test.ts, stored-metadata.test.ts. */
import t from 'tap';
import { ArenaView } from '../../src/arena/arena.js';
import { createPool, CACHE_LINE_BYTES } from '../../src/arena/layout.js';
import {
  roomForMetadata,
  type Metadata,
  metadataBytes,
  MetadataView,
} from '../../src/arena/metadata.js';
import { placeAs, metadataAs, viewOf, wholeOf, writeMetadata } from '../support/arena.js';

const FILLER = 0xaa;
const EXTENT = { offset: 4_096, length: 2_048 };
const EMPTY = { key: '', fields: '', pack: '' };

function readAt(arena: ArenaView, offset: number): MetadataView {
  const view = new MetadataView();
  view.goTo(arena, offset / CACHE_LINE_BYTES);
  return view;
}

function charactersOf({ key, fields, names, pack }: Metadata): number {
  return [key, fields, names.join(','), pack].join('').length;
}

t.test('metadata takes as many bytes as metadataBytes() says', (t) => {
  const pieces = [EXTENT, EXTENT, EXTENT];
  const coded = [placeAs({ extents: [EXTENT] }), placeAs({ slot: 7, extents: pieces })] as const;
  const rows: [why: string, bytes: number, facts: Partial<Metadata> & { key: string }][] = [
    ['the least', 72 + 32, EMPTY],
    ['one character', 80 + 32, { ...EMPTY, key: 'k' }],
    ['a whole eight of them', 80 + 32, { ...EMPTY, key: 'k', fields: 'fiel', pack: '[1]' }],
    ['one more', 88 + 32, { ...EMPTY, key: 'k', fields: 'field', pack: '[1]' }],
    ['beyond ASCII each is a byte, too', 80 + 32, { ...EMPTY, key: '/äöü/ÿ\0' }],
    ['with the comma between names', 88 + 32, { ...EMPTY, names: ['accept', 'te'] }],
    ['a piece', 72 + 48, { ...EMPTY, places: [placeAs({ extents: [EXTENT] })] }],
    ['with a coding', 72 + 48 + 80, { ...EMPTY, places: coded }],
  ];
  for (const [why, bytes, facts] of rows) {
    const text = metadataAs(facts);
    t.equal(metadataBytes(text), bytes, why);
    const pieces = text.places[0].extents.length;
    if (text.places.length === 1) t.equal(roomForMetadata(charactersOf(text), pieces), bytes, why);
    const arena = viewOf(4_096);
    const memory = wholeOf(arena).fill(FILLER);
    const at = 3 * CACHE_LINE_BYTES;
    writeMetadata(arena, at, text);
    t.ok(
      memory.every((byte, i) => byte === FILLER || (i >= at && i < at + bytes)),
      `${why}: nothing beside it`,
    );
    t.same(readAt(arena, at).places(), text.places, why);
  }
  t.end();
});

t.test('metadataBytes() is undefined when a character is more than a byte', (t) => {
  t.ok(metadataBytes(metadataAs({ key: '/ÿ', fields: 'ÿ', pack: 'ÿ', names: ['ÿ'] })));
  for (const facts of [{ key: 'Ā' }, { fields: 'Ā' }, { pack: 'Ā' }, { names: ['te', 'Ā'] }]) {
    t.equal(metadataBytes(metadataAs({ key: '/', ...facts })), undefined, JSON.stringify(facts));
  }
  t.end();
});

t.test('isOf() compares every character', (t) => {
  const arena = viewOf(4_096);
  writeMetadata(arena, 0, metadataAs({ key: '/v/ü', fields: 'x' }));
  const view = readAt(arena, 0);
  t.ok(view.isOf('/v/ü'));
  // The third goes on as the text does, the last has the same low byte.
  for (const key of ['', '/v/', '/v/üx', '.v/ü', '/v/u', '/v/Ǽ']) t.notOk(view.isOf(key), key);
  t.end();
});

t.test('all metadata is found in its bank, and one written anew has nothing of the old', (t) => {
  const pool = createPool({ bytes: 8_192, shards: 1, workers: 1, bankBytes: 4_096 });
  const arena = new ArenaView(pool, 0);
  const offsets = [0, 4_096 - 4 * CACHE_LINE_BYTES, 4_096, 8_192 - 4 * CACHE_LINE_BYTES];
  for (const at of offsets)
    writeMetadata(arena, at, metadataAs({ key: `/${at}`, names: ['accept'] }));
  t.same(
    offsets.map((at) => readAt(arena, at).key),
    offsets.map((at) => `/${at}`),
  );
  const view = readAt(arena, 4_096);
  t.same([view.edition, view.varies, view.names], [0, true, ['accept']]);
  const own = placeAs({ slot: 2, generation: -3, bytes: 2 ** 40 });
  view.write(metadataAs({ key: '/new', fields: 'é: y', places: [own] }), 5);
  t.same([view.edition, view.varies, view.names, view.pack], [5, false, [], '[]']);
  t.same([view.slot, view.generation, view.bodyBytes], [2, -3, 2 ** 40]);
  t.equal(Buffer.from(view.fieldBytes()).toString('latin1'), 'é: y');
  t.equal(readAt(arena, 0).key, '/0', 'the others stay');
  t.throws(() => readAt(arena, 8_192), RangeError, 'there is no third bank');
  t.end();
});
