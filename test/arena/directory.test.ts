import t from 'tap';
import { ArenaView } from '../../src/arena/arena.js';
import { Directory } from '../../src/arena/directory.js';
import { createArena } from '../../src/arena/layout.js';
import { hash32 } from '../../src/runtime/hash.js';

const BLOCK = 4_096;

/** An owner that lays out each slot's body and text in the block of the same number. */
class DirectoryBench {
  readonly owner: Directory;
  readonly reader: Directory;

  constructor(blocks = 16) {
    const buffer = createArena(blocks * BLOCK, 2);
    this.owner = new Directory(new ArenaView(buffer, 0));
    this.reader = new Directory(new ArenaView(buffer, 1));
  }

  publish(slot: number, key: string, body = `body of ${key}`): boolean {
    const { view } = this.owner;
    const offset = slot * BLOCK;
    view.data.set(Buffer.from(`${body}${key}x: y`, 'latin1'), offset);
    return this.owner.publish({
      slot,
      generation: view.bumpGeneration(slot),
      hash: hash32(key),
      bodyOffset: offset,
      bodyBytes: body.length,
      textOffset: offset + body.length,
      keyBytes: key.length,
      fieldsBytes: 4,
      bornMs: 1_000,
      freshUntilMs: 2_000,
    });
  }

  /** As an owner gives a slot up. */
  discard(slot: number): void {
    this.owner.withdraw(slot);
    this.owner.view.bumpGeneration(slot);
  }

  /** The body that another worker finds; undefined when there is none. */
  read(key: string): string | undefined {
    const slot = this.reader.protect(key, hash32(key));
    if (slot < 0) return undefined;
    const body = Buffer.from(this.reader.body(slot)).toString('latin1');
    this.reader.view.unprotect();
    return body;
  }

  get leases(): number {
    const { slots } = this.owner.view.layout;
    let sum = 0;
    for (let slot = 0; slot < slots; slot += 1) sum += this.owner.view.leases(slot);
    return sum;
  }
}

t.test('Directory gives any worker what the owner has published, protected', (t) => {
  const bench = new DirectoryBench();
  t.ok(bench.publish(3, '/v/1.m4s'));
  const slot = bench.reader.protect('/v/1.m4s', hash32('/v/1.m4s'));
  t.equal(slot, 3);
  t.equal(bench.leases, 1);
  t.equal(Buffer.from(bench.reader.body(slot)).toString(), 'body of /v/1.m4s');
  t.equal(Buffer.from(bench.reader.fields(slot)).toString(), 'x: y');
  t.same([bench.reader.bornMs(slot), bench.reader.freshUntilMs(slot)], [1_000, 2_000]);
  bench.reader.view.unprotect();
  t.equal(bench.read('/v/2.m4s'), undefined);
  t.equal(bench.leases, 0);
  t.end();
});

t.test('Directory.prefetch() changes nothing, whatever there is', (t) => {
  const bench = new DirectoryBench();
  const keys = ['/v/1.m4s', '/v/none.m4s', '/v/gone.m4s'];
  bench.publish(3, '/v/1.m4s');
  bench.publish(4, '/v/gone.m4s');
  bench.discard(4);
  const { buffer } = bench.owner.view;
  const before = Buffer.from(new Uint8Array(buffer));
  for (const key of keys) bench.reader.prefetch(hash32(key));
  t.ok(before.equals(new Uint8Array(buffer)));
  t.equal(bench.read('/v/1.m4s'), 'body of /v/1.m4s');
  t.end();
});

t.test('Directory finds nothing that was renewed, replaced or given up', (t) => {
  const bench = new DirectoryBench();
  bench.publish(3, '/v/1.m4s', 'old');
  bench.owner.view.bumpGeneration(3);
  t.equal(bench.read('/v/1.m4s'), undefined, 'a new generation, not yet published');
  bench.publish(3, '/v/1.m4s', 'renewed');
  t.equal(bench.read('/v/1.m4s'), 'renewed');
  bench.publish(4, '/v/1.m4s', 'replaced');
  bench.discard(3);
  t.equal(bench.read('/v/1.m4s'), 'replaced');
  bench.discard(4);
  t.equal(bench.read('/v/1.m4s'), undefined);
  bench.publish(4, '/v/other.m4s');
  t.equal(bench.read('/v/1.m4s'), undefined, 'its slot is another’s');
  t.equal(bench.leases, 0);
  t.end();
});

t.test('Directory tells keys of the same hash apart', (t) => {
  const bench = new DirectoryBench();
  bench.publish(3, '/v/1.m4s');
  t.equal(bench.reader.protect('/v/2.m4s', hash32('/v/1.m4s')), -1);
  t.equal(bench.reader.protect('/v/1.m4', hash32('/v/1.m4s')), -1);
  t.equal(bench.leases, 0);
  t.end();
});

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
      bench.discard(slot);
      held.delete(slot);
    }
  }
  const { buffer, layout } = bench.owner.view;
  const table = new Int32Array(buffer, layout.tableOffset, layout.tableSize * 2);
  const used = table.filter((cell, at) => at % 2 === 0 && cell > 0);
  t.equal(new Set(used).size, used.length, 'one cell a slot');
  t.equal(used.length, held.size);
  for (const key of held.values()) t.equal(bench.read(key), `body of ${key}`);
  t.end();
});
