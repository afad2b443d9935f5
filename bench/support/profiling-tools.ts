/**
 * clinic and autocannon, which have a folder and a lock file of their own: they are half of all packages,
 * and only who profiles needs them.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
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

/** Installs them when they are not there. */
export function profilingTools(): ProfilingTools {
  if (!existsSync(`${FOLDER}node_modules/.package-lock.json`)) {
    console.error('Installing what profiles need, once ...');
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: 'inherit' });
  }
  const require = createRequire(`${FOLDER}package.json`);
  return {
    clinic: require.resolve('clinic/bin.js'),
    autocannon: require('autocannon') as Autocannon,
  };
}
