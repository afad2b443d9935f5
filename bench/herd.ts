/**
 * Question: 1,000 and 5,000 clients ask for one cold 4 MB segment at once, over all workers. How
 * often is the origin asked, and how long after the origin's first byte has everybody theirs?
 * Setup: one worker per core, no pinning of the server; clients on core 1, all connected before the
 * first asks; the origin thinks for a second, so all have asked when it answers. Each server has served
 * 33,000 requests of crowds before, as one in service has within a minute; then the four crowds come one
 * after the other, in every round at a new process. Times are taken on
 * one monotonic clock: origin's first write to the client's first read. Two ways to read: `held`
 * (nobody reads on before all have their first byte: the server's share of the delay) and `at once`
 * (4 or 20 GB are read on the same two cores meanwhile). `floor` is uWebSockets.js
 * alone: in two loops it writes a head and 4 KiB to everybody, then all bodies. Every
 * byte of every body is compared. Median of the rounds; the worst client counts.
 * Command: npm run bench -- --only herd
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { cpus } from 'node:os';
import type { Contender } from './support/contender.js';
import { fanOutFloor } from './support/fan-out-floor.js';
import { headgate } from './support/headgate.js';
import type { HerdPlan, HerdResult } from './support/herd-plan.js';
import { nginx } from './support/nginx.js';
import { GIB, isWanted, LOAD_CORE, MIB, type BenchOptions } from './support/options.js';
import { startOrigin } from './support/origin-control.js';
import {
  formatNumber,
  largest,
  median,
  percentile,
  verdict,
  type Report,
  type Table,
} from './support/report.js';
import { startScript } from './support/script.js';
import { varnish } from './support/varnish.js';

const SIZE = 4 * MIB;
const GOAL_MS = 50; // of 1,000 clients
/** × the floor's first byte to all, of 5,000. */
const FLOOR_GOAL = 2.2;
const FLOOR_AIM = 1.5;

interface Sample {
  readonly contender: string;
  readonly clients: number;
  readonly hold: boolean;
  readonly originRequests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  readonly clientCpuMs: number;
  readonly totalMs: number;
  readonly faults: number;
}

const WARM_FROM = 10; // segments' numbers
const COLD_FROM = 100;
/** Crowds before the one that counts, the last of them of a smaller object. */
const WARM_UPS = [
  ...Array<WarmUp>(3).fill({ clients: 300, size: SIZE }),
  ...Array<WarmUp>(8).fill({ clients: 4_000, size: MIB / 4 }),
];
interface WarmUp {
  readonly clients: number;
  readonly size: number;
}

export async function herd(options: BenchOptions): Promise<Report> {
  const all = [headgate(), nginx('on'), varnish(), fanOutFloor()];
  const present = all.filter((c) => c.missing() === undefined && isWanted(options, c.name));
  const crowds = options.quick ? [1_000] : [1_000, 5_000];
  const plans = crowds.flatMap((clients) => [true, false].map((hold) => ({ clients, hold })));
  const samples: Sample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const contender of present) samples.push(...(await stampedes(contender, plans)));
  }
  return {
    name: 'herd',
    question: 'One cold 4 MB segment, asked for by all clients at once, over all workers.',
    tables: crowds.map((clients) => tableOf(clients, samples)),
    conclusions: crowds.flatMap((clients) => conclusionsOf(clients, samples)),
    missing: all.map((c) => c.missing()).filter((why) => why !== undefined),
  };
}

/** One crowd after the other at one server, each for a segment that nobody has asked for. */
async function stampedes(
  contender: Contender,
  crowds: readonly Pick<HerdPlan, 'clients' | 'hold'>[],
): Promise<Sample[]> {
  const origin = await startOrigin();
  const server = await contender.start({
    originPort: origin.port,
    core: undefined,
    workers: cpus().length,
    cacheBytes: GIB,
  });
  try {
    await warmUp(server.port);
    const samples: Sample[] = [];
    for (const [index, { clients, hold }] of crowds.entries()) {
      const n = COLD_FROM + index;
      const path = `/herd/${SIZE}/${n}`;
      const plan: HerdPlan = { port: server.port, path, size: SIZE, n, clients, hold };
      const crowd = await startScript('herd-clients', LOAD_CORE);
      try {
        await crowd.call('open', plan);
        await origin.reset();
        const result = (await crowd.call('ask')) as HerdResult;
        const { requests, herdFirstByteNs } = await origin.counts();
        const fromNs = (await server.answeredNs?.()) ?? herdFirstByteNs;
        samples.push(sampleOf({ contender: contender.name, plan, result, requests, fromNs }));
      } finally {
        await crowd.stop();
      }
    }
    return samples;
  } finally {
    await server.stop();
    await origin.stop();
  }
}

