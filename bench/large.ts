/**
 * Question: what does a film that is larger than the cache do to what is hot, and how soon is a seek in it
 * answered? Hit ratio of the hot objects and time to the first byte of a seek's body, side by side with nginx's
 * slice module.
 * Setup: server on core 0; origin and clients on core 1. 1 GiB of cache in the default configuration; 500
 * hot objects of 1 MiB, each asked for twice before, which 8 connections ask for evenly, 200 a second at most; a film of 6 GiB in
 * which 20 viewers seek to places of their own, read 2 MiB from each and look at them for 0.6 s. A hot hit is an answer that the
 * origin was not asked for. Every answer is checked for status and length. Median of the rounds, and range.
 * Command: npm run bench -- --only large
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { objectPath } from './support/bodies.js';
import { type Contender, inTurn } from './support/contender.js';
import { headgate } from './support/headgate.js';
import { nginx } from './support/nginx.js';
import { GIB, isWanted, MIB, SERVER_CORE, type BenchOptions } from './support/options.js';
import { startOrigin } from './support/origin-control.js';
import { cpuSeconds } from './support/process-tree.js';
import {
  formatNumber,
  largest,
  median,
  percentile,
  type Report,
  smallest,
  verdict,
} from './support/report.js';
import { type Wanted, walk } from './support/walk.js';

const HOT = 500;
const FILM_BYTES = 6 * GIB;
const READ_BYTES = 2 * MIB;
const SEEKERS = 20;
const HOT_CONNECTIONS = 8;
/** What a viewer looks at before he seeks on; and 200 hot answers a second at most: nobody is saturated. */
const SEEK_PAUSE_MS = 600;
const HOT_PAUSE_MS = 40;

interface Sample {
  readonly contender: string;
  readonly hotHits: number; // ratio
  readonly seekMs: number; // median
  readonly seekP95Ms: number;
  readonly seeksPerSecond: number;
  readonly cpuMs: number; // for each seek and the hot answers beside it
  readonly failures: number;
}

export async function large(options: BenchOptions): Promise<Report> {
  const all = [headgate(), nginx('on')];
  const present = all.filter((c) => c.missing() === undefined && isWanted(options, c.name));
  const samples = await inTurn(present, options.rounds, async (contender) => [
    await measure(contender, options),
  ]);
  const names = [...new Set(samples.map((sample) => sample.contender))];
  return {
    name: 'large',
    question: 'A film of 6 GiB through 1 GiB of cache, beside 500 MiB of hot objects.',
    tables: [
      {
        caption: '20 viewers seek in the film, 8 connections ask for what is hot',
        columns: [
          'server',
          'hot hits',
          'seek, ms',
          'range',
          '95th',
          'seeks/s',
          'CPU ms',
          'failures',
        ],
        rows: names.map((name) => rowOf(name, samples)),
      },
    ],
    conclusions: conclusionsOf(samples),
    missing: all.map((c) => c.missing()).filter((why) => why !== undefined),
  };
}

async function measure(contender: Contender, options: BenchOptions): Promise<Sample> {
  const seeks = options.quick ? 400 : 2_000;
  const origin = await startOrigin();
  const plan = { originPort: origin.port, core: SERVER_CORE, workers: 1, cacheBytes: GIB };
  const server = await contender.start(plan);
  try {
    const hot = Array.from({ length: HOT }, (_, n) => hotObject(n));
    const warm = {
      connections: HOT_CONNECTIONS,
      requests: [...hot, ...hot],
      pauseMs: 0,
      loops: false,
    };
    await walk({
      port: server.port,
      groups: [warm, { ...seeking(options.quick ? 100 : 600, 7), pauseMs: 0 }],
    });
    const before = (await origin.counts()).objects;
    const cpuBefore = cpuSeconds(server.pid);
    const drawn = Array.from({ length: 10_007 }, (_, i) => hotObject((i * 7_919) % HOT));
    const { groups, seconds } = await walk({
      port: server.port,
      groups: [
        seeking(seeks, 1),
        { connections: HOT_CONNECTIONS, requests: drawn, pauseMs: HOT_PAUSE_MS, loops: true },
      ],
    });
    const cpu = cpuSeconds(server.pid) - cpuBefore;
    const fetched = (await origin.counts()).objects - before;
    const [film, beside] = groups;
    return {
      contender: contender.name,
      hotHits: 1 - fetched / (beside?.answers ?? NaN),
      seekMs: median(film?.firstByteMs ?? []),
      seekP95Ms: percentile(film?.firstByteMs ?? [], 95),
      seeksPerSecond: seeks / seconds,
      cpuMs: (cpu * 1_000) / seeks,
      failures: groups.reduce((sum, { failures }) => sum + failures, 0),
    };
  } finally {
    await server.stop();
    await origin.stop();
  }
}

function hotObject(n: number): Wanted {
  return { path: objectPath(MIB, n), status: 200, length: MIB };
}

/** Places all over the film, the same for the same seed. */
function seeking(
  count: number,
  seed: number,
): {
  connections: number;
  requests: Wanted[];
  pauseMs: number;
  loops: boolean;
} {
  const requests = Array.from({ length: count }, (_, i) => {
    const place = ((i + seed * 10_000) * 0.618_033_988_75) % 1;
    const from = Math.floor(place * (FILM_BYTES - READ_BYTES));
    const range = `bytes=${from}-${from + READ_BYTES - 1}`;
    return { path: `/large/${FILM_BYTES}`, range, status: 206, length: READ_BYTES };
  });
  return { connections: SEEKERS, requests, pauseMs: SEEK_PAUSE_MS, loops: false };
}

function rowOf(name: string, samples: readonly Sample[]): string[] {
  const own = samples.filter((sample) => sample.contender === name);
  const seekMs = own.map((sample) => sample.seekMs);
  return [
    name,
    `${(median(own.map((sample) => sample.hotHits)) * 100).toFixed(2)} %`,
    median(seekMs).toFixed(1),
    `${smallest(seekMs).toFixed(1)} – ${largest(seekMs).toFixed(1)}`,
    median(own.map((sample) => sample.seekP95Ms)).toFixed(1),
    formatNumber(median(own.map((sample) => sample.seeksPerSecond))),
    median(own.map((sample) => sample.cpuMs)).toFixed(1),
    String(own.reduce((sum, { failures }) => sum + failures, 0)),
  ];
}

function conclusionsOf(samples: readonly Sample[]): string[] {
  const of = (name: string, value: (sample: Sample) => number): number =>
    median(samples.filter((s) => s.contender === name).map(value));
  const hits = of('headgate', (s) => s.hotHits);
  const ratio = of('headgate', (s) => s.seekMs) / of('nginx sendfile on', (s) => s.seekMs);
  const failed = samples.some((s) => s.contender === 'headgate' && s.failures > 0);
  return [
    verdict(`hot hits ${(hits * 100).toFixed(2)} % (to reach 98 %)`, hits >= 0.98 && !failed),
    ...(Number.isNaN(ratio)
      ? []
      : [
          verdict(
            `a seek's first byte after ${ratio.toFixed(2)} × nginx's time (to reach 1.5)`,
            ratio <= 1.5,
          ),
        ]),
  ];
}
