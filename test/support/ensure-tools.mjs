/**
 * The step before the tests: the programs that they drive have to be there. On Debian and Ubuntu
 * as root the missing ones are installed; elsewhere it prints the one command to run, and fails.
 * Plain JavaScript, because it runs before anything is built. A test that needs another program
 * adds a row to TOOLS.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** `programs`: any of these will do. `debian`, `fedora`, `arch`, `brew`: the package's name. */
export const TOOLS = {
  ffmpeg: {
    programs: ['ffmpeg'],
    debian: 'ffmpeg',
    fedora: 'ffmpeg',
    arch: 'ffmpeg',
    brew: 'ffmpeg',
  },
  nginx: { programs: ['nginx'], debian: 'nginx', fedora: 'nginx', arch: 'nginx', brew: 'nginx' },
  chromium: {
    programs: ['chromium', 'chromium-browser', 'google-chrome'],
    debian: 'chromium',
    fedora: 'chromium',
    arch: 'chromium',
    brew: 'chromium',
  },
};

const INSTALL = {
  debian: 'sudo apt-get update && sudo apt-get install -y --no-install-recommends',
  fedora: 'sudo dnf install -y',
  arch: 'sudo pacman -S --needed',
  brew: 'brew install',
};

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin']; // not on every user's PATH
const POLICY = '/usr/sbin/policy-rc.d';

/** Where a tool of the table is, as an absolute path; undefined: not installed. */
export function findTool(name, folders = searchFolders()) {
  for (const program of TOOLS[name].programs) {
    for (const folder of folders) {
      const file = path.join(folder, program);
      if (isExecutable(file)) return file;
    }
  }
  return undefined;
}

/** Which family's packages the system takes: 'debian', 'fedora', 'arch', 'brew' or undefined. */
export function packageFamily(platform, osRelease) {
  if (platform === 'darwin') return 'brew';
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(([, value]) =>
    value.split(' '),
  );
  if (ids.includes('debian') || ids.includes('ubuntu')) return 'debian';
  if (ids.includes('fedora') || ids.includes('rhel')) return 'fedora';
  return ids.includes('arch') ? 'arch' : undefined;
}

/**
 * @param {{ folders: string[], family?: string, root: boolean, run: Function, say: Function }} system
 * @returns {boolean} every tool is there now
 */
export function ensureTools({ folders, family, root, run, say }) {
  const missing = () => Object.keys(TOOLS).filter((name) => !findTool(name, folders));
  const names = missing();
  if (names.length === 0) return true;
  const packages = names.map((name) => TOOLS[name][family ?? 'debian']);

  if (family === 'debian' && root) {
    say(`headgate: installing what the tests need: ${packages.join(' ')}`);
    const done =
      run('apt-get', ['update', '-q']) &&
      run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages]);
    if (done && missing().length === 0) return true;
  }
  say(`headgate: the tests need ${names.join(', ')}; to install:`);
  say(`  ${family ? INSTALL[family] : 'your package manager with'} ${packages.join(' ')}`);
  return false;
}

function searchFolders() {
  return [...(process.env.PATH ?? '').split(path.delimiter), ...SYSTEM_FOLDERS];
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs apt-get such that it asks nothing and that no installed service starts. */
function runApt(command, args) {
  const quiet = existsSync(POLICY);
  if (!quiet) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    return spawnSync(command, args, { env, stdio: 'inherit' }).status === 0;
  } finally {
    if (!quiet) rmSync(POLICY, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const release = '/etc/os-release';
  const done = ensureTools({
    folders: searchFolders(),
    family: packageFamily(
      process.platform,
      existsSync(release) ? readFileSync(release, 'utf8') : '',
    ),
    root: process.getuid?.() === 0,
    run: runApt,
    say: (line) => process.stdout.write(`${line}\n`),
  });
  process.exitCode = done ? 0 : 1;
}
