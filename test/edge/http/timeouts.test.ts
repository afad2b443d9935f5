import t from 'tap';
import type { UwsApp } from '../../../native/uws.js';
import { loadConfig } from '../../../src/config/load.js';
import { setTimeouts } from '../../../src/edge/http/timeouts.js';

const { limits } = loadConfig({ env: {} }).config;

function setIn(headersTimeout: number, idleTimeout: number): { idle: number; response: number } {
  const seconds = { idle: NaN, response: NaN };
  const app = {
    setIdleTimeout: (of: number) => (seconds.idle = of),
    setResponseTimeout: (of: number) => (seconds.response = of),
  };
  setTimeouts(app as unknown as UwsApp, {
    ...limits,
    headersTimeout,
    idleTimeout,
  });
  return seconds;
}

t.test('setTimeouts() gives uWS whole seconds, never fewer than the setting says', (t) => {
  t.same(setIn(15_000, 75_000), { idle: 15, response: 75 });
  t.same(setIn(5_001, 6_999), { idle: 6, response: 7 }, 'rounded up');
  t.same(setIn(240_000, 239_001), { idle: 240, response: 240 }, 'the most that settings allow');
  t.end();
});

t.test('setTimeouts() leaves a binary alone that has no such calls', (t) => {
  t.doesNotThrow(() => {
    setTimeouts({} as UwsApp, limits);
  });
  t.end();
});
