import t from 'tap';
import {
  unreadiness,
  type GatewayState,
  type WorkerState,
} from '../../src/control/gateway-control.js';

function state(
  phase: GatewayState['phase'],
  ...states: readonly WorkerState['state'][]
): GatewayState {
  const workers = states.map((state, index) => ({
    ...{ index, state, restarts: 0, connections: 0 },
    ...{ elu: 0, origins: [], silentMs: 0 },
  }));
  return { phase, workers, uptimeMs: 1, url: 'http://localhost/' };
}

t.test('unreadiness() is undefined only while all new viewers would be answered', (t) => {
  const rows = [
    [state('ready', 'up', 'up'), undefined, 'all serve'],
    [state('ready'), undefined, 'no workers to speak of'],
    [state('ready', 'restarting', 'up'), undefined, 'the kernel asks the other one'],
    [state('ready', 'starting', 'up'), undefined, 'one more to come'],
    [state('ready', 'restarting', 'restarting'), 'no worker is up', 'nobody listens'],
    [state('ready', 'starting'), 'no worker is up', 'nobody listens yet'],
    [state('ready', 'up', 'hung', 'up'), 'hung: worker 1', 'it still gets its share'],
    [state('ready', 'hung', 'up', 'hung'), 'hung: worker 0, 2', 'all of them by number'],
    [state('ready', 'hung', 'restarting'), 'hung: worker 0', 'rather than that none is up'],
    [state('starting', 'up'), 'starting', 'workers before the node'],
    [state('draining', 'up'), 'draining', 'on the way out'],
    [state('draining', 'hung'), 'draining', 'the way out comes first'],
    [state('stopped'), 'stopped', 'gone'],
  ] as const;
  for (const [given, want, why] of rows) t.equal(unreadiness(given), want, why);
  t.end();
});
