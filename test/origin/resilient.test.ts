import t from 'tap';
import { GatewayError } from '../../src/errors.js';
import type { ErrorCode } from '../../src/errors.js';
import type { Origin, OriginRequest, OriginResponse } from '../../src/origin/origin.js';
import {
  openFailoverOrigin,
  openGuardedOrigin,
  openRetryingOrigin,
} from '../../src/origin/resilient.js';
import { ask, bodyOf, textOf } from '../support/origin.js';

interface Script extends Origin {
  readonly requests: OriginRequest[];
  closed: number;
  left: number; // bodies that were not read to their end
}

/** Answers in turn with a status, whose body is "name status", or fails with a code. */
function scripted(name: string, ...steps: readonly (number | ErrorCode)[]): Script {
  const script: Script = {
    requests: [],
    closed: 0,
    left: 0,
    fetch(request) {
      script.requests.push(request);
      const step = steps[Math.min(script.requests.length, steps.length) - 1];
      if (typeof step === 'string') return Promise.reject(new GatewayError(step, name));
      return Promise.resolve(answer(name, step ?? 200, script));
    },
    close() {
      script.closed += 1;
      return Promise.resolve();
    },
  };
  return script;
}

function answer(name: string, status: number, script: Script): OriginResponse {
  // eslint-disable-next-line @typescript-eslint/require-await -- a body is async
  async function* body(): AsyncGenerator<Uint8Array> {
    script.left += 1;
    yield Buffer.from(`${name} ${status}`);
    script.left -= 1;
  }
  return { status, headers: [], body: body(), origin: name };
}

function failingBody(code: ErrorCode): Origin {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    await Promise.resolve();
    throw new GatewayError(code, 'body');
  }
  return {
    fetch: () => Promise.resolve({ status: 200, headers: [], body: body(), origin: 'x' }),
    close: () => Promise.resolve(),
  };
}

async function outcome(response: Promise<OriginResponse>): Promise<string> {
  try {
    return await textOf(await response);
  } catch (error) {
    return (error as GatewayError).code;
  }
}

const POST = { method: 'POST', body: (async function* () {})() };

t.test('openFailoverOrigin() asks the next origin, as far as that is safe', async (t) => {
  const rows = [
    [{}, [200], [200], 'a 200', 'the first answers'],
    [{}, [404], [200], 'a 404', 'a 404 is an answer'],
    [{}, [500], [200], 'b 200', 'a 5xx is not'],
    [{}, [500], [503], 'b 503', 'all fail: the last answer there was'],
    [{}, [500], ['GW_ORIGIN_TIMEOUT'], 'a 500', 'an answer tells more than an error'],
    [{}, ['GW_ORIGIN_CONNECT'], [200], 'b 200', 'not reached'],
    [{}, ['GW_ORIGIN_TIMEOUT'], [200], 'b 200', 'no answer in time'],
    [{}, ['GW_ORIGIN_PROTOCOL'], [200], 'b 200', 'no HTTP'],
    [{}, ['GW_ORIGIN_BREAKER_OPEN'], [200], 'b 200', 'not even asked'],
    [{}, ['GW_ORIGIN_BUSY'], [200], 'b 200', 'no connection free'],
    [{}, ['GW_ORIGIN_TIMEOUT'], ['GW_ORIGIN_BREAKER_OPEN'], 'GW_ORIGIN_TIMEOUT', 'tells more'],
    [{}, ['GW_ORIGIN_BREAKER_OPEN'], ['GW_ORIGIN_IO'], 'GW_ORIGIN_IO', 'tells more'],
    [{}, ['GW_CLIENT_ABORTED'], [200], 'GW_CLIENT_ABORTED', 'nobody is waiting'],
    [{}, ['GW_BAD_REQUEST'], [200], 'GW_BAD_REQUEST', 'no origin would take it'],
    [{ method: 'HEAD' }, ['GW_ORIGIN_IO'], [200], 'b 200', 'HEAD is idempotent'],
    [{ method: 'POST' }, [503], [200], 'a 503', 'it may have taken effect'],
    [{ method: 'POST' }, ['GW_ORIGIN_IO'], [200], 'GW_ORIGIN_IO', 'it may have taken effect'],
    [{ method: 'POST' }, ['GW_ORIGIN_TIMEOUT'], [200], 'GW_ORIGIN_TIMEOUT', 'and so may this'],
    [POST, ['GW_ORIGIN_CONNECT'], [200], 'b 200', 'nothing was sent'],
    [{ ...POST, method: 'PUT' }, [500], [200], 'a 500', 'the body is used up'],
  ] as const;
  for (const [request, first, second, want, why] of rows) {
    const [a, b] = [scripted('a', ...first), scripted('b', ...second)];
    t.equal(await outcome(ask(openFailoverOrigin([a, b]), '/', request)), want, why);
  }
});

