/**
 * Question: what does a second worker bring to the misses of one flat folder? (1) From an origin that thinks
 * for a second, so that each worker's 64 connections to it are the limit: objects a second. (2) From one that
 * answers at once: CPU of the busiest thread for each object.
 * Setup: (1) one worker, and two; nobody is pinned; 176 clients, so that nobody waits for more than 2 s. (2) One
 * worker; two nodes of one worker each, which share their core, the origin and nothing else, and get half of
 * the load each; two workers of one node.
 * Servers on core 0; the origin and 48 keep-alive connections (24 to each of two nodes), which walk objects
 * that nobody has asked for yet, on core 1; 512 MiB of cache, full before the clock runs. A machine of two
 * cores has none left for the load, so no wall clock can say what two cores do: the kernel's count of each
 * thread's CPU says it. Two busy threads on one core take more for the same work than one (each finds the
 * caches full of the other's), so two workers are compared with two nodes, which do twice what one does on
 * cores of their own. Median of the rounds, and their range.
 * Command: npm run bench -- --only cores
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { inTurn, type RunningServer } from './support/contender.js';
import { FILL_CONNECTIONS, fillFast } from './support/fill.js';
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
  { name: '64 KB', size: 65_536, warm: 20_000, count: 20_000 },
  { name: '1 MB', size: MIB, warm: 2_000, count: 2_000 },
] as const;
const WORKERS = [1, 2] as const;
const GOAL = 1.7;
const AIM = 1.9;
/** Of an origin that thinks: clients, and objects for each worker. */
const SLOW_CLIENTS = 176;
const SLOW_OBJECTS = 640;

const SETUPS = [
  { name: 'one worker', nodes: 1, workers: 1 },
  { name: 'two nodes of one', nodes: 2, workers: 1 },
  { name: 'two workers', nodes: 1, workers: 2 },
] as const;
type Setup = (typeof SETUPS)[number];

interface Sample {
  readonly setup: Setup['name'];
  readonly workload: string;
  readonly cpuMs: number; // of all threads, for each object of all
  readonly busiestMs: number; // of the busiest thread
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
    for (const setup of SETUPS) measured.push(...(await measure(setup, options)));
    for (const workers of WORKERS) {
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

async function measure(setup: Setup, options: BenchOptions): Promise<Sample[]> {
  const { name, nodes, workers } = setup;
  const origin = await startOrigin();
  const cacheBytes = (512 * MIB) / nodes;
  const plan = { originPort: origin.port, core: SERVER_CORE, workers, cacheBytes };
  const servers: RunningServer[] = [];
  const samples: Sample[] = [];
  try {
    while (servers.length < nodes) servers.push(await headgate().start(plan));
    for (const { name: workload, size, ...amount } of WORKLOADS) {
      const [warm = 0, count = 0] = [amount.warm, amount.count].map((n) =>
        options.quick ? n / 10 : n,
      );
      await fillAll(servers, { size, from: 0, to: warm });
      const before = servers.map(takeTimes);
      const asked = (await origin.counts()).requests;
      await fillAll(servers, { size, from: warm, to: warm + count });
      const fetched = (await origin.counts()).requests - asked;
      if (fetched !== count) throw new Error(`${fetched} of ${count} were misses`);
      const spent = servers.map((server, i) => timesSince(before[i], takeTimes(server)));
      const each = (seconds: number): number => (seconds * 1_000) / count;
      const cpuMs = each(spent.reduce((sum, { all }) => sum + all, 0));
      const busiestMs = each(largest(spent.map(({ busiest }) => busiest)));
      samples.push({ setup: name, workload, cpuMs, busiestMs });
    }
  } finally {
    for (const server of servers) await server.stop();
    await origin.stop();
  }
  return samples;
}

/** Each of the servers fetches its own part of those objects. */
async function fillAll(
  servers: readonly RunningServer[],
  { size, from, to }: { size: number; from: number; to: number },
): Promise<void> {
  const share = (to - from) / servers.length;
  await Promise.all(
    servers.map(({ port }, i) =>
      fillFast({
        ...{ port, size, connections: FILL_CONNECTIONS / servers.length },
        ...{ from: from + i * share, to: from + (i + 1) * share },
      }),
    ),
  );
}

interface Times {
  readonly all: number; // seconds of CPU
  readonly threads: ReadonlyMap<number, number>;
}

function takeTimes({ pid }: RunningServer): Times {
  return { all: cpuSeconds(pid), threads: threadSeconds(pid) };
}

/** Threads keep their ids, so each is compared with itself. */
function timesSince(before: Times | undefined, after: Times): { all: number; busiest: number } {
  const threads = [...after.threads].map(
    ([id, seconds]) => seconds - (before?.threads.get(id) ?? 0),
  );
  return { all: after.all - (before?.all ?? 0), busiest: largest(threads) };
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

function tableOf(workload: string, samples: readonly Sample[]): Table {
  const rows = SETUPS.map(({ name }) => {
    const own = samples.filter((s) => s.workload === workload && s.setup === name);
    const busiest = own.map(({ busiestMs }) => busiestMs);
    return [
      name,
      median(own.map(({ cpuMs }) => cpuMs)).toFixed(3),
      median(busiest).toFixed(3),
      `${smallest(busiest).toFixed(3)} – ${largest(busiest).toFixed(3)}`,
    ];
  });
  const columns = ['setup', 'CPU ms each', 'busiest thread', 'range'];
  return { caption: `${workload}, each asked for once`, columns, rows };
}

function conclusionsOf(workload: string, samples: readonly Sample[]): string[] {
  const busiestOf = (setup: Setup['name']): number =>
    median(
      samples
        .filter((s) => s.workload === workload && s.setup === setup)
        .map(({ busiestMs }) => busiestMs),
    );
  const gain = (2 * busiestOf('two nodes of one')) / busiestOf('two workers');
  if (Number.isNaN(gain)) return [];
  const onOneCore = busiestOf('one worker') / busiestOf('two workers');
  const what =
    `misses of ${workload}: two workers do ${gain.toFixed(2)} × what one does, each on a core of its own ` +
    `(to reach ${GOAL}, aim ${AIM}); both on one core, the busier has ${onOneCore.toFixed(2)} × less to do`;
  return [verdict(what, gain >= GOAL, gain >= AIM)];
}
