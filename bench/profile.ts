/**
 * `npm run profile:doctor | profile:flame | profile:workers`: runs the built gateway under a load of
 * our own and leaves the report in profiles/. doctor and flame are clinic, which sees only the main
 * thread, so they run `--workers 0`; workers is the normal mode with V8's profiler in each thread.
 * Options: --seconds N, --connections N, --path /a (repeatable). What follows goes to `serve`.
 */
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startChild, stopAllChildren } from './support/children.js';
import { freePort } from './support/contender.js';
import { hotFunctions, type CpuProfile } from './support/cpu-profile.js';
import { profilingTools } from './support/profiling-tools.js';

const CLI = fileURLToPath(new URL('../src/cli.js', import.meta.url));
const PROFILES = fileURLToPath(new URL('../../profiles', import.meta.url));
const START_MS = 30_000;
const REPORT_MS = 300_000; // clinic draws its page after the server is gone; flame takes longest

/** Of the bundled sample: a playlist and a segment for each that a player would ask for. */
const SAMPLE_PATHS = [
  '/sample/master.m3u8',
  '/sample/360p.m3u8',
  '/sample/360p-init.mp4',
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((n) => [`/sample/360p-${n}.m4s`, `/sample/audio-${n}.m4s`]),
];

type Mode = 'doctor' | 'flame' | 'workers';
interface Load {
  readonly seconds: number;
  readonly connections: number;
  readonly paths: readonly string[];
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '10' },
    connections: { type: 'string', default: '32' },
    path: { type: 'string', multiple: true, default: SAMPLE_PATHS },
  },
});
const { autocannon, clinic } = profilingTools();
const load: Load = {
  seconds: Number(flags.seconds),
  connections: Number(flags.connections),
  paths: flags.path,
};

// clinic asks on its terminal whether it may report usage, and without one it just ends.
process.env['NO_INSIGHT'] = '1';
process.env['NO_UPDATE_NOTIFIER'] = '1';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    void stopAllChildren().then(() => process.exit(1));
  });
}
try {
  await profile(modeOf(positionals[0]), positionals.slice(1));
} finally {
  await stopAllChildren();
}

function modeOf(word: string | undefined): Mode {
  if (word === 'doctor' || word === 'flame' || word === 'workers') return word;
  throw new Error(`which profile: doctor, flame or workers? Not '${word ?? ''}'`);
}

async function profile(mode: Mode, extra: readonly string[]): Promise<void> {
  const port = await freePort();
  const admin = await freePort();
  const serve = [CLI, 'serve', '--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`];
  const folder = join(PROFILES, `${mode}-${new Date().toISOString().replace(/[:.]/g, '-')}`);
  mkdirSync(folder, { recursive: true });
  const args =
    mode === 'workers'
      ? ['--cpu-prof', `--cpu-prof-dir=${folder}`, ...serve, ...extra]
      : [clinic, mode, '--open=false', '--dest', folder, '--', process.execPath, ...serve];
  if (mode !== 'workers') args.push('--workers', '0', ...extra);

  const child = startChild({ command: process.execPath, args, core: undefined });
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  await Promise.race([
    listening(port),
    ended.then(([code]) => {
      throw new Error(`the gateway ended before it listened, with ${String(code)}`);
    }),
  ]);
  await press(port, load);
  // As a terminal's Ctrl-C does it: to the whole group, so that clinic and the server both hear.
  process.kill(-child.pid, 'SIGINT');
  const late = AbortSignal.timeout(REPORT_MS);
  await Promise.race([ended, once(late, 'abort').then(() => fail('no report within its time'))]);
  if (mode === 'workers') reportThreads(folder);
  else reportPages(folder);
}

async function listening(port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    if (performance.now() > deadline) fail(`nobody listens on ${port} after ${START_MS} ms`);
    await delay(50);
  }
}

async function press(port: number, { seconds, connections, paths }: Load): Promise<void> {
  const result = await autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: seconds,
    requests: paths.map((path) => ({ method: 'GET', path })),
  });
  console.log(`${result.requests.average} requests a second for ${seconds} s`);
  const bad = result.non2xx + result.errors;
  if (bad > 0) console.log(`${bad} of them failed: the profile may not show what you want`);
}

function reportPages(folder: string): void {
  const pages = readdirSync(folder).filter((name) => name.endsWith('.html'));
  if (pages.length === 0) fail('clinic left no page');
  for (const page of pages) console.log(`open ${join(folder, page)}`);
}

/** V8 names the files CPU.<date>.<time>.<pid>.<thread>.<n>.cpuprofile; thread 0 is the main one. */
function reportThreads(folder: string): void {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  if (files.length < 2) fail('no worker left a profile: did the gateway end by itself?');
  for (const file of files) {
    const thread = Number(file.split('.')[4]);
    const target = join(folder, thread === 0 ? 'main.cpuprofile' : `thread-${thread}.cpuprofile`);
    renameSync(join(folder, file), target);
    console.log(`\n${target}`);
    const recorded = JSON.parse(readFileSync(target, 'utf8')) as CpuProfile;
    for (const { name, share } of hotFunctions(recorded, 8)) {
      console.log(`${(share * 100).toFixed(1).padStart(6)} %  ${name}`);
    }
  }
}

function fail(reason: string): never {
  throw new Error(reason);
}
