/**
 * Question: what does a hit cost? Requests per CPU-second of the server's own process tree, for one
 * object of 1 KB, one of 64 KB, and 256 segments of 1 MB of one folder in turn, side by side with nginx
 * (proxy_cache, limit_req, no access log, sendfile on and off), varnish and h2o; and ours for what players
 * ask: the 1 KB with CMCD (CTA-5004), another query each time, which no peer leaves out of its key.
 * Setup: server on core 0, wrk (one thread, 64 keep-alive connections) on core 1, a fresh process of
 * each server in each round, contenders interleaved and their order turned from round to round. Ours in its
 * default configuration (one core makes one worker, the cache has 1 GiB), but that it logs errors only, as
 * the peers do; they get the same memory.
 * Every body is compared with the origin's by hash before it counts, the answer must say HIT, and
 * the origin must see no request while the clock runs. Median of the rounds, and their range.
 * Command: npm run bench -- --only hits
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { headgate } from './support/headgate.js';
import { h2o } from './support/h2o.js';
import { nginx } from './support/nginx.js';
import { GIB, isWanted, MIB, SERVER_CORE, type BenchOptions } from './support/options.js';
import { startOrigin, type BenchOrigin } from './support/origin-control.js';
import { cpuSeconds } from './support/process-tree.js';
import { checkObject, fill, saysHit } from './support/fetch.js';
import { type Contender, inTurn, type RunningServer } from './support/contender.js';
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
import { runWrk, wrkMissing } from './support/wrk.js';

interface Workload {
  readonly name: string;
  readonly size: number;
  readonly count: number;
  readonly query: 'bare' | 'cmcd';
  /** × nginx to reach: × the better of its two, or × that without sendfile. */
  readonly nginxGoal: number | undefined;
  readonly nginx: 'better' | 'off';
  readonly varnishGoal: number | undefined;
}

const WORKLOADS: readonly Workload[] = [
  {
    ...{ name: '1 KB', size: 1_024, count: 1, query: 'bare' },
    ...{ nginxGoal: 1.3, nginx: 'better', varnishGoal: 1.7 },
  },
  {
    ...{ name: '1 KB with CMCD', size: 1_024, count: 1, query: 'cmcd' },
    ...{ nginxGoal: undefined, nginx: 'better', varnishGoal: undefined },
  },
  {
    ...{ name: '64 KB', size: 65_536, count: 1, query: 'bare' },
    ...{ nginxGoal: 1.1, nginx: 'better', varnishGoal: 1 },
  },
  {
    ...{ name: '1 MB', size: MIB, count: 256, query: 'bare' },
    ...{ nginxGoal: 1.2, nginx: 'off', varnishGoal: undefined },
  },
];
/** Of a hit with CMCD, in CPU, × one without. */
const CMCD_GOAL = 1.15;
const CMCD_AIM = 1.05;
/** 1 MB, × the wall rate of nginx with sendfile. */
const WALL_GOAL = 2;
const CONNECTIONS = 64;

interface Sample {
  readonly contender: string;
  readonly workload: string;
  readonly perCpuSecond: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly serverShare: number;
  readonly loadShare: number;
}

export async function hits(options: BenchOptions): Promise<Report> {
  const all = [headgate(), nginx('on'), nginx('off'), varnish(), h2o(WORKLOADS)];
  const present = all.filter((c) => c.missing() === undefined && isWanted(options, c.name));
  const missing = [...all.map((c) => c.missing()), wrkMissing()].filter((why) => why !== undefined);
  const rounds = wrkMissing() === undefined ? options.rounds : 0;
  const samples = await inTurn(present, rounds, (contender) => measure(contender, options));
  return {
    name: 'hits',
    question: 'Requests per CPU-second of the server for a hit, all features on.',
    tables: WORKLOADS.map((workload) => tableOf(workload, samples)),
    conclusions: [
      ...WORKLOADS.flatMap((workload) => conclusionsOf(workload, samples)),
      ...playersConclusions(samples),
    ],
    missing: [...new Set(missing)],
  };
}

async function measure(contender: Contender, options: BenchOptions): Promise<Sample[]> {
  const origin = await startOrigin();
  const plan = {
    ...{ originPort: origin.port, core: SERVER_CORE },
    ...{ workers: 1, cacheBytes: GIB, byDefault: true },
  };
  const server = await contender.start(plan);
  const samples: Sample[] = [];
  try {
    for (const workload of WORKLOADS) {
      if (workload.query === 'cmcd' && contender.name !== 'headgate') continue;
      await prove(contender, server, origin, workload);
      const before = (await origin.counts()).requests;
      samples.push(await timeWorkload(contender, server, workload, options));
      const { requests, lastPath } = await origin.counts();
      if (requests > before) {
        throw new Error(`${contender.name}: ${requests - before} misses, the last ${lastPath}`);
      }
    }
  } finally {
    await server.stop();
    await origin.stop();
  }
  return samples;
}

/** Fills the cache, then wants every body right once more, as a hit, with the origin unasked. */
async function prove(
  contender: Contender,
  server: RunningServer,
  origin: BenchOrigin,
  { size, count }: Workload,
): Promise<void> {
  await fill(server.port, size, count);
  const before = (await origin.counts()).requests;
  for (let n = 0; n < count; n++) {
    const answer = await checkObject(server.port, size, n);
    if (contender.cache && !saysHit(answer))
      throw new Error(`${contender.name}: object ${n} no hit`);
  }
  const fetched = (await origin.counts()).requests - before;
  if (fetched > 0) throw new Error(`${contender.name}: ${fetched} origin requests for hits`);
}

