import t from 'tap';
import type { Piece } from '../../../../src/edge/http/answer/body-writer.js';
import { FILM, SLICE } from '../../../support/film.js';
import { settled } from '../../../support/shard.js';
import { BodyBench, bytes, HALF, SLICES } from '../../../support/sliced-bodies.js';

t.test('SlicedBody gives the bytes of the object, up to the end of a slice', (t) => {
  const bench = new BodyBench(t);
  for (let number = 0; number < SLICES; number += 1) bench.tell(number);
  t.equal(bench.body.written, FILM.length);
  t.strictSame(bench.view(0), bytes(0, SLICE));
  t.strictSame(bench.view(SLICE - 10, 30), bytes(SLICE - 10, SLICE));
  t.strictSame(bench.view(5 * SLICE + 7, 30), bytes(5 * SLICE + 7, 5 * SLICE + 37));
  t.strictSame(bench.view(10 * SLICE), bytes(10 * SLICE, FILM.length), 'the last is short');
  t.same(bench.asked, []);
  bench.body.close();
  t.same(bench.held, []);
  t.end();
});

t.test('SlicedBody asks for nothing ahead in the first half of the first slice', (t) => {
  for (const from of [0, 4 * SLICE, 4 * SLICE + HALF - 1]) {
    const bench = new BodyBench(t);
    const number = Math.floor(from / SLICE);
    t.equal(bench.view(from), undefined);
    t.same(bench.asked, [number], `at ${from}`);
    bench.answer(number);
    t.equal(bench.pumped, 1);
    bench.view(from);
    t.same(bench.asked, [number], `at ${from}`);
    bench.view(number * SLICE + HALF);
    t.same(bench.asked, [number, number + 1], 'in the second half, one');
  }
  t.end();
});

t.test('SlicedBody reads one ahead, and two once one came too late', (t) => {
  const bench = new BodyBench(t);
  bench.view(0);
  bench.answerAll();
  bench.view(HALF);
  bench.answerAll();
  bench.view(SLICE);
  t.same(bench.asked, [0, 1, 2], 'it was there in time');
  t.same(bench.held, [1], 'what was sent is let go of');
  t.equal(bench.view(2 * SLICE), undefined, 'this was not');
  t.same(bench.asked, [0, 1, 2, 3, 4]);
  bench.answerAll();
  t.same(bench.held, [2, 3, 4]);
  bench.view(3 * SLICE);
  t.same(bench.asked, [0, 1, 2, 3, 4, 5], 'and so it goes on');
  t.same(bench.held, [3, 4]);
  t.end();
});

t.test('SlicedBody begins anew after a seek, and keeps of what it had what lies ahead', (t) => {
  const bench = new BodyBench(t);
  bench.view(0);
  bench.answerAll();
  bench.view(HALF);
  bench.view(SLICE);
  bench.answerAll();
  bench.view(SLICE);
  t.same(bench.held, [1, 2, 3]);
  bench.view(7 * SLICE);
  t.same(bench.held, []);
  t.same(bench.asked, [0, 1, 2, 3, 7], 'nothing ahead of the seek');
  bench.answer(7);
  bench.view(6 * SLICE);
  t.same(bench.held, [7], 'backwards');
  t.same(bench.asked.slice(5), [6]);
  bench.view(4 * SLICE);
  t.same(bench.held, [], 'that lies too far ahead');
  t.end();
});

t.test('SlicedBody asks ahead for nothing that is not to be sent', (t) => {
  const rows: readonly (readonly [string, readonly Piece[], number, readonly number[]])[] = [
    ['the end of the range', [{ from: SLICE + HALF, length: HALF }], 1, [1]],
    ['a byte more', [{ from: SLICE + HALF, length: HALF + 1 }], 1, [1, 2]],
    [
      'another piece',
      [
        { from: SLICE + HALF, length: 9 },
        { bytes: new Uint8Array(9_999) },
        { from: 2 * SLICE, length: 1 },
      ],
      ...([1, [1, 2]] as const),
    ],
    [
      'a gap',
      [
        { from: SLICE + HALF, length: 9 },
        { from: 3 * SLICE, length: 9 },
      ],
      1,
      [1],
    ],
    ['the end of the object', [{ from: 10 * SLICE, length: 100 }], 10, [10]],
  ];
  for (const [why, pieces, number, asked] of rows) {
    const bench = new BodyBench(t, pieces);
    bench.view(number * SLICE + (number === 10 ? 99 : HALF), 1);
    t.same(bench.asked, asked, why);
  }
  t.end();
});

t.test('SlicedBody wakes its writer for the slice that is being sent, not for those ahead', (t) => {
  const bench = new BodyBench(t);
  bench.view(HALF);
  bench.answer(1);
  t.equal(bench.pumped, 0);
  bench.answer(0);
  t.equal(bench.pumped, 1);
  t.end();
});

t.test('SlicedBody says how the slice that is being sent was come by', (t) => {
  const bench = new BodyBench(t);
  t.same(bench.body.served, { hit: true });
  t.ok(bench.body.begun, 'as its writer');
  bench.body.writer = undefined;
  t.notOk(bench.body.begun);
  bench.view(HALF);
  bench.answer(0, { hit: false, fwd: 'uri-miss' });
  bench.answer(1);
  t.same(bench.body.served, { hit: false, fwd: 'uri-miss' });
  bench.view(SLICE);
  t.same(bench.body.served, { hit: true });
  t.end();
});

t.test('SlicedBody tells that the slice being sent will not come, in another turn', async (t) => {
  const bench = new BodyBench(t);
  bench.view(0);
  bench.refuse(0, 'GW_ORIGIN_CHANGED');
  t.same(bench.failed, [], 'it may be in the middle of a write');
  await settled();
  t.same(bench.failed, ['GW_ORIGIN_CHANGED']);
});

t.test('SlicedBody asks anew for what was read ahead in vain', async (t) => {
  const bench = new BodyBench(t);
  bench.view(HALF);
  bench.answer(0);
  bench.refuse(1, 'GW_ORIGIN_STATUS');
  await settled();
  bench.view(SLICE - 1);
  t.same([bench.failed, bench.asked], [[], [0, 1]], 'not before its turn');
  bench.view(SLICE);
  t.same(bench.asked.slice(0, 3), [0, 1, 1]);
  bench.answer(1);
  t.strictSame(bench.view(SLICE), bytes(SLICE, 2 * SLICE));
  t.same(bench.failed, []);
});

t.test('SlicedBody that moves on in the turn of a failure asks anew, too', async (t) => {
  const bench = new BodyBench(t);
  bench.view(HALF);
  bench.answer(0);
  bench.refuse(1, 'GW_ORIGIN_STATUS');
  bench.view(SLICE);
  await settled();
  t.same(bench.failed, []);
  t.same(bench.asked.slice(0, 3), [0, 1, 1]);
});

t.test('SlicedBody lets go of all it holds and has asked for when it is closed', async (t) => {
  const bench = new BodyBench(t);
  bench.tell(0);
  bench.view(HALF);
  bench.fill(1, 10);
  bench.view(SLICE);
  t.same(bench.held, [1]);
  bench.refuse(2, 'GW_ORIGIN_STATUS');
  bench.body.close();
  t.same(bench.held, []);
  const cancelled = bench.worker.kinds().filter((kind) => kind === 'cancel');
  t.equal(cancelled.length, bench.asked.length - 1, 'but what was refused');
  await settled();
  t.same(bench.failed, []);
  t.equal(bench.worker.asks.pending, 0);
});
