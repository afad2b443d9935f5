import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import type { OriginRequest, OriginResponse } from '../../../src/origin/origin.js';
import { resumable } from '../../../src/origin/resilience/resumable.js';
import { ask, textOf } from '../../support/origin.js';
import { outcome } from '../../support/scripted-origin.js';
import { TimedOrigin } from '../../support/timed-origin.js';

const TEXT = '0123456789';
const ETAG: FieldLines = [['etag', '"v1"']];
const WHOLE: FieldLines = [...ETAG, ['content-length', '10']];

/** What is missing from `at` on, as an origin would answer. */
function part(at: number, last = 9): FieldLines {
  return [
    ...ETAG,
    ['content-range', `bytes ${at}-${last}/10`],
    ['content-length', String(last - at + 1)],
  ];
}

interface Setup {
  readonly first: TimedOrigin; // where the body begins
  readonly second: TimedOrigin; // where the rest is asked for
  readonly resumed: string[];
  readonly begin: (
    head: { status: number; headers: FieldLines },
    asked?: Partial<OriginRequest>,
  ) => Promise<OriginResponse>;
}

function setUp(stallMs?: number): Setup {
  const [first, second] = [new TimedOrigin(), new TimedOrigin()];
  const resumed: string[] = [];
  return {
    first,
    second,
    resumed,
    begin: async ({ status, headers }, asked = {}) => {
      const request = { method: 'GET', target: '/x', headers: [], ...asked };
      const answer = ask(first, '/x', asked);
      first.requests.at(-1)?.head(status, headers);
      return resumable(await answer, {
        request,
        stallMs: () => stallMs,
        ask: (rest, { stillComes, signal }) => {
          resumed.push(stillComes ? 'stalled' : 'broken');
          return second.fetch(rest, signal);
        },
        onResumed: ({ stalled }) => void resumed.push(stalled ? 'left' : 'gone on'),
      });
    },
  };
}

