/**
 * Question: does a hit cost more when more is cached? CPU of the server's process tree per hit of a
 * 1 KB object with 1,000, 10,000, 100,000 and 1,000,000 of them cached, asked for by a Zipf law
 * (exponent 0.9) and evenly, over all of them.
 * Setup: two servers of a kind on core 0 with 6 GiB of cache each, filled through them from the origin;
 * wrk with 64 connections on core 1. One grows from size to size, the other keeps 1,000 objects: they
 * are measured in turn, and growth is the median of the pairs' ratios, so that what the machine does
 * meanwhile (10 % and more from minute to minute) falls out. The first size, 1,000 to 1,000, shows
 * what is left of it. Before a size is measured both have come to rest: collectors, loaders and flushes
 * of the fill are not the cost of a hit. A point counts only if (nearly) all its requests were hits: the origin tells.
 * Command: npm run bench -- --only scale
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, RunningServer } from './support/contender.js';
import { checkObject } from './support/fetch.js';
import { fillFast } from './support/fill.js';
import { headgate } from './support/headgate.js';
import { nginx } from './support/nginx.js';
import { GIB, isWanted, SERVER_CORE, type BenchOptions } from './support/options.js';
import { startOrigin, type BenchOrigin } from './support/origin-control.js';
import { cpuSeconds, residentBytes } from './support/process-tree.js';
import { formatNumber, median, verdict, type Report } from './support/report.js';
import { varnish } from './support/varnish.js';
import { runWrk, wrkMissing } from './support/wrk.js';

const SIZE = 1_024;
const STEADY_OBJECTS = 1_000;
const PAIRS_PER_ROUND = 3;
const SETTLE_S = 90; // at most
const CALM_S = 12; // V8 waits 8 s before it tidies up an idle heap
const CALM_CPU_SHARE = 0.05;
const PROBES = 200; // bodies compared at each size
const GOAL_GROWTH = 0.1;
const ORDERS = ['zipf', 'uniform'] as const;

interface Point {
  readonly contender: string;
  readonly objects: number;
  readonly order: (typeof ORDERS)[number];
  readonly cpuMicros: number;
  readonly growth: number; // 1: as with 1,000 objects
  readonly p99Us: number;
  readonly missShare: number;
  readonly rssBytes: number;
}

/** One server under load for a moment. */
interface Sample {
  readonly cpuMicros: number; // a hit
  readonly p99Us: number;
  readonly missShare: number;
}

interface Bench {
  readonly contender: string;
  readonly origin: BenchOrigin;
  readonly grown: RunningServer;
  readonly steady: RunningServer;
  readonly options: BenchOptions;
}

export async function scale(options: BenchOptions): Promise<Report> {
  const all = [headgate(), nginx('on'), varnish()];
  const able = wrkMissing() === undefined ? all : [];
  const present = able.filter((c) => c.missing() === undefined && isWanted(options, c.name));
  const sizes = options.quick ? [1_000, 100_000] : [1_000, 10_000, 100_000, 1_000_000];
  const points: Point[] = [];
  const faults: string[] = [];
  for (const contender of present) {
    try {
      points.push(...(await grow(contender, sizes, options)));
    } catch (reason) {
      faults.push(String(reason)); // half an hour of the others' figures is not lost with one
    }
  }
  const missing = [...all.map((c) => c.missing()), wrkMissing(), ...faults];
  return {
    name: 'scale',
    question: 'Cost of a hit as the number of cached 1 KB objects grows.',
    tables: [tableOf(points)],
    conclusions: ORDERS.flatMap((order) => conclusionsOf(order, points)),
    missing: missing.filter((why) => why !== undefined),
  };
}

