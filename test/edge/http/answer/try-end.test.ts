/** The first bytes of a large body leave with its head; the rest is uWS's. */
import t from 'tap';
import { CORKED_BYTES, tryEnd } from '../../../../src/edge/http/answer/try-end.js';
import type { HttpResponse } from '../../../../native/uws.js';

interface Call {
  readonly by: 'uws' | 'ours';
  readonly bytes: number;
}

/** A response whose kernel takes so many bytes of each send, and which is over as uWS's is. */
function responseOf(room: readonly number[]): {
  readonly response: HttpResponse;
  readonly sendBody: (response: object, bytes: Uint8Array) => number;
  readonly calls: Call[];
} {
  const calls: Call[] = [];
  let offset = 0;
  let sends = 0;
  const take = (bytes: Uint8Array): number => {
    const taken = Math.min(bytes.length, room[sends] ?? 0);
    sends += 1;
    offset += taken;
    return taken;
  };
  const response = {
    getWriteOffset: () => offset,
    tryEnd: (bytes: Uint8Array, total: number): [boolean, boolean] => {
      calls.push({ by: 'uws', bytes: bytes.length });
      const isCorked = offset === 0 && bytes.length < CORKED_BYTES;
      const taken = isCorked ? bytes.length : bytes.length === 0 ? 0 : take(bytes);
      if (isCorked) offset += taken;
      return [taken === bytes.length, offset === total || bytes.length === 0];
    },
  };
  const sendBody = (_response: object, bytes: Uint8Array): number => {
    calls.push({ by: 'ours', bytes: bytes.length });
    return take(bytes);
  };
  return { response: response as unknown as HttpResponse, sendBody, calls };
}

const LARGE = CORKED_BYTES + 1;

t.test('what fits the cork, and what has begun, is left to uWS', (t) => {
  const small = responseOf([]);
  const { sendBody } = small;
  const whole = { total: CORKED_BYTES, answers: { sendBody } };
  tryEnd(small.response, new Uint8Array(CORKED_BYTES), whole);
  t.strictSame(small.calls, [{ by: 'uws', bytes: CORKED_BYTES }]);
  const begun = responseOf([LARGE, LARGE]);
  const of = { total: 3 * LARGE, answers: begun };
  tryEnd(begun.response, new Uint8Array(LARGE), { ...of, answers: undefined });
  begun.calls.length = 0;
  tryEnd(begun.response, new Uint8Array(LARGE), of);
  t.strictSame(begun.calls, [{ by: 'uws', bytes: LARGE }]);
  t.end();
});

t.test('without the addon all is left to uWS', (t) => {
  const { response, calls } = responseOf([LARGE]);
  const said = tryEnd(response, new Uint8Array(LARGE), { total: LARGE, answers: undefined });
  t.strictSame(said, [true, true]);
  t.strictSame(calls, [{ by: 'uws', bytes: LARGE }]);
  t.end();
});

t.test('a large beginning is one call of ours, and what is left one of uWS', (t) => {
  const rows: [
    room: number[],
    total: number,
    said: [boolean, boolean],
    left: number | undefined,
  ][] = [
    [[LARGE - 1], LARGE, [true, true], 0], // an empty one tells uWS that it is over
    [[LARGE - 1], 2 * LARGE, [true, false], undefined], // there it would end too soon
    [[100, 0], LARGE, [false, false], LARGE - 101],
    [[0, 0], LARGE, [false, false], LARGE - 1],
    [[0, LARGE], LARGE, [true, true], LARGE - 1],
  ];
  for (const [room, total, said, left] of rows) {
    const { response, sendBody, calls } = responseOf(room);
    const of = { total, answers: { sendBody } };
    t.strictSame(tryEnd(response, new Uint8Array(LARGE), of), said, room.join());
    const begun: Call[] = [
      { by: 'uws', bytes: 1 },
      { by: 'ours', bytes: LARGE - 1 },
    ];
    t.strictSame(calls, left === undefined ? begun : [...begun, { by: 'uws', bytes: left }]);
  }
  t.end();
});
