/**
 * Question: what does a second worker bring to the misses of one flat folder? (1) From an origin that thinks
 * for a second, so that each worker's 64 connections to it are the limit: objects a second. (2) From one that
 * answers at once: how many times as many the busiest thread could fetch, store and deliver.
 * Setup: one worker, and two. (1) Nobody is pinned; 256 clients. (2) Server on core 0; the origin and 48
 * keep-alive connections, which walk objects that nobody has asked for yet, on core 1; 512 MiB of cache, full
 * before the clock runs. A machine of two cores has none left for the load, so no wall clock can say what two
 * cores do: the kernel's count of each thread's CPU says it. What limits a node is its busiest thread, or all
 * its CPU over two cores where that is more. Two threads that share a core, as here, take more than on cores
 * of their own. Median of the rounds, and their range.
 * Command: npm run bench -- --only cores
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { inTurn } from './support/contender.js';
import { fillFast } from './support/fill.js';
import { headgate } from './support/headgate.js';
import { isWanted, MIB, SERVER_CORE, type BenchOptions } from './support/options.js';
import { startOrigin } from './support/origin-control.js';
import { cpuSeconds, threadSeconds } from './support/process-tree.js';
import {
  formatNumber,
  largest,
  median,
  smallest,
  verdict,
  type Report,
  type Table,
} from './support/report.js';
import { walk } from './support/walk.js';

const WORKLOADS = [
  { name: '64 KB', size: 65_536, warm: 20_000, count: 10_000 },
  { name: '1 MB', size: MIB, warm: 2_000, count: 1_500 },
] as const;
const WORKERS = [1, 2] as const;
const GOAL = 1.7;
const AIM = 1.9;
/** Of an origin that thinks: clients, and objects for each worker. */
const SLOW_CLIENTS = 256;
const SLOW_OBJECTS = 640;

interface Sample {
  readonly workers: number;
  readonly workload: string;
  readonly cpuMs: number; // of all threads, for each object
  readonly busiestMs: number; // of the busiest thread, for each object
  readonly boundMs: number; // between two objects at best, were there a core for each worker
}

interface SlowSample {
  readonly workers: number;
  readonly perSecond: number;
}

export async function cores(options: BenchOptions): Promise<Report> {
  const ours = headgate();
  const able = ours.missing() === undefined && isWanted(options, ours.name);
  const rounds = able ? options.rounds : 0;
  const slow: SlowSample[] = [];
  const samples = await inTurn([ours], rounds, async () => {
    const measured: Sample[] = [];
    for (const workers of WORKERS) {
      measured.push(...(await measure(workers, options)));
      slow.push({ workers, perSecond: await slowOrigin(workers, options) });
    }
    return measured;
  });
  return {
    name: 'cores',
    question: 'Misses of one flat folder: one worker, and two.',
    tables: [slowTable(slow), ...WORKLOADS.map(({ name }) => tableOf(name, samples))],
    conclusions: [
      ...slowConclusions(slow),
      ...WORKLOADS.flatMap(({ name }) => conclusionsOf(name, samples)),
    ],
    missing: [ours.missing()].filter((why) => why !== undefined),
  };
}

async function measure(workers: number, options: BenchOptions): Promise<Sample[]> {
  const origin = await startOrigin();
  const plan = { originPort: origin.port, core: SERVER_CORE, workers, cacheBytes: 512 * MIB };
  const server = await headgate().start(plan);
  const samples: Sample[] = [];
  try {
    for (const { name, size, ...amount } of WORKLOADS) {
      const [warm = 0, count = 0] = [amount.warm, amount.count].map((n) =>
        options.quick ? n / 10 : n,
      );
      await fillFast({ port: server.port, size, from: 0, to: warm });
      const before = { all: cpuSeconds(server.pid), threads: threadSeconds(server.pid) };
      const asked = (await origin.counts()).requests;
      await fillFast({ port: server.port, size, from: warm, to: warm + count });
      const fetched = (await origin.counts()).requests - asked;
      if (fetched !== count) throw new Error(`${fetched} of ${count} were misses`);
      const each = (seconds: number): number => (seconds * 1_000) / count;
      const cpuMs = each(cpuSeconds(server.pid) - before.all);
      const busiestMs = each(busiest(before.threads, threadSeconds(server.pid)));
      const boundMs = Math.max(busiestMs, cpuMs / 2);
      samples.push({ workers, workload: name, cpuMs, busiestMs, boundMs });
    }
  } finally {
    await server.stop();
    await origin.stop();
  }
  return samples;
}

