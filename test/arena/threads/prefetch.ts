/** Prefetches of a key that is there, one that is not, and one whose object is gone; says what changed. */
import { addonAbsence } from '../../../native/addon.js';
import { Directory } from '../../../src/arena/directory.js';
import { MIN_BLOCK_BYTES } from '../../../src/arena/layout.js';
import { hash32 } from '../../../src/runtime/hash.js';
import { placeAs, metadataAs, viewOf, wholeOf, writeMetadata } from '../../support/arena.js';

const arena = viewOf(65_536);
const directory = new Directory(arena, 0);
const keys = ['/v/1.m4s', '/v/gone.m4s', '/v/none.m4s'];
for (const [slot, key] of keys.slice(0, 2).entries()) {
  const metadataOffset = slot * MIN_BLOCK_BYTES + 64;
  writeMetadata(arena, metadataOffset, metadataAs({ key, places: [placeAs({ slot, bytes: 9 })] }));
  directory.publish(metadataOffset);
}
directory.withdraw(MIN_BLOCK_BYTES + 64);

const before = Buffer.from(wholeOf(arena));
for (const key of keys) {
  directory.prefetchEntry(hash32(key));
  directory.prefetchObject(hash32(key));
}
const same = before.equals(wholeOf(arena));
const found = directory.protect('/v/1.m4s', hash32('/v/1.m4s'));
console.log(JSON.stringify({ addon: addonAbsence() === undefined, same, found }));
