/** The gateway as a user starts it: the built binary in front of the bench's origin. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  freePort,
  launch,
  workFolder,
  type Contender,
  type RunningServer,
  type ServerPlan,
} from './contender.js';

const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

export interface Gateway extends Contender {
  start(plan: ServerPlan): Promise<RunningServer & { readonly admin: number }>; // a port
}

/** `extra`: further flags, shown in the name when they change what is compared. */
export function headgate(extra: readonly string[] = []): Gateway {
  return {
    name: 'headgate',
    cache: true,
    missing: () => (existsSync(CLI) ? undefined : `headgate is not built (${CLI})`),
    version: () => `headgate on Node ${process.version}`,
    start: async (plan): Promise<RunningServer & { admin: number }> => {
      const port = await freePort();
      const admin = await freePort();
      const args = [CLI, 'serve', `http://127.0.0.1:${plan.originPort}/`];
      args.push('--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`);
      args.push('--log-level', 'error', ...extra);
      if (plan.byDefault !== true) {
        args.push('--workers', String(plan.workers));
        args.push('--cache-memory', `${Math.ceil(plan.cacheBytes / 1024 / 1024)}MiB`);
      }
      const folder = workFolder('headgate');
      const server = await launch({
        command: process.execPath,
        args,
        core: plan.core,
        port,
        folder,
      });
      return { ...server, admin };
    },
  };
}
