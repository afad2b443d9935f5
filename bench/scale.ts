/**
 * Question: does a hit cost more when more is cached? CPU of the server's process tree per hit of a
 * 1 KB object with 1,000, 10,000, 100,000 and 1,000,000 of them cached, asked for by a Zipf law
 * (exponent 0.9) and evenly, over all of them.
 * Setup: server on core 0 with 6 GiB of cache, filled through the server from the origin; wrk with
 * 64 connections on core 1. A point counts only if (nearly) all its requests were hits: the origin's
 * counter tells. Each server is started once and grows from size to size.
 * Command: npm run bench -- --only scale
 * Results and conclusion: RESULTS.md, written by the same command.
 */
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
const PROBES = 200; // bodies compared at each size
const GOAL_GROWTH = 0.1;
const ORDERS = ['zipf', 'uniform'] as const;

interface Point {
  readonly contender: string;
  readonly objects: number;
  readonly order: (typeof ORDERS)[number];
  readonly cpuMicros: number;
  readonly p99Us: number;
  readonly missShare: number;
  readonly rssBytes: number;
}

export async function scale(options: BenchOptions): Promise<Report> {
  const all = [headgate(), nginx('on'), varnish()];
  const able = wrkMissing() === undefined ? all : [];
  const present = able.filter((c) => c.missing() === undefined && isWanted(options, c.name));
  const sizes = options.quick ? [1_000, 100_000] : [1_000, 10_000, 100_000, 1_000_000];
  const points: Point[] = [];
  for (const contender of present) points.push(...(await grow(contender, sizes, options)));
  const missing = [...all.map((c) => c.missing()), wrkMissing()];
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
  const server = await contender.start(plan);
  const points: Point[] = [];
  try {
    let filled = 0;
    for (const objects of sizes) {
      const startedMs = performance.now();
      await fillFast({ port: server.port, size: SIZE, from: filled, to: objects });
      const seconds = (performance.now() - startedMs) / 1_000; // minutes for a million: say so
      console.error(`${contender.name}: ${objects} objects, filled in ${formatNumber(seconds)} s`);
      filled = objects;
      for (let probe = 0; probe < PROBES; probe++) {
        await checkObject(server.port, SIZE, Math.floor((probe * objects) / PROBES));
      }
      for (const order of ORDERS) {
        points.push(await measure({ contender, server, origin }, { objects, order }, options));
      }
    }
  } finally {
    await server.stop();
    await origin.stop();
  }
  return points;
}

async function measure(
  {
    contender,
    server,
    origin,
  }: { contender: Contender; server: RunningServer; origin: BenchOrigin },
  { objects, order }: Pick<Point, 'objects' | 'order'>,
  options: BenchOptions,
): Promise<Point> {
  const load = { port: server.port, connections: 64, size: SIZE, objects, order };
  await runWrk({ ...load, seconds: options.quick ? 1 : 4 });
  const costs: number[] = [];
  const p99s: number[] = [];
  let missShare = 0;
  for (let round = 0; round < options.rounds; round++) {
    await origin.reset();
    const before = cpuSeconds(server.pid);
    const result = await runWrk({ ...load, seconds: options.quick ? 2 : 5 });
    costs.push(((cpuSeconds(server.pid) - before) * 1e6) / result.requests);
    p99s.push(result.p99Us);
    if (result.errors > 0) throw new Error(`${contender.name}: ${result.errors} failed requests`);
    const { requests } = await origin.counts();
    missShare = Math.max(missShare, requests / result.requests);
  }
  return {
    contender: contender.name,
    objects,
    order,
    cpuMicros: median(costs),
    p99Us: median(p99s),
    missShare,
    rssBytes: residentBytes(server.pid),
  };
}

function tableOf(points: readonly Point[]): Report['tables'][number] {
  return {
    caption: 'CPU of a hit by number of cached objects',
    columns: ['server, order', 'objects', 'CPU µs/hit', 'to 1,000', 'p99 µs', 'misses', 'RSS MB'],
    rows: points.map((point) => [
      `${point.contender}, ${point.order}`,
      formatNumber(point.objects),
      formatNumber(point.cpuMicros),
      growthOf(point, points).toFixed(2),
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
  const growth = growthOf(last, points) - 1;
  const percent = `${(100 * growth).toFixed(0)} %`;
  const what = `${order}: hit cost grows by ${percent} to ${formatNumber(last.objects)} objects (to reach: < 10 %)`;
  const lines = [verdict(what, growth < GOAL_GROWTH)];
  if (last.missShare > 0.001)
    lines.push(`${order}: ${formatNumber(100 * last.missShare)} % were misses`);
  return lines;
}

function growthOf(point: Point, points: readonly Point[]): number {
  const same = points.filter((p) => p.contender === point.contender && p.order === point.order);
  return point.cpuMicros / (same[0]?.cpuMicros ?? NaN);
}
