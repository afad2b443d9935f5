import t from 'tap';
import type { Origin } from '../../../src/origin/origin.js';
import { openRetryingOrigin } from '../../../src/origin/resilience/resilient.js';
import { ask } from '../../support/origin.js';
import { outcome, scripted } from '../../support/scripted-origin.js';

const POST = { method: 'POST', body: (async function* () {})() };

interface RetrySetup {
  readonly origin: Origin;
  readonly pauses: number[];
  now: number;
}

function retrying(origin: Origin, retries: number, budget = 1): RetrySetup {
  const pauses: number[] = [];
  const setup = { pauses, now: 0 };
  const retried = openRetryingOrigin(origin, {
    retries,
    origins: 1,
    budget,
    random: () => 0.5,
    clock: { now: () => setup.now },
    pause: (ms, signal) => {
      pauses.push(ms);
      return signal.aborted ? Promise.reject(new Error('aborted')) : Promise.resolve();
    },
  });
  return Object.assign(setup, { origin: retried });
}

t.test('openRetryingOrigin() asks again what is safe to ask again', async (t) => {
  const rows = [
    [{}, 2, ['GW_ORIGIN_IO', 200], 'o 200', 2, 'a lost connection'],
    [{}, 2, ['GW_ORIGIN_CONNECT', 'GW_ORIGIN_PROTOCOL', 200], 'o 200', 3, 'two different faults'],
    [{}, 2, ['GW_ORIGIN_IO'], 'GW_ORIGIN_IO', 3, 'no more than configured'],
    [{}, 0, ['GW_ORIGIN_IO'], 'GW_ORIGIN_IO', 1, 'turned off'],
    [{}, 2, ['GW_ORIGIN_TIMEOUT'], 'GW_ORIGIN_TIMEOUT', 1, 'it had its time'],
    [{}, 2, ['GW_ORIGIN_BREAKER_OPEN'], 'GW_ORIGIN_BREAKER_OPEN', 1, 'the breaker decides'],
    [{}, 2, ['GW_CLIENT_ABORTED'], 'GW_CLIENT_ABORTED', 1, 'nobody is waiting'],
    [{}, 2, [503], 'o 503', 1, 'an answer is an answer'],
    [{ method: 'POST' }, 2, ['GW_ORIGIN_IO'], 'GW_ORIGIN_IO', 1, 'it may have taken effect'],
    [{ ...POST, method: 'PUT' }, 2, ['GW_ORIGIN_IO'], 'GW_ORIGIN_IO', 1, 'the body is used up'],
  ] as const;
  for (const [request, retries, steps, want, asked, why] of rows) {
    const script = scripted('o', ...steps);
    const { origin } = retrying(script, retries);
    t.equal(await outcome(ask(origin, '/', request)), want, why);
    t.equal(script.requests.length, asked, why);
  }
});

t.test('openRetryingOrigin() pauses for a random part of a bound that doubles', async (t) => {
  const { origin, pauses } = retrying(scripted('o', 'GW_ORIGIN_IO'), 8, 10);
  t.equal(await outcome(ask(origin, '/')), 'GW_ORIGIN_IO');
  t.same(pauses, [25, 50, 100, 200, 400, 800, 1_000, 1_000]);
});

t.test('openRetryingOrigin() spends no more than its budget when everything fails', async (t) => {
  const script = scripted('o', 'GW_ORIGIN_IO');
  const setup = retrying(script, 3, 0.1);
  for (let i = 0; i < 100; i += 1) await outcome(ask(setup.origin, '/'));
  t.equal(script.requests.length, 100 + 3 + 10);
  setup.now = 60_000;
  await outcome(ask(setup.origin, '/'));
  t.equal(script.requests.length, 113 + 4, 'a minute later there is budget again');
});

t.test('openRetryingOrigin() gives up in a pause when the client does', async (t) => {
  const abort = new AbortController();
  const script = scripted('o', 'GW_ORIGIN_IO');
  const origin = openRetryingOrigin(script, {
    retries: 3,
    origins: 1,
    budget: 1,
    random: () => 0,
    clock: { now: () => 0 },
    pause: () => {
      abort.abort();
      return Promise.reject(new Error('aborted'));
    },
  });
  const request = ask(origin, '/', { signal: abort.signal });
  await t.rejects(request, { code: 'GW_CLIENT_ABORTED' });
  t.equal(script.requests.length, 1);
});

t.test('openRetryingOrigin() counts what is sent again below it among its tries', async (t) => {
  const sendings: number[] = [];
  const greedy: Origin = {
    async fetch(request) {
      let sent = 1;
      while (sent < 5 && request.tries?.take() === true) sent += 1;
      sendings.push(sent);
      return scripted('o', 'GW_ORIGIN_IO').fetch(request, new AbortController().signal);
    },
    close: () => Promise.resolve(),
  };
  t.equal(await outcome(ask(retrying(greedy, 2).origin, '/')), 'GW_ORIGIN_IO');
  t.same(sendings, [3], 'one sending and two more, whoever makes them');
});
