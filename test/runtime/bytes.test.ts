import t from 'tap';
import { type BorrowedBytes, forThisCall, ownedCopy } from '../../src/runtime/bytes.js';

t.test('ownedCopy() has memory of its own, and no more than it needs', (t) => {
  const buffer = Buffer.alloc(1_000, 'a');
  const borrowed: BorrowedBytes = buffer.subarray(10, 20);
  const copy = ownedCopy(borrowed);
  buffer.fill('b');
  t.equal(Buffer.from(copy).toString(), 'a'.repeat(10));
  t.equal(copy.buffer.byteLength, 10);
  t.end();
});

t.test('borrowed bytes do not type-check where bytes are kept', (t) => {
  const queue: Uint8Array[] = [];
  const borrowed: BorrowedBytes = new Uint8Array(3);
  // @ts-expect-error -- kept without a copy
  queue.push(borrowed);
  // @ts-expect-error -- a part of them is borrowed, too
  queue.push(borrowed.subarray(1));
  // @ts-expect-error -- nor is there a \`slice\` that might be a view
  const slice: unknown = borrowed.slice;
  queue.push(ownedCopy(borrowed), forThisCall(borrowed));
  t.equal(queue.length, 4);
  t.type(slice, 'function');
  t.end();
});
