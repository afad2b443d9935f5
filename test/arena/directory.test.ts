import { spawnSync } from 'node:child_process';
import t from 'tap';
import { ArenaView } from '../../src/arena/arena.js';
import { Directory } from '../../src/arena/directory.js';
import { ENTRY, MIN_BLOCK_BYTES } from '../../src/arena/layout.js';
import { hash32 } from '../../src/runtime/hash.js';
import {
  placeAs,
  smallPool,
  metadataAs,
  viewOf,
  viewsOf,
  writeMetadata,
} from '../support/arena.js';
import { startReaders } from '../support/racing-readers.js';

const BLOCK = MIN_BLOCK_BYTES;

/** An owner that lays out each slot's body and text in the block of the same number. */
class DirectoryBench {
  readonly owner: Directory;
  readonly reader: Directory;
  readonly #published = new Set<number>();

  constructor(blocks = 16) {
    const [owner, reader] = viewsOf(blocks * BLOCK, 2) as [ArenaView, ArenaView];
    this.owner = new Directory(owner, 0);
    this.reader = new Directory(reader, 0);
  }

  publish(slot: number, key: string, body = `body of ${key}`, hash = hash32(key)): boolean {
    this.withdraw(slot);
    this.owner.view.bytes(slot * BLOCK, BLOCK).set(Buffer.from(body));
    this.#published.add(slot);
    const places = [placeAs({ slot, bytes: body.length })] as const;
    const text = metadataAs({ key, hash, date: 2 ** 32 - 1, places });
    writeMetadata(this.owner.view, metadataOffsetOf(slot), text);
    return this.owner.publish(metadataOffsetOf(slot));
  }

  withdraw(slot: number): void {
    if (this.#published.delete(slot)) this.owner.withdraw(metadataOffsetOf(slot));
  }

  /** The body that another worker finds; undefined when there is none. */
  read(key: string): string | undefined {
    if (!this.reader.protect(key, hash32(key))) return undefined;
    const body = Buffer.from(this.reader.body()).toString('latin1');
    this.reader.view.unprotect();
    return body;
  }

  /** The slots whose metadata somebody guards. */
  get guarded(): number[] {
    const slots = Array.from({ length: this.owner.view.pool.slots }, (_, i) => i);
    return slots.filter((slot) => this.owner.isRead(metadataOffsetOf(slot)));
  }
}

function metadataOffsetOf(slot: number): number {
  return slot * BLOCK + 128;
}

t.test('Directory gives any worker what the owner has published, protected', (t) => {
  const bench = new DirectoryBench();
  t.ok(bench.publish(3, '/v/1.m4s'));
  t.ok(bench.reader.protect('/v/1.m4s', hash32('/v/1.m4s')));
  t.equal(bench.reader.metadata.slot, 3);
  t.same(bench.guarded, [3]);
  t.equal(Buffer.from(bench.reader.body()).toString(), 'body of /v/1.m4s');
  t.equal(Buffer.from(bench.reader.metadata.fieldBytes()).toString(), 'x: y');
  t.same([bench.reader.metadata.bornMs, bench.reader.metadata.freshUntilMs], [1_000, 2_000]);
  t.equal(bench.reader.metadata.date, 2 ** 32 - 1);
  bench.withdraw(3);
  t.same(bench.guarded, [3], 'and stays so, although nobody else finds it');
  bench.reader.view.unprotect();
  t.equal(bench.read('/v/1.m4s'), undefined);
  t.equal(bench.read('/v/2.m4s'), undefined);
  t.same(bench.guarded, []);
  t.end();
});

t.test('Directory serves the first text of an arena and the last', (t) => {
  const directory = new Directory(viewOf(4 * BLOCK), 0);
  const ends = [0, 4 * BLOCK - 256];
  for (const metadataOffset of ends) {
    const key = `/${metadataOffset}`;
    writeMetadata(directory.view, metadataOffset, metadataAs({ key }));
    t.ok(directory.publish(metadataOffset));
    t.ok(directory.protect(key, hash32(key)));
    t.ok(directory.isRead(metadataOffset));
    directory.view.unprotect();
  }
  t.end();
});

for (const HEADGATE_NO_ADDON of ['', '1']) {
  const how = HEADGATE_NO_ADDON === '' ? 'with the addon' : 'without the addon';
  t.test(`Directory's prefetches change nothing, whatever there is, ${how}`, (t) => {
    const file = new URL('threads/prefetch.js', import.meta.url).pathname;
    const { stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, file], {
      env: { ...process.env, HEADGATE_NO_ADDON },
      encoding: 'utf8',
    });
    const addon = HEADGATE_NO_ADDON === '';
    t.same(JSON.parse(stdout), { addon, same: true, found: true }, stderr);
    t.end();
  });
}