async function timeWorkload(
  contender: Contender,
  server: RunningServer,
  workload: Workload,
  options: BenchOptions,
): Promise<Sample> {
  const { size, count, query } = workload;
  const load = { port: server.port, connections: CONNECTIONS, size, objects: count, query };
  await runWrk({ ...load, seconds: options.quick ? 1 : 3, order: 'turn' }); // compilers and caches warm
  const cpuBefore = cpuSeconds(server.pid);
  const result = await runWrk({ ...load, seconds: options.quick ? 2 : 6, order: 'turn' });
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  if (result.errors > 0) throw new Error(`${contender.name}: ${result.errors} failed requests`);
  return {
    contender: contender.name,
    workload: workload.name,
    perCpuSecond: result.requests / cpu,
    perSecond: result.requests / result.seconds,
    p50Us: result.p50Us,
    p99Us: result.p99Us,
    serverShare: cpu / result.seconds,
    loadShare: result.loadCpuShare,
  };
}

function tableOf(workload: Workload, samples: readonly Sample[]): Table {
  const mine = samples.filter((sample) => sample.workload === workload.name);
  const toCompare = nginxRate(workload, samples);
  const rows = [...new Set(mine.map((sample) => sample.contender))].map((name) => {
    const own = mine.filter((sample) => sample.contender === name);
    const rates = own.map((sample) => sample.perCpuSecond);
    const middle = (pick: (sample: Sample) => number): string =>
      formatNumber(median(own.map(pick)));
    return [
      name,
      formatNumber(median(rates)),
      `${formatNumber(smallest(rates))} – ${formatNumber(largest(rates))}`,
      Number.isNaN(toCompare) ? '-' : (median(rates) / toCompare).toFixed(2),
      middle((sample) => sample.perSecond),
      middle((sample) => sample.p50Us),
      middle((sample) => sample.p99Us),
      `${middle((sample) => sample.serverShare * 100)} %`,
      `${middle((sample) => sample.loadShare * 100)} %`,
    ];
  });
  const columns = ['server', 'req/CPU-s', 'range', '× nginx', 'req/s', 'p50 µs', 'p99 µs'];
  columns.push('server core', 'load core');
  const many = workload.count === 1 ? 'one object' : `${workload.count} objects in turn`;
  return { caption: `${workload.name}, ${many}`, columns, rows };
}

function conclusionsOf(workload: Workload, samples: readonly Sample[]): string[] {
  const ours = rateOf('headgate', workload, samples);
  if (Number.isNaN(ours)) return [];
  const lines: string[] = [];
  const toNginx = ours / nginxRate(workload, samples);
  const { nginxGoal: goal } = workload;
  if (!Number.isNaN(toNginx) && goal !== undefined) {
    const which = workload.nginx === 'off' ? 'nginx with sendfile off' : 'nginx';
    const what = `${workload.name}: ${toNginx.toFixed(2)} × ${which} (to reach ${goal})`;
    lines.push(verdict(what, toNginx >= goal));
  }
  const toVarnish = ours / rateOf('varnish', workload, samples);
  if (!Number.isNaN(toVarnish) && workload.varnishGoal !== undefined) {
    const what = `${workload.name}: ${toVarnish.toFixed(2)} × varnish (to reach ${workload.varnishGoal})`;
    lines.push(verdict(what, toVarnish >= workload.varnishGoal));
  }
  const toH2o = ours / rateOf('h2o files', workload, samples);
  if (!Number.isNaN(toH2o)) lines.push(`${workload.name}: ${toH2o.toFixed(2)} × h2o serving files`);
  return lines;
}

/** What players ask for, and what a wall clock says of large segments. */
function playersConclusions(samples: readonly Sample[]): string[] {
  const lines: string[] = [];
  const rate = (name: string, workload: string, what: 'perCpuSecond' | 'perSecond'): number =>
    median(
      samples
        .filter((sample) => sample.contender === name && sample.workload === workload)
        .map((sample) => sample[what]),
    );
  const cmcd =
    rate('headgate', '1 KB', 'perCpuSecond') / rate('headgate', '1 KB with CMCD', 'perCpuSecond');
  if (!Number.isNaN(cmcd)) {
    const what = `1 KB with CMCD: ${cmcd.toFixed(2)} × the CPU of a bare one (to reach ${CMCD_GOAL}, aim ${CMCD_AIM})`;
    lines.push(verdict(what, cmcd <= CMCD_GOAL, cmcd <= CMCD_AIM));
  }
  const wall =
    rate('headgate', '1 MB', 'perSecond') / rate('nginx sendfile on', '1 MB', 'perSecond');
  if (!Number.isNaN(wall)) {
    const what = `1 MB: ${wall.toFixed(2)} × the wall rate of nginx with sendfile on (to reach ${WALL_GOAL})`;
    lines.push(verdict(what, wall >= WALL_GOAL));
  }
  return lines;
}

function nginxRate(workload: Workload, samples: readonly Sample[]): number {
  const modes = workload.nginx === 'off' ? ['off'] : ['on', 'off'];
  const rates = modes.map((mode) => rateOf(`nginx sendfile ${mode}`, workload, samples));
  const known = rates.filter((rate) => !Number.isNaN(rate));
  return known.length === 0 ? NaN : largest(known);
}

function rateOf(name: string, workload: Workload, samples: readonly Sample[]): number {
  const own = samples.filter((s) => s.contender === name && s.workload === workload.name);
  return median(own.map((sample) => sample.perCpuSecond));
}
