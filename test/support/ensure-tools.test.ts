import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { ensureTools, findTool, packageFamily, TOOLS } from './ensure-tools.mjs';

t.test('findTool() looks for any program of that name that may be run', (t) => {
  const folder = t.testdir({ nginx: 'not executable' });
  t.equal(findTool('nginx', [folder]), undefined, 'a plain file is no program');
  program(path.join(folder, 'nginx'), 'exit 0');
  t.equal(findTool('nginx', ['/nonexistent', folder]), path.join(folder, 'nginx'));
  program(path.join(folder, 'google-chrome'), 'exit 0');
  t.equal(findTool('chromium', [folder]), path.join(folder, 'google-chrome'), 'another name');
  t.end();
});

t.test('packageFamily() knows whose packages a system takes', (t) => {
  const rows = [
    ['linux', 'NAME="Debian"\nID=debian\n', 'debian', 'Debian itself'],
    ['linux', 'ID=ubuntu\nID_LIKE=debian\n', 'debian', 'Ubuntu'],
    ['linux', 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'debian', 'a derivative, quoted'],
    ['linux', 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'fedora', 'the other large family'],
    ['linux', 'ID=arch\n', 'arch', 'Arch'],
    ['linux', 'ID=alpine\n', undefined, 'not in the table'],
    ['linux', '', undefined, 'no such file'],
    ['darwin', '', 'brew', 'macOS'],
  ] as const;
  for (const [platform, release, want, why] of rows) {
    t.equal(packageFamily(platform, release), want, why);
  }
  t.end();
});

t.test('ensureTools() installs what is missing, and only that, as root on Debian', (t) => {
  const system = fakeSystem(t, ['ffmpeg']);
  t.equal(ensureTools({ ...system, family: 'debian', root: true }), true);
  t.same(readFileSync(system.log, 'utf8').trim().split('\n'), [
    'update -q',
    'install -y -q --no-install-recommends nginx chromium',
  ]);
  t.equal(ensureTools({ ...system, family: 'debian', root: true }), true, 'all there by now');
  t.equal(readFileSync(system.log, 'utf8').trim().split('\n').length, 2, 'so nothing was run');
  t.end();
});

t.test('ensureTools() prints one command and fails where it may not install', (t) => {
  const rows = [
    ['debian', false, /^ {2}sudo apt-get update && sudo apt-get install .* nginx chromium$/],
    ['fedora', true, /^ {2}sudo dnf install -y nginx chromium$/],
    ['brew', false, /^ {2}brew install nginx chromium$/],
    [undefined, true, /^ {2}your package manager with nginx chromium$/],
  ] as const;
  for (const [family, root, want] of rows) {
    const system = fakeSystem(t, ['ffmpeg']);
    t.equal(ensureTools({ ...system, family, root }), false, String(family));
    t.match(system.said.at(-1), want);
    t.equal(readFileSync(system.log, 'utf8'), '', 'nothing was run');
  }
  t.end();
});

t.test('ensureTools() fails, with the command, when the installation does', (t) => {
  const rows = [
    ['exit 1', 'apt-get fails'],
    ['exit 0', 'apt-get is content, but the programs are still missing'],
  ] as const;
  for (const [script, why] of rows) {
    const system = fakeSystem(t, []);
    program(path.join(system.folders[0] ?? '', 'apt-get'), script);
    t.equal(ensureTools({ ...system, family: 'debian', root: true }), false, why);
    t.match(system.said.at(-1), /apt-get install .* ffmpeg nginx chromium$/);
  }
  t.end();
});

t.test('the table names no tool twice', (t) => {
  const programs = Object.values(TOOLS).flatMap((tool) => tool.programs);
  t.equal(new Set(programs).size, programs.length);
  t.end();
});

/** A folder as PATH, with these programs and an apt-get that notes its arguments and installs. */
function fakeSystem(
  t: Test,
  present: readonly string[],
): {
  folders: string[];
  log: string;
  said: string[];
  run: (command: string, args: string[]) => boolean;
  say: (line: string) => void;
} {
  const folder = path.join(t.testdir(), String(Math.floor(performance.now() * 1e3)));
  mkdirSync(folder);
  const log = path.join(folder, 'log');
  writeFileSync(log, '');
  for (const name of present) program(path.join(folder, name), 'exit 0');
  const install = 'for p in ffmpeg nginx chromium; do cp "$0" "$(dirname "$0")/$p"; done';
  program(path.join(folder, 'apt-get'), `echo "$@" >> '${log}'\n[ "$1" = update ] || ${install}`);
  const said: string[] = [];
  return {
    folders: [folder],
    log,
    said,
    run: (command, args) => spawnSync(path.join(folder, command), args).status === 0,
    say: (line) => said.push(line),
  };
}

function program(file: string, script: string): void {
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}