async function untilAsked(origin: TimedOrigin): Promise<void> {
  while (origin.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

t.test('a body that breaks goes on from where it broke, of the same version', async (t) => {
  for (const code of ['GW_ORIGIN_BODY_SHORT', 'GW_ORIGIN_TIMEOUT', 'GW_ORIGIN_IO'] as const) {
    const { first, second, resumed, begin } = setUp();
    const headers = [
      ['cookie', 'a=1'],
      ['if-none-match', '"v0"'],
    ] as const;
    const response = await begin({ status: 200, headers: WHOLE }, { headers });
    first.requests[0]?.chunk('0123');
    first.requests[0]?.fail(code);
    const text = textOf(response);
    await untilAsked(second);
    const rest = second.next();
    t.same(rest.request.headers, [
      ['cookie', 'a=1'],
      ['range', 'bytes=4-9'],
      ['if-range', '"v1"'],
    ]);
    rest.answer(206, part(4), '456789');
    t.equal(await text, TEXT, code);
    t.same(resumed, ['broken', 'gone on']);
  }
});

t.test('a part of an object goes on within that part', async (t) => {
  const { first, second, begin } = setUp();
  const asked = { headers: [['range', 'bytes=2-7']] as FieldLines };
  const response = await begin({ status: 206, headers: part(2, 7) }, asked);
  first.requests[0]?.chunk('23');
  first.requests[0]?.fail('GW_ORIGIN_BODY_SHORT');
  const text = textOf(response);
  await untilAsked(second);
  const rest = second.next();
  t.equal(rest.header('range'), 'bytes=4-7');
  rest.answer(206, part(4, 7), '4567');
  t.equal(await text, '234567');
});

t.test('nothing follows that is not beyond doubt the same', async (t) => {
  const rows: readonly (readonly [number, FieldLines, string])[] = [
    [200, WHOLE, 'the whole: the version is another'],
    [206, part(4).map(([n, v]) => [n, n === 'etag' ? '"v2"' : v]), 'another version'],
    [206, part(4).map(([n, v]) => [n, n === 'etag' ? 'W/"v1"' : v]), 'a weak validator'],
    [206, part(4).slice(1), 'no validator'],
    [206, part(5), 'another place'],
    [206, part(4, 8), 'another end'],
    [206, part(4).map(([n, v]) => [n, v.replace('/10', '/11')]), 'another length'],
    [206, [...part(4), ['content-encoding', 'gzip']], 'another coding'],
    [416, [['content-range', 'bytes */4']], 'it is shorter there'],
    [503, [], 'no answer at all'],
  ];
  for (const [status, headers, why] of rows) {
    const { first, second, begin } = setUp();
    const response = await begin({ status: 200, headers: WHOLE });
    first.requests[0]?.chunk('0123');
    first.requests[0]?.fail('GW_ORIGIN_BODY_SHORT');
    const got = outcome(Promise.resolve(response));
    await untilAsked(second);
    second.next().answer(status, headers, 'XXXXXX');
    t.equal(await got, 'GW_ORIGIN_BODY_SHORT', why);
  }
});

t.test('a body is not gone on with when nothing would vouch for it', async (t) => {
  const rows: readonly (readonly [number, FieldLines, Partial<OriginRequest>, string])[] = [
    [200, [['content-length', '10']], {}, 'no validator'],
    [
      200,
      [
        ['etag', 'W/"v1"'],
        ['content-length', '10'],
      ],
      {},
      'a weak one',
    ],
    [200, ETAG, {}, 'no length'],
    [404, WHOLE, {}, 'no object'],
    [206, [...WHOLE, ['content-type', 'multipart/byteranges']], {}, 'several ranges'],
    [200, WHOLE, { method: 'POST' }, 'not a GET'],
  ];
  for (const [status, headers, asked, why] of rows) {
    const { first, second, begin } = setUp(5);
    const response = await begin({ status, headers }, asked);
    first.requests[0]?.chunk('0123');
    first.requests[0]?.fail('GW_ORIGIN_BODY_SHORT');
    t.equal(await outcome(Promise.resolve(response)), 'GW_ORIGIN_BODY_SHORT', why);
    t.equal(second.requests.length, 0, why);
  }
  const { first, second, begin } = setUp();
  const response = await begin({ status: 200, headers: WHOLE });
  first.requests[0]?.fail('GW_ORIGIN_PROTOCOL');
  t.equal(await outcome(Promise.resolve(response)), 'GW_ORIGIN_PROTOCOL');
  t.equal(second.requests.length, 0, 'an origin that contradicts itself');
});

t.test('a body goes on twice and no more', async (t) => {
  const { first, second, begin } = setUp();
  const response = await begin({ status: 200, headers: WHOLE });
  first.requests[0]?.chunk('01');
  first.requests[0]?.fail('GW_ORIGIN_BODY_SHORT');
  const got = outcome(Promise.resolve(response));
  for (const at of [2, 4]) {
    while (second.requests.length < at / 2) await new Promise((r) => setTimeout(r, 1));
    const rest = second.next();
    t.equal(rest.header('range'), `bytes=${at}-9`);
    rest.head(206, part(at));
    rest.chunk(TEXT.slice(at, at + 2));
    rest.fail('GW_ORIGIN_BODY_SHORT');
  }
  t.equal(await got, 'GW_ORIGIN_BODY_SHORT');
  t.equal(second.requests.length, 2);
});

t.test('a body that stalls is asked for elsewhere while it may still come', async (t) => {
  const elsewhere = setUp(5);
  const response = await elsewhere.begin({ status: 200, headers: WHOLE });
  elsewhere.first.requests[0]?.chunk('0123');
  const text = textOf(response);
  await untilAsked(elsewhere.second);
  elsewhere.second.next().answer(206, part(4), '456789');
  t.equal(await text, TEXT);
  t.same(elsewhere.resumed, ['stalled', 'left']);

  const comes = setUp(5);
  const late = await comes.begin({ status: 200, headers: WHOLE });
  comes.first.requests[0]?.chunk('0123');
  const lateText = textOf(late);
  await untilAsked(comes.second);
  comes.first.requests[0]?.chunk('456789');
  comes.first.requests[0]?.end();
  t.equal(await lateText, TEXT);
  t.ok(comes.second.next().signal.aborted, 'what was asked for elsewhere is given up');
  t.same(comes.resumed, ['stalled']);

  const nowhere = setUp(5);
  const slow = await nowhere.begin({ status: 200, headers: WHOLE });
  nowhere.first.requests[0]?.chunk('0123');
  const slowText = textOf(slow);
  await untilAsked(nowhere.second);
  nowhere.second.next().answer(404, []);
  await new Promise(setImmediate);
  nowhere.first.requests[0]?.chunk('456789');
  nowhere.first.requests[0]?.end();
  t.equal(await slowText, TEXT, 'it is waited for where nobody else has it');
});

t.test('a reader that leaves gives up all that was asked for', async (t) => {
  const { first, second, begin } = setUp(5);
  const response = await begin({ status: 200, headers: WHOLE });
  first.requests[0]?.chunk('0123');
  const reader = response.body[Symbol.asyncIterator]();
  await reader.next();
  const pending = reader.next();
  pending.catch(() => undefined);
  await untilAsked(second);
  void reader.return?.();
  t.ok(second.next().signal.aborted);
});
