import t from 'tap';
import { hash32, shardOf } from '../../src/runtime/hash.js';

t.test('hash32() is the same on every node, so its values are fixed', (t) => {
  // FNV-1a 32 of 'a' is e40c292c and of '' 811c9dc5 (its authors' test vectors); the high half folded in.
  t.equal(hash32(''), (0x811c9dc5 ^ (0x811c9dc5 >>> 15)) >>> 0);
  t.equal(hash32('a'), (0xe40c292c ^ (0xe40c292c >>> 15)) >>> 0);
  t.not(hash32('/a/b'), hash32('/b/a'));
  t.end();
});

t.test('shardOf() spreads keys that differ in little evenly', (t) => {
  for (const shards of [2, 16, 256]) {
    const counts = new Array<number>(shards).fill(0);
    for (let i = 0; i < shards * 200; i += 1) {
      const shard = shardOf(hash32(`/vod/title/segment-${i}.m4s`), shards);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    t.ok(Math.max(...counts) < 300, `fullest of ${shards}: ${Math.max(...counts)} for 200`);
    t.ok(Math.min(...counts) > 100, `emptiest of ${shards}: ${Math.min(...counts)} for 200`);
  }
  t.end();
});

t.test('the keys of one shard go to all places of its table', (t) => {
  for (const shards of [2, 16, 256]) {
    const places = new Set<number>();
    for (let i = 0, found = 0; found < 4_096; i += 1) {
      const hash = hash32(`/vod/title/segment-${i}.m4s`);
      if (shardOf(hash, shards) !== 1) continue;
      found += 1;
      places.add(hash & 4_095);
    }
    // Of 4,096 balls in as many boxes 63 % of the boxes have one.
    t.ok(places.size > 2_400, `${places.size} of 4,096 with ${shards} shards`);
  }
  t.end();
});
