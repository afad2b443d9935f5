/** Prefetches of a key that is there, one that is not, and one whose object is gone; says what changed. */
import { addonAbsence } from '../../../native/addon.js';
import { ArenaView } from '../../../src/arena/arena.js';
import { Directory } from '../../../src/arena/directory.js';
import { createArena, MIN_BLOCK_BYTES } from '../../../src/arena/layout.js';
import { hash32 } from '../../../src/runtime/hash.js';

const directory = new Directory(new ArenaView(createArena(65_536, 1), 0));
const keys = ['/v/1.m4s', '/v/gone.m4s', '/v/none.m4s'];
for (const [slot, key] of keys.slice(0, 2).entries()) {
  const text = { key, hash: hash32(key), fields: 'x: y', bornMs: 1, freshUntilMs: 2, date: 0 };
  directory.publish({ slot, bodyBytes: 9, textOffset: slot * MIN_BLOCK_BYTES + 64, text });
}
directory.withdraw(MIN_BLOCK_BYTES + 64);

const { buffer } = directory.view;
const before = Buffer.from(new Uint8Array(buffer));
for (const key of keys) {
  directory.prefetchEntry(hash32(key));
  directory.prefetchObject(hash32(key));
}
const same = before.equals(new Uint8Array(buffer));
const found = directory.protect('/v/1.m4s', hash32('/v/1.m4s')) >= 0;
console.log(JSON.stringify({ addon: addonAbsence() === undefined, same, found }));
