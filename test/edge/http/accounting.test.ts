import t from 'tap';
import { countAnswer, logAnswer } from '../../../src/edge/http/accounting.js';
import type { Responder } from '../../../src/edge/http/answer/responder.js';
import type { AccessEntry } from '../../../src/telemetry/access-log.js';

/** What the two look at of a responder, and its end. */
function responderOf(status: number, left = false): { responder: Responder; end: () => void } {
  const ends: (() => void)[] = [];
  const responder = {
    ...{ status, left, bytesSent: 42, startedMs: 1_000, cacheStatus: 'headgate; hit' },
    whenGone: (run: () => void) => ends.push(run),
  } as unknown as Responder;
  return {
    responder,
    end: () => {
      for (const run of ends) run();
    },
  };
}

t.test('countAnswer() counts a request at once, and what became of it in the end', (t) => {
  for (const [status, counter, left = false] of [
    [200, undefined],
    [304, undefined],
    [404, 'clientErrors'],
    [499, 'clientErrors'],
    [502, 'serverErrors'],
    [0, 'aborted'],
    [200, 'aborted', true],
    [404, 'clientErrors', true],
  ] as const) {
    const counted: [string, number][] = [];
    const metrics = { add: (name: string, by = 1) => counted.push([name, by]) };
    const { responder, end } = responderOf(status, left);
    countAnswer({ metrics } as never, responder);
    t.same(counted, [['requests', 1]]);
    end();
    const more = counter === undefined ? [] : [[counter, 1]];
    t.same(counted.slice(1), [['bytesSent', 42], ...more], String(status));
  }
  t.end();
});

t.test('logAnswer() writes a line about a request of the sample, when it is over', (t) => {
  for (const sampled of [true, false]) {
    const lines: AccessEntry[] = [];
    const access = { sampled: () => sampled, write: (entry: AccessEntry) => lines.push(entry) };
    const { responder, end } = responderOf(206);
    const client = { method: 'GET', upstreamTarget: '/a?x=1' };
    logAnswer({ access, clock: { now: () => 1_250 } } as never, client, responder);
    t.equal(lines.length, 0);
    end();
    const line = { method: 'GET', target: '/a?x=1', status: 206, bytes: 42, ms: 250 };
    t.same(lines, sampled ? [{ ...line, cacheStatus: 'headgate; hit' }] : []);
  }
  t.end();
});