/** Objects a second from an origin that thinks about each; nobody is short of CPU. */
async function slowOrigin(workers: number, options: BenchOptions): Promise<number> {
  const origin = await startOrigin();
  const plan = { originPort: origin.port, core: undefined, workers, cacheBytes: 512 * MIB };
  const server = await headgate().start(plan);
  try {
    const count = (options.quick ? SLOW_OBJECTS / 5 : SLOW_OBJECTS) * workers;
    const requests = Array.from({ length: count }, (_, n) => {
      return { path: `/herd/1024/${n}`, status: 200, length: 1_024 };
    });
    const group = { connections: SLOW_CLIENTS, requests, pauseMs: 0, loops: false };
    const { groups, seconds } = await walk({ port: server.port, groups: [group] });
    const failures = groups.reduce((sum, walked) => sum + walked.failures, 0);
    if (failures > 0) throw new Error(`${failures} failed requests`);
    return count / seconds;
  } finally {
    await server.stop();
    await origin.stop();
  }
}

function slowTable(samples: readonly SlowSample[]): Table {
  const rows = WORKERS.map((workers) => {
    const rates = ratesOf(workers, samples);
    const range = `${formatNumber(smallest(rates))} – ${formatNumber(largest(rates))}`;
    return [String(workers), formatNumber(median(rates)), range];
  });
  const caption = '1 KB, of an origin that thinks for a second';
  return { caption, columns: ['workers', 'objects/s', 'range'], rows };
}

function slowConclusions(samples: readonly SlowSample[]): string[] {
  const gain = median(ratesOf(2, samples)) / median(ratesOf(1, samples));
  if (Number.isNaN(gain)) return [];
  const what = `misses of a slow origin: two workers do ${gain.toFixed(2)} × what one does (to reach ${GOAL}, aim ${AIM})`;
  return [verdict(what, gain >= GOAL, gain >= AIM)];
}

function ratesOf(workers: number, samples: readonly SlowSample[]): number[] {
  return samples.filter((s) => s.workers === workers).map(({ perSecond }) => perSecond);
}

/** Threads keep their ids, so each is compared with itself. */
function busiest(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  return largest([...after].map(([id, seconds]) => seconds - (before.get(id) ?? 0)));
}

function tableOf(workload: string, samples: readonly Sample[]): Table {
  const rows = WORKERS.map((workers) => {
    const own = samples.filter((s) => s.workload === workload && s.workers === workers);
    const bounds = own.map(({ boundMs }) => boundMs);
    return [
      String(workers),
      median(own.map(({ cpuMs }) => cpuMs)).toFixed(3),
      median(own.map(({ busiestMs }) => busiestMs)).toFixed(3),
      median(bounds).toFixed(3),
      `${smallest(bounds).toFixed(3)} – ${largest(bounds).toFixed(3)}`,
      formatNumber(1_000 / median(bounds)),
    ];
  });
  const columns = [
    'workers',
    'CPU ms each',
    'busiest thread',
    'bound',
    'range',
    'objects/s at best',
  ];
  return { caption: `${workload}, each asked for once`, columns, rows };
}

function conclusionsOf(workload: string, samples: readonly Sample[]): string[] {
  const boundOf = (workers: number): number =>
    median(
      samples
        .filter((s) => s.workload === workload && s.workers === workers)
        .map(({ boundMs }) => boundMs),
    );
  const gain = boundOf(1) / boundOf(2);
  if (Number.isNaN(gain)) return [];
  const what = `misses of ${workload}: two workers could do ${gain.toFixed(2)} × what one does (to reach ${GOAL}, aim ${AIM})`;
  return [verdict(what, gain >= GOAL, gain >= AIM)];
}
