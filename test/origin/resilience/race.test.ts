/** Who is asked when, who wins, and what becomes of the others; failover.test.ts has the whole of it. */
import t, { type Test } from 'tap';
import type { ErrorCode } from '../../../src/errors.js';
import type { OriginRequest } from '../../../src/origin/origin.js';
import { Tries } from '../../../src/origin/resilience/tries.js';
import { asked, counts, overdue, track } from '../../support/race-track.js';
import { settled } from '../../support/shard.js';

t.test('without an origin a race ends at once', async (t) => {
  t.equal(await track().run().result, 'GW_ORIGIN_CONNECT');
});

t.test('a lone origin is asked under the signal of the caller, and never hedged', async (t) => {
  const one = track('well');
  const { signal } = new AbortController();
  const { result } = one.run({}, signal);
  const request = await asked(one, 0);
  t.equal(request.signal, signal);
  await overdue();
  t.equal(one.field.counts.hedges, 0);
  request.answer(503, [], 'busy');
  t.equal(await result, '0 503 busy');
});

t.test('when all have failed, the error that says most is thrown', async (t) => {
  const rows: [first: ErrorCode, second: ErrorCode, want: ErrorCode][] = [
    ['GW_ORIGIN_TIMEOUT', 'GW_ORIGIN_BUSY', 'GW_ORIGIN_TIMEOUT'],
    ['GW_ORIGIN_TIMEOUT', 'GW_ORIGIN_BREAKER_OPEN', 'GW_ORIGIN_TIMEOUT'],
    ['GW_ORIGIN_BUSY', 'GW_ORIGIN_IO', 'GW_ORIGIN_IO'],
    ['GW_ORIGIN_CONNECT', 'GW_ORIGIN_PROTOCOL', 'GW_ORIGIN_PROTOCOL'],
    ['GW_ORIGIN_BUSY', 'GW_ORIGIN_BREAKER_OPEN', 'GW_ORIGIN_BUSY'],
    ['GW_ORIGIN_IO', 'GW_SHUTTING_DOWN', 'GW_SHUTTING_DOWN'],
  ];
  for (const [first, second, want] of rows) {
    const one = track('well', 'well');
    const { result } = one.run();
    (await asked(one, 0)).fail(first);
    (await asked(one, 1)).fail(second);
    t.equal(await result, want, `${first}, then ${second}`);
  }
});

t.test('of several answers of 5xx the last is given, and the others are read off', async (t) => {
  const one = track('well', 'well', 'well');
  const { result } = one.run();
  const a = await asked(one, 0);
  a.answer(500, [], 'a');
  (await asked(one, 1)).answer(502, [], 'b');
  (await asked(one, 2)).fail('GW_ORIGIN_TIMEOUT');
  t.equal(await result, '1 502 b');
  await settled();
  t.equal(a.pulls, 1);
});

async function onlyFirst(t: Test, request: Partial<OriginRequest>, why: string): Promise<void> {
  const one = track('well', 'well');
  const { result } = one.run(request);
  const first = await asked(one, 0);
  await overdue();
  first.fail('GW_ORIGIN_CONNECT');
  (await asked(one, 1)).answer(500, [], 'b');
  t.equal(await result, '1 500 b', why);
  t.equal(one.field.counts.hedges, 0, why);
}

t.test(
  'what may be asked once only goes on where nothing was sent, and is not hedged',
  async (t) => {
    await onlyFirst(t, { method: 'POST' }, 'POST');
    await onlyFirst(t, { method: 'DELETE' }, 'DELETE is not safe');
    await onlyFirst(t, { method: 'GET', body: (async function* () {})() }, 'a body');
    const one = track('well', 'well');
    const { result } = one.run({ method: 'POST' });
    (await asked(one, 0)).fail('GW_ORIGIN_IO');
    t.equal(await result, 'GW_ORIGIN_IO', 'it may have taken effect');
    t.strictSame(counts(one), [1, 0]);
  },
);

t.test('who asks no more gets no other origin, and nobody has lost by it', async (t) => {
  for (const first of [500, 'GW_ORIGIN_IO'] as const) {
    const one = track('well', 'well', 'well');
    const abort = new AbortController();
    const { result } = one.run({}, abort.signal);
    const a = await asked(one, 0);
    const b = await asked(one, 1);
    if (first === 500) a.answer(500, [], 'a');
    else a.fail(first);
    await settled();
    abort.abort();
    t.equal(await result, 'GW_CLIENT_ABORTED');
    t.ok(b.signal.aborted);
    t.strictSame(counts(one).slice(0, 2), [1, 1]);
    t.strictSame(one.lost, []);
  }
});

t.test('a failure after the client has left is the end of it', async (t) => {
  const one = track('well', 'well');
  const abort = new AbortController();
  const { result } = one.run({}, abort.signal);
  (await asked(one, 0)).fail('GW_ORIGIN_IO');
  abort.abort();
  t.equal(await result, 'GW_ORIGIN_IO');
  t.strictSame(counts(one), [1, 0]);
});

t.test('an answer of 5xx at hand is not delayed by one that rests', async (t) => {
  for (const standing of ['resting', 'down'] as const) {
    const one = track('well', standing);
    const { result } = one.run();
    (await asked(one, 0)).answer(500, [], 'a');
    t.equal(await result, '0 500 a');
    t.strictSame(counts(one), [1, 0]);
  }
});

t.test('an answer that comes after the race is read off', async (t) => {
  const one = track('well', 'well');
  const { result } = one.run();
  const late = await asked(one, 0);
  // As if its answer had been on its way when it was cancelled.
  Object.defineProperty(late, 'signal', { value: new AbortController().signal });
  (await asked(one, 1)).answer(200, [], 'b');
  late.answer(200, [], 'a');
  t.equal(await result, '1 200 b');
  await settled();
  t.equal(late.pulls, 1);
});

t.test('who has no tries left is not asked elsewhere', async (t) => {
  const one = track('well', 'well');
  const { result } = one.run({ tries: new Tries(0) });
  const first = await asked(one, 0);
  await overdue();
  first.fail('GW_ORIGIN_IO');
  t.equal(await result, 'GW_ORIGIN_IO');
  t.strictSame(counts(one), [1, 0]);
  t.equal(one.hedgesLeft, 99, 'nor does it take the budget');
});