t.test('Directory finds nothing that was replaced or given up', (t) => {
  const bench = new DirectoryBench();
  bench.publish(3, '/v/1.m4s', 'old');
  bench.withdraw(3);
  t.equal(bench.read('/v/1.m4s'), undefined, 'not yet published again');
  bench.publish(3, '/v/1.m4s', 'renewed');
  t.equal(bench.read('/v/1.m4s'), 'renewed');
  bench.publish(4, '/v/1.m4s', 'replaced');
  bench.withdraw(3);
  t.equal(bench.read('/v/1.m4s'), 'replaced');
  bench.withdraw(4);
  t.equal(bench.read('/v/1.m4s'), undefined);
  bench.publish(4, '/v/other.m4s');
  t.equal(bench.read('/v/1.m4s'), undefined, 'its place is another’s');
  t.same(bench.guarded, []);
  t.end();
});

t.test('Directory tells keys of the same hash apart', (t) => {
  const bench = new DirectoryBench();
  bench.publish(3, '/v/1.m4s');
  t.notOk(bench.reader.protect('/v/2.m4s', hash32('/v/1.m4s')));
  t.notOk(bench.reader.protect('/v/1.m4', hash32('/v/1.m4s')));
  t.same(bench.guarded, []);
  t.ok(bench.publish(4, '/v/2.m4s', 'the second', hash32('/v/1.m4s')));
  t.ok(bench.reader.protect('/v/2.m4s', hash32('/v/1.m4s')));
  t.equal(Buffer.from(bench.reader.body()).toString(), 'the second');
  bench.reader.view.unprotect();
  t.equal(bench.read('/v/1.m4s'), 'body of /v/1.m4s');
  t.end();
});

t.test(
  'Directory.publish() is false where the table is crowded, and finds the others still',
  (t) => {
    const bench = new DirectoryBench(80);
    const keys = Array.from({ length: 66 }, (_, slot) => `/v/${slot}`);
    const published = keys.map((key, slot) => bench.publish(slot, key, key, 7));
    t.same([...new Set(published.slice(0, 64))], [true]);
    t.same(published.slice(64), [false, false]);
    for (const [slot, key] of keys.entries()) {
      t.equal(bench.reader.protect(key, 7), published[slot]);
      if (published[slot] === true) t.equal(bench.reader.metadata.slot, slot);
      bench.reader.view.unprotect();
    }
    t.end();
  },
);

t.test('Directory neither loses nor gathers cells over a long life', (t) => {
  const blocks = 64;
  const bench = new DirectoryBench(blocks);
  const held = new Map<number, string>();
  let seed = 7;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let i = 0; i < 20_000; i += 1) {
    const slot = next(blocks);
    const key = held.get(slot);
    if (key === undefined) {
      held.set(slot, `/v/${i}.m4s`);
      bench.publish(slot, `/v/${i}.m4s`);
    } else if (next(3) > 0) {
      bench.publish(slot, key); // renewed
    } else {
      bench.withdraw(slot);
      held.delete(slot);
    }
  }
  const [table = new Int32Array(0)] = bench.owner.view.pool.tables;
  const lines = table.filter((_, cell) => cell % ENTRY.cells === ENTRY.line);
  const used = lines.filter((line) => line > 0);
  t.equal(new Set(used).size, used.length, 'one cell an object');
  t.equal(used.length, held.size);
  for (const key of held.values()) t.equal(bench.read(key), `body of ${key}`);
  t.end();
});

t.test('readers see whole objects while their owner reuses the memory', async (t) => {
  const [blocks, keysOf] = [4, 3]; // each place is another key's every time
  const keys = Array.from({ length: blocks * keysOf }, (_, i) => `/v/${i}.m4s`);
  const pool = smallPool(blocks * BLOCK, 3);
  const owner = new Directory(new ArenaView(pool, 0), 0);
  const file = new URL('./threads/directory-reader.js', import.meta.url);
  const readers = await startReaders(t, file, 2, { pool, keys });
  const bodyBytes = 1_024;
  let held = 0;
  let reuses = 0;
  const startedMs = performance.now();
  const ran = (ms: number): boolean => performance.now() - startedMs > ms;
  while (!ran(300) || (held === 0 && !ran(20_000))) {
    for (let slot = 0; slot < blocks; slot += 1) {
      const [bodyOffset, metadataOffset] = [slot * BLOCK, slot * BLOCK + bodyBytes];
      if (reuses >= blocks) owner.withdraw(metadataOffset);
      if (owner.isRead(metadataOffset)) held += 1;
      while (owner.isRead(metadataOffset));
      const key = keys[slot * keysOf + (Math.floor(reuses / blocks) % keysOf)] ?? '';
      const bornMs = reuses & 0xff;
      owner.view.bytes(bodyOffset, bodyBytes).fill(bornMs);
      const fields = `${key} ${bornMs}`;
      const places = [placeAs({ slot, bytes: bodyBytes })] as const;
      writeMetadata(owner.view, metadataOffset, metadataAs({ key, fields, bornMs, places }));
      owner.publish(metadataOffset);
      reuses += 1;
    }
  }
  await readers.stop(t);
  t.ok(held > 0, `${held} of ${reuses} reuses had to wait for readers`);
});
