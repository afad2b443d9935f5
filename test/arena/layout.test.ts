import t from 'tap';
import {
  arenaLayout,
  createArena,
  layoutOf,
  MIN_BLOCK_BYTES,
  RECORD_BYTES,
} from '../../src/arena/layout.js';

const MIB = 1_048_576;

t.test('arenaLayout() puts the cells one behind the other, aligned for what they hold', (t) => {
  const rows = [
    [MIB, 1],
    [MIB, 3],
    [5 * MIB + 12_345, 7],
    [4_096, 64],
    [1, 1],
  ] as const;
  for (const [bytes, workers] of rows) {
    const layout = arenaLayout(bytes, workers);
    const { slots, dataBytes } = layout;
    const why = `${bytes} bytes, ${workers} workers`;
    t.ok(layout.recordOffset >= layout.hazardOffset + workers * 64, why);
    t.ok(layout.leaseOffset >= layout.recordOffset + slots * RECORD_BYTES, why);
    t.ok(layout.hitsOffset >= layout.leaseOffset + slots * workers * 4, why);
    t.ok(layout.tableOffset >= layout.hitsOffset + slots, why);
    t.ok(layout.dataOffset >= layout.tableOffset + layout.tableSize * 4, why);
    t.equal(layout.totalBytes, layout.dataOffset + dataBytes, why);
    t.equal(dataBytes, Math.max(1, Math.floor(bytes / MIN_BLOCK_BYTES)) * MIN_BLOCK_BYTES, why);
    t.ok(slots * MIN_BLOCK_BYTES >= dataBytes, 'no block without a slot');
    for (const at of [layout.hazardOffset, layout.recordOffset, layout.leaseOffset]) {
      t.equal(at % 64, 0, 'cache lines of their own');
    }
    t.equal(layout.dataOffset % 4_096, 0, 'bodies begin on a page');
  }
  t.end();
});

t.test('layoutOf() reads from an arena what it was made with', (t) => {
  for (const [bytes, workers] of [
    [MIB, 2],
    [3 * MIB + 4_096, 5],
  ] as const) {
    const arena = createArena(bytes, workers);
    t.same(layoutOf(arena), arenaLayout(bytes, workers));
    t.equal(arena.byteLength, arenaLayout(bytes, workers).totalBytes);
  }
  t.throws(() => layoutOf(new SharedArrayBuffer(MIB)), RangeError, 'not an arena');
  t.end();
});

t.test('an arena beyond 4 GiB keeps its offsets exact', (t) => {
  const bytes = 6 * 2 ** 30;
  const layout = arenaLayout(bytes, 64);
  t.equal(layout.dataBytes, bytes);
  t.equal(layout.totalBytes, layout.dataOffset + bytes);
  t.ok(Number.isSafeInteger(layout.totalBytes));
  t.end();
});