/**
 * A server in service has met crowds before: compiled code and filled pools are part of the answer. It takes V8
 * tens of thousands of requests, and while it compiles it takes a third of what these two cores can do.
 */
async function warmUp(port: number): Promise<void> {
  for (const [n, { clients, size }] of WARM_UPS.entries()) {
    const crowd = await startScript('herd-clients', LOAD_CORE);
    try {
      const path = `/herd/${size}/${WARM_FROM + n}`;
      await crowd.call('open', { port, path, size, n: WARM_FROM + n, clients, hold: false });
      await crowd.call('ask');
    } finally {
      await crowd.stop();
    }
  }
}

function sampleOf(run: {
  contender: string;
  plan: HerdPlan;
  result: HerdResult;
  requests: number;
  fromNs: string;
}): Sample {
  const { plan, result } = run;
  const delays = result.firstByteNs.map((ns) => Number(BigInt(ns) - BigInt(run.fromNs)) / 1e6);
  const faults = result.wrong + result.failures;
  if (faults > 0) console.error(`${run.contender}: ${faults} faults, last: ${result.lastReason}`);
  return {
    contender: run.contender,
    clients: plan.clients,
    hold: plan.hold,
    originRequests: run.requests,
    p50Ms: percentile(delays, 50),
    p99Ms: percentile(delays, 99),
    worstMs: largest(delays),
    clientCpuMs: result.clientCpuMs,
    totalMs: result.totalMs,
    faults,
  };
}

function tableOf(clients: number, samples: readonly Sample[]): Table {
  const mine = samples.filter((sample) => sample.clients === clients);
  const rows: string[][] = [];
  for (const hold of [true, false]) {
    for (const name of new Set(mine.map((sample) => sample.contender))) {
      const own = mine.filter((sample) => sample.contender === name && sample.hold === hold);
      const middle = (pick: (sample: Sample) => number): string =>
        formatNumber(median(own.map(pick)));
      rows.push([
        `${name}, ${hold ? 'held' : 'at once'}`,
        middle((sample) => sample.originRequests),
        middle((sample) => sample.p50Ms),
        middle((sample) => sample.p99Ms),
        middle((sample) => sample.worstMs),
        middle((sample) => sample.clientCpuMs),
        middle((sample) => sample.totalMs),
        formatNumber(largest(own.map((sample) => sample.faults))),
      ]);
    }
  }
  const columns = ['server, reading', 'origin requests', 'first byte p50 ms', 'p99 ms', 'all ms'];
  columns.push("of it generator's CPU ms", 'whole crowd served ms', 'faults');
  return { caption: `${clients} clients, one cold 4 MB segment`, columns, rows };
}

function conclusionsOf(clients: number, samples: readonly Sample[]): string[] {
  const worstOf = (contender: string, hold: boolean): number =>
    median(
      samples
        .filter((s) => s.contender === contender && s.clients === clients && s.hold === hold)
        .map(({ worstMs }) => worstMs),
    );
  const own = samples.filter((s) => s.contender === 'headgate' && s.clients === clients);
  if (own.length === 0) return [];
  const requests = largest(own.map((sample) => sample.originRequests));
  const lines = [
    verdict(`${clients} clients: origin asked ${requests} × (to reach: 1)`, requests === 1),
  ];
  for (const hold of [true, false]) {
    const worst = worstOf('headgate', hold);
    const times = worst / worstOf('floor', hold);
    const what = `${clients} clients, ${hold ? 'held' : 'at once'}: first byte to all ${formatNumber(worst)} ms after the origin's`;
    if (clients === 1_000) lines.push(verdict(`${what} (to reach: ${GOAL_MS})`, worst <= GOAL_MS));
    else if (!Number.isNaN(times)) {
      const about = `${what}, ${times.toFixed(2)} × the floor (to reach ${FLOOR_GOAL}, aim ${FLOOR_AIM})`;
      lines.push(verdict(about, times <= FLOOR_GOAL, times <= FLOOR_AIM));
    }
  }
  return lines;
}
