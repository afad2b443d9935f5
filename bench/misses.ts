/**
 * Question: what does a miss cost? CPU of the server's own process tree for each object that it fetches
 * from its origin, stores and delivers: 1 KB, 64 KB and 1 MB, side by side with nginx (proxy_cache) and
 * varnish.
 * Setup: server on core 0; the origin and 48 keep-alive connections, which walk objects that nobody has
 * asked for yet, on core 1. The cache has 512 MiB and is full before the clock runs, as in service: each
 * object takes the place of others, no memory is touched for the first time, and V8 has compiled what it
 * will (with a fifth of this warm-up, a sixth of our CPU was its compiler's). A fresh process of each
 * server in each round, contenders in turn. The client checks status and
 * length of each answer, the origin's count must be the number of objects. Median of the rounds, and
 * their range.
 * Command: npm run bench -- --only misses
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { type Contender, inTurn } from './support/contender.js';
import { fillFast } from './support/fill.js';
import { headgate } from './support/headgate.js';
import { nginx } from './support/nginx.js';
import { isWanted, MIB, SERVER_CORE, type BenchOptions } from './support/options.js';
import { startOrigin } from './support/origin-control.js';
import { cpuSeconds } from './support/process-tree.js';
import {
  formatNumber,
  largest,
  median,
  smallest,
  verdict,
  type Report,
  type Table,
} from './support/report.js';
import { varnish } from './support/varnish.js';

interface Workload {
  readonly name: string;
  readonly size: number;
  readonly warm: number; // objects before the clock runs, which fill the cache
  readonly count: number;
  readonly goal: number | undefined; // × varnish's CPU, at most
}

const WORKLOADS: readonly Workload[] = [
  { name: '1 KB', size: 1_024, warm: 60_000, count: 20_000, goal: undefined },
  { name: '64 KB', size: 65_536, warm: 30_000, count: 10_000, goal: 1.5 },
  { name: '1 MB', size: MIB, warm: 6_000, count: 1_500, goal: 1.2 },
];

interface Sample {
  readonly contender: string;
  readonly workload: string;
  readonly cpuMs: number; // for one object
  readonly perSecond: number;
}

export async function misses(options: BenchOptions): Promise<Report> {
  const all = [headgate(), nginx('on'), varnish()];
  const present = all.filter((c) => c.missing() === undefined && isWanted(options, c.name));
  const samples = await inTurn(present, options.rounds, (contender) => measure(contender, options));
  return {
    name: 'misses',
    question: 'CPU of the server for an object that it fetches, stores and delivers.',
    tables: WORKLOADS.map((workload) => tableOf(workload, samples)),
    conclusions: WORKLOADS.flatMap((workload) => conclusionsOf(workload, samples)),
    missing: all.map((c) => c.missing()).filter((why) => why !== undefined),
  };
}

async function measure(contender: Contender, options: BenchOptions): Promise<Sample[]> {
  const origin = await startOrigin();
  const plan = { originPort: origin.port, core: SERVER_CORE, workers: 1, cacheBytes: 512 * MIB };
  const server = await contender.start(plan);
  const samples: Sample[] = [];
  try {
    for (const { name, size, ...amount } of WORKLOADS) {
      const [warm, count] = [amount.warm, amount.count].map((n) => (options.quick ? n / 10 : n));
      if (warm === undefined || count === undefined) continue;
      await fillFast({ port: server.port, size, from: 0, to: warm });
      const before = (await origin.counts()).requests;
      const cpuBefore = cpuSeconds(server.pid);
      const startedMs = performance.now();
      await fillFast({ port: server.port, size, from: warm, to: warm + count });
      const seconds = (performance.now() - startedMs) / 1_000;
      const cpuMs = ((cpuSeconds(server.pid) - cpuBefore) * 1_000) / count;
      const asked = (await origin.counts()).requests - before;
      if (asked !== count) throw new Error(`${contender.name}: ${asked} of ${count} were misses`);
      samples.push({
        contender: contender.name,
        workload: name,
        cpuMs,
        perSecond: count / seconds,
      });
    }
  } finally {
    await server.stop();
    await origin.stop();
  }
  return samples;
}

function tableOf(workload: Workload, samples: readonly Sample[]): Table {
  const mine = samples.filter((sample) => sample.workload === workload.name);
  const rows = [...new Set(mine.map((sample) => sample.contender))].map((name) => {
    const own = mine.filter((sample) => sample.contender === name);
    const each = own.map((sample) => sample.cpuMs);
    return [
      name,
      median(each).toFixed(3),
      `${smallest(each).toFixed(3)} – ${largest(each).toFixed(3)}`,
      (median(each) / cpuOf('varnish', workload, samples)).toFixed(2),
      formatNumber(median(own.map((sample) => sample.perSecond))),
    ];
  });
  const columns = ['server', 'CPU ms each', 'range', '× varnish', 'objects/s'];
  return { caption: `${workload.name}, each asked for once`, columns, rows };
}

function conclusionsOf(workload: Workload, samples: readonly Sample[]): string[] {
  const ratio = cpuOf('headgate', workload, samples) / cpuOf('varnish', workload, samples);
  if (Number.isNaN(ratio)) return [];
  const { name, goal } = workload;
  const what = `a miss of ${name}: ${ratio.toFixed(2)} × varnish's CPU`;
  if (goal === undefined) return [what];
  return [verdict(`${what} (to reach ${goal}, aim 1.0)`, ratio <= goal, ratio <= 1)];
}

function cpuOf(name: string, workload: Workload, samples: readonly Sample[]): number {
  const own = samples.filter((s) => s.contender === name && s.workload === workload.name);
  return median(own.map((sample) => sample.cpuMs));
}
