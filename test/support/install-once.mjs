/**
 * `node install-once.mjs <folder> ...`: installs the packages of folders that have a lock file of their own, as
 * only some commands need them, unless they are there as the lock file says.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';

for (const folder of process.argv.slice(2)) {
  if (isInstalled(folder)) continue;
  console.error(`Installing the packages of ${folder}, once ...`);
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' });
}

/** npm writes a copy of the lock file last. */
function isInstalled(folder) {
  const copy = path.join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(copy)) return false;
  return statSync(copy).mtimeMs >= statSync(path.join(folder, 'package-lock.json')).mtimeMs;
}
