/**
 * Question: what becomes of a cache whose audience wants twice what it holds? Answers, hit ratio, wall time
 * and CPU, side by side with nginx (proxy_cache) and varnish of the same memory.
 * Setup: server on core 0; origin and 48 keep-alive connections on core 1. 256 MiB of cache, 2,048 objects
 * of 256 KiB (512 MiB). Zipf: each request draws an object, the k-th with a weight of 1/k^0.9; the first
 * pass warms, the second is measured. Scan: the same, and every fourth request walks through 2,048 further
 * objects that nobody else wants. A hit is an answer that the origin was not asked for. The same draws for
 * all, in turn, and what nginx's cache has on its disk at most, as its manager cuts it back only now and then; every answer is checked for status and length. Median of the rounds, and their range.
 * Command: npm run bench -- --only thrash
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { objectPath } from './support/bodies.js';
import { type Contender, inTurn } from './support/contender.js';
import { headgate } from './support/headgate.js';
import { nginx } from './support/nginx.js';
import { isWanted, MIB, SERVER_CORE, type BenchOptions } from './support/options.js';
import { startOrigin } from './support/origin-control.js';
import { cpuSeconds } from './support/process-tree.js';
import {
  formatNumber,
  largest,
  median,
  type Report,
  smallest,
  type Table,
  verdict,
} from './support/report.js';
import { varnish } from './support/varnish.js';
import { type Wanted, walk } from './support/walk.js';

const OBJECTS = 2_048;
const SIZE = 262_144;
const CACHE_BYTES = 256 * MIB;
const CONNECTIONS = 48;
const ALPHA = 0.9;
const WORKLOADS = ['zipf', 'zipf and a scan'] as const;
type Workload = (typeof WORKLOADS)[number];

interface Sample {
  readonly contender: string;
  readonly workload: Workload;
  readonly hitRatio: number;
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly failures: number;
  readonly heldBytes: number; // at most, where it can be seen
}

export async function thrash(options: BenchOptions): Promise<Report> {
  const all = [headgate(), nginx('on'), varnish()];
  const present = all.filter((c) => c.missing() === undefined && isWanted(options, c.name));
  const samples = await inTurn(present, options.rounds, (contender) => measure(contender, options));
  return {
    name: 'thrash',
    question: 'A working set of twice the cache: answers, hits, and what they cost.',
    tables: WORKLOADS.map((workload) => tableOf(workload, samples)),
    conclusions: WORKLOADS.flatMap((workload) => conclusionsOf(workload, samples)),
    missing: all.map((c) => c.missing()).filter((why) => why !== undefined),
  };
}

async function measure(contender: Contender, options: BenchOptions): Promise<Sample[]> {
  const requests = options.quick ? 4_000 : 24_000;
  const origin = await startOrigin();
  const plan = { originPort: origin.port, core: SERVER_CORE, workers: 1, cacheBytes: CACHE_BYTES };
  const server = await contender.start(plan);
  const samples: Sample[] = [];
  const ask = (list: readonly Wanted[]): ReturnType<typeof walk> =>
    walk({
      port: server.port,
      groups: [{ connections: CONNECTIONS, requests: list, pauseMs: 0, loops: false }],
    });
  try {
    await ask(drawn(requests, 1, false));
    for (const workload of WORKLOADS) {
      const before = (await origin.counts()).objects;
      const cpuBefore = cpuSeconds(server.pid);
      let heldBytes = 0;
      const timer = setInterval(() => {
        heldBytes = Math.max(heldBytes, server.heldBytes?.() ?? 0);
      }, 500);
      const walked = ask(drawn(requests, 2, workload !== 'zipf'));
      const { groups, seconds } = await walked.finally(() => {
        clearInterval(timer);
      });
      const cpu = cpuSeconds(server.pid) - cpuBefore;
      const fetched = (await origin.counts()).objects - before;
      samples.push({
        contender: contender.name,
        workload,
        hitRatio: 1 - fetched / requests,
        perSecond: requests / seconds,
        perCpuSecond: requests / cpu,
        failures: groups[0]?.failures ?? requests,
        heldBytes,
      });
    }
  } finally {
    await server.stop();
    await origin.stop();
  }
  return samples;
}

/** The same for the same seed. */
function drawn(count: number, seed: number, scans: boolean): Wanted[] {
  const random = xorshift(seed * 0x9e_37_79_b1);
  const sums: number[] = [];
  for (let k = 1, sum = 0; k <= OBJECTS; k += 1) sums.push((sum += k ** -ALPHA));
  const all = sums.at(-1) ?? 1;
  return Array.from({ length: count }, (_, i) => {
    const draw = random() * all;
    const scanned = scans && i % 4 === 3;
    const number = scanned
      ? OBJECTS + (Math.floor(i / 4) % OBJECTS)
      : sums.findIndex((sum) => sum >= draw);
    return { path: objectPath(SIZE, number), status: 200, length: SIZE };
  });
}

function xorshift(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function tableOf(workload: Workload, samples: readonly Sample[]): Table {
  const mine = samples.filter((sample) => sample.workload === workload);
  const rows = [...new Set(mine.map((sample) => sample.contender))].map((name) => {
    const own = mine.filter((sample) => sample.contender === name);
    const ratios = own.map((sample) => sample.hitRatio);
    return [
      name,
      `${(median(ratios) * 100).toFixed(1)} %`,
      `${(smallest(ratios) * 100).toFixed(1)} – ${(largest(ratios) * 100).toFixed(1)}`,
      formatNumber(median(own.map((sample) => sample.perSecond))),
      formatNumber(median(own.map((sample) => sample.perCpuSecond))),
      heldOf(own),
      String(own.reduce((sum, { failures }) => sum + failures, 0)),
    ];
  });
  const columns = [
    'server',
    'hits',
    'range',
    'requests/s',
    'per CPU-second',
    'held, MiB',
    'failures',
  ];
  return { caption: `${workload}, 512 MiB wanted of 256 MiB`, columns, rows };
}

function heldOf(own: readonly Sample[]): string {
  const bytes = median(own.map((sample) => sample.heldBytes));
  return bytes > 0 ? formatNumber(bytes / MIB) : '-';
}

function conclusionsOf(workload: Workload, samples: readonly Sample[]): string[] {
  const of = (name: string, value: (sample: Sample) => number): number =>
    median(samples.filter((s) => s.contender === name && s.workload === workload).map(value));
  return ['nginx sendfile on', 'varnish'].flatMap((peer) => {
    const hits = of('headgate', (s) => s.hitRatio) - of(peer, (s) => s.hitRatio);
    const speed = of('headgate', (s) => s.perSecond) / of(peer, (s) => s.perSecond);
    if (Number.isNaN(hits)) return [];
    const what = `${workload}: ${(hits * 100).toFixed(1)} points of hits and ${speed.toFixed(2)} × the requests/s of ${peer}`;
    const held = of(peer, (s) => s.heldBytes);
    if (held > 1.1 * CACHE_BYTES) {
      return [`${what}, whose cache held ${formatNumber(held / MIB)} MiB: hits do not compare`];
    }
    const failed = samples.some((s) => s.contender === 'headgate' && s.failures > 0);
    return [
      verdict(`${what} (to reach: level, no failure)`, hits >= -0.002 && speed >= 1 && !failed),
    ];
  });
}
