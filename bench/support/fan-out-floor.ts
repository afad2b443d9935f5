/** A server with no logic as contender: what a fan-out costs on this machine at least. */
import { get } from './fetch.js';
import { freePort, type Contender } from './contender.js';
import { startScript } from './script.js';

export function fanOutFloor(): Contender {
  return {
    name: 'floor',
    cache: false,
    missing: () => undefined,
    version: () => 'floor: uWebSockets.js alone',
    start: async (plan) => {
      const port = await freePort();
      const script = await startScript('fan-out-server', plan.core);
      await script.call('listen', port);
      await get(port, '/ready');
      return {
        port,
        pid: script.pid,
        answeredNs: async () => String(await script.call('answeredNs')),
        stop: () => script.stop(),
      };
    },
  };
}
