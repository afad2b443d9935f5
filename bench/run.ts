/**
 * `npm run bench`: runs the benches one after the other, prints their tables and writes RESULTS.md.
 * Options: --quick (short rounds), --only NAME (repeatable), --rounds N, --contender NAME (repeatable;
 * the name a table shows). RESULTS.md keeps the last whole measurement of each bench: runs with --quick
 * or --contender, or on a machine where a contender is missing, leave it alone. Nothing it started
 * survives it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cores } from './cores.js';
import { herd } from './herd.js';
import { hits } from './hits.js';
import { large } from './large.js';
import { live } from './live.js';
import { memory } from './memory.js';
import { misses } from './misses.js';
import { scale } from './scale.js';
import { slowReaders } from './slow-readers.js';
import { thrash } from './thrash.js';
import { stopAllChildren } from './support/children.js';
import { h2o } from './support/h2o.js';
import { headgate } from './support/headgate.js';
import { nginx } from './support/nginx.js';
import { GIB, type BenchOptions } from './support/options.js';
import { renderReport, type Report } from './support/report.js';
import { varnish } from './support/varnish.js';

const RESULTS = fileURLToPath(new URL('../../bench/RESULTS.md', import.meta.url));

const BENCHES: Readonly<Record<string, (options: BenchOptions) => Promise<Report>>> = {
  hits,
  herd,
  live,
  'slow-readers': slowReaders,
  misses,
  cores,
  thrash,
  large,
  scale,
  memory,
};

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    contender: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
  },
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    void stopAllChildren().then(() => process.exit(1));
  });
}

try {
  await main();
} finally {
  await stopAllChildren();
}

async function main(): Promise<void> {
  const names = flags.only.length > 0 ? flags.only : Object.keys(BENCHES);
  const unknown = names.filter((name) => BENCHES[name] === undefined);
  if (unknown.length > 0) throw new Error(`no such bench: ${unknown.join(', ')}`);
  const options: BenchOptions = {
    quick: flags.quick,
    rounds: Number(flags.rounds ?? (flags.quick ? 1 : 3)),
    contenders: flags.contender,
  };
  console.log(machineNotes());
  for (const name of names) {
    const report = await BENCHES[name]?.(options);
    if (!report) continue;
    const text = `${renderReport(report)}\n\n- Commit ${commit()}, ${today()}, ${options.rounds} rounds`;
    console.log(`\n${text}`);
    // After each bench: a run that is cut short still leaves what it has measured.
    const whole = !options.quick && flags.contender.length === 0 && report.missing.length === 0;
    if (whole) writeSection(name, text);
  }
}

/** Puts one bench's section in its place; those of the others stay as they are. */
function writeSection(name: string, text: string): void {
  const before = existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : '';
  const sections = new Map(
    before
      .split(/^(?=## )/m)
      .slice(1)
      .map((section) => [/^## (\S+)/.exec(section)?.[1] ?? '', section.trim()]),
  );
  sections.set(name, text);
  const ordered = Object.keys(BENCHES).flatMap((bench) => sections.get(bench) ?? []);
  writeFileSync(RESULTS, `# Results\n\n${[machineNotes(), ...ordered].join('\n\n')}\n`);
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function machineNotes(): string {
  const versions = [headgate(), nginx('on'), varnish(), h2o([])]
    .filter((contender) => contender.missing() === undefined)
    .map((contender) => contender.version());
  const facts = [
    `CPU ${cpus()[0]?.model ?? 'unknown'} × ${cpus().length}, ${(totalmem() / GIB).toFixed(0)} GiB`,
    `Node ${process.version}`,
    ...versions,
  ];
  return facts.map((fact) => `- ${fact}`).join('\n');
}

function commit(): string {
  const cwd = dirname(RESULTS);
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    // The figures of the benches before this one are no change of what is measured.
    const changed = git('status', '--porcelain', '--', ':/', ':!RESULTS.md');
    return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '-dirty'}`;
  } catch {
    return 'unknown'; // an unpacked archive is no repository
  }
}
