import t from 'tap';
import { ArenaView } from '../../../src/arena/arena.js';
import { Directory } from '../../../src/arena/directory.js';
import { MIN_BLOCK_BYTES } from '../../../src/arena/layout.js';
import type { Descriptor } from '../../../src/protocol/descriptor.js';
import { Lookup } from '../../../src/edge/reach/lookup.js';
import type { FieldLines } from '../../../src/http/fields.js';
import { NO_ENCODINGS, newEntry, type Stored } from '../../../src/shard/holdings/entry.js';
import { metadataOf } from '../../../src/shard/holdings/stored-metadata.js';
import { MetadataStore } from '../../../src/shard/holdings/metadata-store.js';
import { smallPool } from '../../support/arena.js';
import { describedAs } from '../../support/descriptor.js';

const BLOCKS = 64;

/** A shard that tells of what lies in its blocks, and another worker that looks. */
class LookupBench {
  readonly #pool = smallPool(BLOCKS * MIN_BLOCK_BYTES, 2);
  readonly owner = new ArenaView(this.#pool, 0);
  readonly reader = new ArenaView(this.#pool, 1);
  readonly metadata = new MetadataStore({
    ...{ arena: this.owner, shard: 0 },
    pieces: { takePiece: () => undefined, givePiece: () => undefined },
  });
  readonly lookup = new Lookup({
    directories: [new Directory(this.reader, 0)],
    arena: this.reader,
    cacheName: 'headgate',
  });

  tell(slot: number, facts: Partial<Descriptor>): Descriptor {
    const extents = [{ offset: slot * MIN_BLOCK_BYTES, length: MIN_BLOCK_BYTES }];
    const generation = this.owner.bumpGeneration(slot);
    const descriptor = describedAs({ slot, generation, extents, ...facts });
    this.retell(descriptor);
    return descriptor;
  }

  retell(descriptor: Descriptor): void {
    const { slot, generation, extents, storedBytes: bytes, key, secondary } = descriptor;
    const stored: Stored = {
      ...{ entry: newEntry(key), secondary, kind: 'segment', encodings: NO_ENCODINGS },
      ...{ body: { slot, generation, extents, bytes }, retryAtMs: 0 },
      ...{ originFields: descriptor.fields, descriptor },
    };
    this.metadata.withdraw(slot);
    t.ok(this.metadata.put(metadataOf(stored)));
  }

  find(key: string, fields: FieldLines = []): Descriptor | undefined {
    const found = this.lookup.find(key, fields)?.descriptor;
    const blocks = Array.from({ length: BLOCKS }, (_, i) => i);
    t.notOk(
      blocks.some((block) => this.owner.pins.isGuarded(block, block + 1)),
      'nothing stays guarded',
    );
    return found;
  }
}

t.test('Lookup finds what the shard has told, as it was told', (t) => {
  const bench = new LookupBench();
  const large = bench.tell(3, { key: '/large.mp4', sliceBytes: 1_024, storedBytes: 100 });
  const error = bench.tell(4, { key: '/none', status: 404 });
  t.same(bench.find('/large.mp4'), large);
  t.same(bench.find('/none'), error);
  t.equal(bench.find('/other'), undefined);
  bench.metadata.withdraw(4);
  t.equal(bench.find('/none'), undefined);
  t.end();
});

t.test('Lookup gives the variant that the fields select', (t) => {
  const bench = new LookupBench();
  const vary = ['accept-language'];
  const [en, fr] = ['en', 'fr'].map((language, i) => {
    return bench.tell(i, { vary, secondary: `accept-language=${language}` });
  });
  t.same(bench.find('/v/1.m4s', [['accept-language', 'fr']]), fr);
  t.same(bench.find('/v/1.m4s', [['accept-language', 'en']]), en);
  t.equal(bench.find('/v/1.m4s', [['accept-language', 'de']]), undefined);
  t.equal(bench.find('/v/1.m4s'), undefined);
  t.end();
});

t.test('Lookup looks past parts', (t) => {
  const bench = new LookupBench();
  bench.tell(1, { status: 206, firstByte: 10, totalBytes: 500 });
  t.equal(bench.find('/v/1.m4s'), undefined);
  const whole = bench.tell(2, {});
  t.same(bench.find('/v/1.m4s'), whole);
  t.end();
});

t.test('Lookup makes an object ready once, and anew when more is told of it', (t) => {
  const bench = new LookupBench();
  const told = bench.tell(1, { codable: true });
  const first = bench.lookup.find('/v/1.m4s', []);
  t.equal(bench.lookup.find('/v/1.m4s', []), first);
  t.equal(bench.lookup.bytes, first?.bytes);
  const more = { ...told, unworthy: ['br'] as const };
  bench.retell(more);
  t.same(bench.find('/v/1.m4s'), more, 'of the same slot and generation');
  const next = bench.tell(1, { key: '/v/2.m4s' });
  t.same(bench.find('/v/2.m4s'), next, 'of the same slot');
  t.equal(bench.find('/v/1.m4s'), undefined);
  t.end();
});
