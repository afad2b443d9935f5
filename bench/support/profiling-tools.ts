/**
 * clinic and autocannon, which have a folder and a lock file of their own: they are half of all packages,
 * and only who profiles needs them.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../../bench/profile/', import.meta.url));

export interface ProfilingTools {
  readonly clinic: string; // path of its script
  readonly autocannon: Autocannon;
}

/** The part of autocannon that profile.ts calls; the package brings no types. */
type Autocannon = (options: {
  url: string;
  connections: number;
  duration: number; // seconds
  requests: { method: 'GET'; path: string }[];
}) => Promise<{
  readonly non2xx: number;
  readonly errors: number; // sockets that failed
  readonly requests: { readonly average: number }; // a second
}>;

/** As `npm run profile:*` has installed them. */
export function profilingTools(): ProfilingTools {
  const require = createRequire(`${FOLDER}package.json`);
  return {
    clinic: require.resolve('clinic/bin.js'),
    autocannon: require('autocannon') as Autocannon,
  };
}