t.test('openFailoverOrigin() lets go of the answers it does not give', async (t) => {
  const [a, b, c] = [scripted('a', 500), scripted('b', 502), scripted('c', 200)];
  t.equal(await outcome(ask(openFailoverOrigin([a, b, c]), '/')), 'c 200');
  await new Promise(setImmediate);
  t.same([a.left, b.left, c.left], [0, 0, 0]);
});

t.test('openFailoverOrigin() closes its origins, and without any fails', async (t) => {
  const [a, b] = [scripted('a', 200), scripted('b', 200)];
  await openFailoverOrigin([a, b]).close();
  t.same([a.closed, b.closed], [1, 1]);
  t.equal(await outcome(ask(openFailoverOrigin([]), '/')), 'GW_ORIGIN_CONNECT');
});

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

function guarded(origin: Origin, clock: { now: () => number }) {
  return openGuardedOrigin(origin, {
    name: 'o',
    limits: { failures: 2, cooldownMs: 1_000 },
    clock,
  });
}

t.test('openGuardedOrigin() opens on what is the fault of the origin', async (t) => {
  const rows = [
    ['GW_ORIGIN_CONNECT', 'open', 'not reached'],
    ['GW_ORIGIN_TIMEOUT', 'open', 'no answer in time'],
    [502, 'open', 'a gateway says so'],
    [503, 'open', 'it says so itself'],
    [504, 'open', 'a gateway says so'],
    [500, 'closed', 'a program fault in one path says nothing of the others'],
    [404, 'closed', 'an answer'],
    ['GW_ORIGIN_BUSY', 'closed', 'our own limit'],
    ['GW_CLIENT_ABORTED', 'closed', 'the client left'],
    ['GW_BAD_REQUEST', 'closed', 'the client is to blame'],
  ] as const;
  for (const [step, want, why] of rows) {
    const origin = guarded(scripted('o', step), { now: () => 0 });
    for (let i = 0; i < 2; i += 1) await outcome(ask(origin, '/'));
    t.equal(origin.status().breaker, want, `${step}: ${why}`);
  }
});

t.test('openGuardedOrigin() counts bodies that break, not those that are left', async (t) => {
  const rows = [
    ['GW_ORIGIN_BODY_SHORT', 'open'],
    ['GW_CLIENT_ABORTED', 'closed'],
  ] as const;
  for (const [code, want] of rows) {
    const origin = guarded(failingBody(code), { now: () => 0 });
    for (let i = 0; i < 2; i += 1) t.equal(await outcome(ask(origin, '/')), code);
    t.equal(origin.status().breaker, want, code);
  }
  const left = guarded(scripted('o', 200), { now: () => 0 });
  for (let i = 0; i < 3; i += 1) {
    const response = await ask(left, '/');
    await response.body[Symbol.asyncIterator]().return?.();
  }
  t.same(left.status(), { name: 'o', breaker: 'closed', failures: 0 });
});

t.test('openGuardedOrigin() refuses while open and asks once when half-open', async (t) => {
  const time = { ms: 0 };
  const script = scripted('o', 'GW_ORIGIN_IO', 'GW_ORIGIN_IO', 200);
  const origin = guarded(script, { now: () => time.ms });
  for (let i = 0; i < 4; i += 1) await outcome(ask(origin, '/'));
  t.equal(script.requests.length, 2, 'the third and fourth never got there');
  await t.rejects(ask(origin, '/'), { code: 'GW_ORIGIN_BREAKER_OPEN' });
  time.ms = 1_000;
  const together = await Promise.all([1, 2, 3].map(() => outcome(ask(origin, '/'))));
  t.same(together, ['o 200', 'GW_ORIGIN_BREAKER_OPEN', 'GW_ORIGIN_BREAKER_OPEN']);
  t.equal(origin.status().breaker, 'closed', 'closed by the head of the answer to the probe');
  t.equal(await outcome(ask(origin, '/')), 'o 200');
});

t.test('openGuardedOrigin() starts over after an answer that has no body to watch', async (t) => {
  const script = scripted('o', 'GW_ORIGIN_IO', 304, 'GW_ORIGIN_IO', 200);
  const origin = guarded(script, { now: () => 0 });
  await outcome(ask(origin, '/'));
  await ask(origin, '/'); // its body is not even looked at
  await outcome(ask(origin, '/'));
  t.same(origin.status(), { name: 'o', breaker: 'closed', failures: 1 });
  await bodyOf(await ask(origin, '/'));
  t.equal(origin.status().failures, 0);
});
