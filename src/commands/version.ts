/** The version in package.json, which lies two folders up in dist/ and one in src/. */
import { readFileSync } from 'node:fs';

export const VERSION: string = readVersion();

function readVersion(): string {
  for (const candidate of ['../../package.json', '../../../package.json']) {
    try {
      const text = readFileSync(new URL(candidate, import.meta.url), 'utf8');
      const { name, version } = JSON.parse(text) as { name?: string; version?: string };
      if (name === 'headgate' && version !== undefined) return version;
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code !== 'ENOENT') throw reason;
    }
  }
  return 'unknown';
}
