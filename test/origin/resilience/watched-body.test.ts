import t from 'tap';
import type { BorrowedBytes } from '../../../src/runtime/bytes.js';
import { watchedBody } from '../../../src/origin/resilience/watched-body.js';

async function* bodyOf(pieces: readonly (string | Error)[]): AsyncGenerator<BorrowedBytes> {
  for (const piece of pieces) {
    await Promise.resolve();
    if (piece instanceof Error) throw piece;
    yield Buffer.from(piece);
  }
}

function watch(pieces: readonly (string | Error)[]) {
  const heard: string[] = [];
  const body = watchedBody(bodyOf(pieces), {
    ended: () => heard.push('ended'),
    failed: (reason) => heard.push(String(reason)),
  });
  return { heard, body };
}

t.test('an end is heard of once, after all pieces', async (t) => {
  const { heard, body } = watch(['ab', 'c']);
  const seen: number[] = [];
  for await (const piece of body) {
    t.same(heard, []);
    seen.push(piece.length);
  }
  t.same(seen, [2, 1]);
  t.same(heard, ['ended']);
});

t.test('a failure is heard of and reaches the reader', async (t) => {
  const { heard, body } = watch(['ab', new Error('broken')]);
  await t.rejects(
    async () => {
      for await (const piece of body) t.equal(piece.length, 2);
    },
    { message: 'broken' },
  );
  t.same(heard, ['Error: broken']);
});

t.test('a reader that leaves ends the source, and nothing is heard', async (t) => {
  const { heard, body } = watch(['ab', 'c']);
  for await (const piece of body) {
    t.equal(piece.length, 2);
    break;
  }
  t.same(heard, []);
});