async function grow(
  contender: Contender,
  sizes: readonly number[],
  options: BenchOptions,
): Promise<Point[]> {
  const origin = await startOrigin();
  const plan = { originPort: origin.port, core: SERVER_CORE, workers: 1, cacheBytes: 6 * GIB };
  const servers: RunningServer[] = [];
  const points: Point[] = [];
  try {
    const steady = await contender.start(plan);
    servers.push(steady);
    const grown = await contender.start(plan);
    servers.push(grown);
    const bench = { contender: contender.name, origin, grown, steady, options };
    await fillFast({ port: steady.port, size: SIZE, from: 0, to: STEADY_OBJECTS });
    let filled = 0;
    for (const objects of sizes) {
      const startedMs = performance.now();
      await fillFast({ port: grown.port, size: SIZE, from: filled, to: objects });
      const seconds = (performance.now() - startedMs) / 1_000; // minutes for a million: say so
      console.error(`${contender.name}: ${objects} objects, filled in ${formatNumber(seconds)} s`);
      filled = objects;
      for (let probe = 0; probe < PROBES; probe++) {
        await checkObject(grown.port, SIZE, Math.floor((probe * objects) / PROBES));
      }
      await settled(grown);
      await settled(steady);
      for (const order of ORDERS) points.push(await compare(bench, objects, order));
    }
  } finally {
    for (const server of servers) await server.stop();
    await origin.stop();
  }
  return points;
}

/** Waits until a server has done nothing for so long that no timer of its own is left to begin. */
async function settled({ pid }: RunningServer): Promise<void> {
  let calm = 0;
  for (let second = 0; second < SETTLE_S && calm < CALM_S; second += 1) {
    const before = cpuSeconds(pid);
    await sleep(1_000);
    calm = cpuSeconds(pid) - before < CALM_CPU_SHARE ? calm + 1 : 0;
  }
}

async function compare(bench: Bench, objects: number, order: Point['order']): Promise<Point> {
  const { contender, grown, steady, options } = bench;
  const pairs: { steady: Sample; grown: Sample }[] = [];
  // The first pair warms both and does not count.
  for (let pair = 0; pair <= PAIRS_PER_ROUND * options.rounds; pair++) {
    pairs.push({
      steady: await sample(bench, steady, { objects: STEADY_OBJECTS, order }),
      grown: await sample(bench, grown, { objects, order }),
    });
  }
  const counted = pairs.slice(1);
  return {
    contender,
    objects,
    order,
    cpuMicros: median(counted.map((pair) => pair.grown.cpuMicros)),
    growth: median(counted.map((pair) => pair.grown.cpuMicros / pair.steady.cpuMicros)),
    p99Us: median(counted.map((pair) => pair.grown.p99Us)),
    missShare: Math.max(...counted.map((pair) => pair.grown.missShare)),
    rssBytes: residentBytes(grown.pid),
  };
}

async function sample(
  { contender, origin, options }: Bench,
  { port, pid }: RunningServer,
  { objects, order }: Pick<Point, 'objects' | 'order'>,
): Promise<Sample> {
  await origin.reset();
  const before = cpuSeconds(pid);
  const seconds = options.quick ? 1 : 2;
  const load = { port, connections: 64, size: SIZE, objects, order, seconds };
  const { requests, errors, p99Us } = await runWrk(load);
  const cpuMicros = ((cpuSeconds(pid) - before) * 1e6) / requests;
  if (errors > 0) throw new Error(`${contender}: ${errors} failed requests`);
  const missShare = (await origin.counts()).requests / requests;
  return { cpuMicros, p99Us, missShare };
}

function tableOf(points: readonly Point[]): Report['tables'][number] {
  return {
    caption: 'CPU of a hit by number of cached objects',
    columns: ['server, order', 'objects', 'CPU µs/hit', 'to 1,000', 'p99 µs', 'misses', 'RSS MB'],
    rows: points.map((point) => [
      `${point.contender}, ${point.order}`,
      formatNumber(point.objects),
      formatNumber(point.cpuMicros),
      point.growth.toFixed(2),
      formatNumber(point.p99Us),
      `${formatNumber(100 * point.missShare)} %`,
      formatNumber(point.rssBytes / 1e6),
    ]),
  };
}

function conclusionsOf(order: Point['order'], points: readonly Point[]): string[] {
  const own = points.filter((p) => p.contender === 'headgate' && p.order === order);
  const last = own.at(-1);
  if (!last || own.length < 2) return [];
  const growth = last.growth - 1;
  const percent = `${(100 * growth).toFixed(0)} %`;
  const what = `${order}: hit cost grows by ${percent} to ${formatNumber(last.objects)} objects (to reach: < 10 %)`;
  const lines = [verdict(what, growth < GOAL_GROWTH)];
  if (last.missShare > 0.001)
    lines.push(`${order}: ${formatNumber(100 * last.missShare)} % were misses`);
  return lines;
}
