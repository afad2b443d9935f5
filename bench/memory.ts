/**
 * Question: does what a client asks for, or an origin answers, bound the memory of the process? The
 * most that is resident while a flood of different requests passes: URLs with 8 KB of query that nobody
 * has (404, which is kept for a second), answers with 30 KB of fields, a variant for each User-Agent,
 * of one key and of ten thousand. What the cache held after each flood says whether it was full: a cache
 * that was never filled bounds nothing.
 * Setup: one gateway on core 0 for all floods one after the other, 1 GiB of cache, two workers; origin
 * and 64 connections on core 1. Resident memory is looked at ten times a second.
 * Command: npm run bench -- --only memory
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FloodKind, FloodPlan } from './support/flood-plan.js';
import { headgate } from './support/headgate.js';
import { GIB, LOAD_CORE, SERVER_CORE, type BenchOptions } from './support/options.js';
import { residentBytes } from './support/process-tree.js';
import { formatNumber, largest, verdict, type Report } from './support/report.js';
import { startScript } from './support/script.js';

const CACHE_BYTES = GIB;
const GOAL_MORE_BYTES = 400e6;
const FULL = 0.95; // the rest are free blocks between objects
const LOOK_MS = 100;

const FLOODS: readonly { kind: FloodKind; what: string; count: number; quick: number }[] = [
  { kind: 'urls', what: '404 for URLs of 8 KB', count: 1_000_000, quick: 120_000 },
  { kind: 'fields', what: '30 KB of fields', count: 200_000, quick: 20_000 },
  { kind: 'many-keys', what: 'variants of 10,000 keys', count: 1_000_000, quick: 50_000 },
  { kind: 'one-key', what: 'variants of one key', count: 200_000, quick: 20_000 },
];

interface Measured {
  readonly what: string;
  readonly count: number;
  readonly others: number; // answers that were not the origin's
  readonly perSecond: number;
  readonly mostBytes: number;
  readonly heldBytes: number; // by the cache when the flood was over
}

export async function memory(options: BenchOptions): Promise<Report> {
  const missing = headgate().missing();
  const rows = missing === undefined ? await measure(options) : [];
  const most = largest(rows.map(({ mostBytes }) => mostBytes));
  const beside = most - CACHE_BYTES;
  const what = `at most ${formatNumber(beside / 1e6)} MB beside cache.memory (to reach: < 400)`;
  const held = largest(rows.map(({ heldBytes }) => heldBytes));
  const full = `${formatNumber(held / 1e6)} MB in a cache of ${formatNumber(CACHE_BYTES / 1e6)} (to reach: > 95 %)`;
  return {
    name: 'memory',
    question: 'Resident memory of a gateway with 1 GiB of cache while it is flooded.',
    tables: [tableOf(rows)],
    conclusions:
      rows.length === 0
        ? []
        : [verdict(full, held > FULL * CACHE_BYTES), verdict(what, beside < GOAL_MORE_BYTES)],
    missing: missing === undefined ? [] : [missing],
  };
}

async function measure(options: BenchOptions): Promise<Measured[]> {
  const script = await startScript('flood', LOAD_CORE);
  const originPort = (await script.call('listen')) as number;
  const plan = { originPort, core: SERVER_CORE, workers: 2, cacheBytes: CACHE_BYTES };
  const server = await headgate().start(plan);
  const rows: Measured[] = [];
  try {
    for (const { kind, what, count: full, quick } of FLOODS) {
      const count = options.quick ? quick : full;
      const watch = watchMemory(server.pid);
      const startedMs = performance.now();
      const flood: FloodPlan = { port: server.port, kind, count };
      const others = (await script.call('flood', flood)) as number;
      const perSecond = (1_000 * count) / (performance.now() - startedMs);
      const mostBytes = await watch.stop();
      const heldBytes = await heldIn(server.admin);
      const said = `${formatNumber(mostBytes / 1e6)} MB, ${formatNumber(heldBytes / 1e6)} held`;
      console.error(`${what}: ${said}`); // minutes each: say so
      rows.push({ what, count, others, perSecond, mostBytes, heldBytes });
    }
  } finally {
    await server.stop();
    await script.stop();
  }
  return rows;
}

/** The bytes that the cache of a gateway holds, by its metrics. */
async function heldIn(admin: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  const shards = text.matchAll(/^headgate_cache_memory_used_bytes(?:{[^}]*})? (\S+)$/gm);
  return [...shards].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** `stop` gives the most that was seen. */
function watchMemory(pid: number): { stop: () => Promise<number> } {
  let most = 0;
  const over = new AbortController();
  const watched = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      most = Math.max(most, residentBytes(pid));
      await sleep(LOOK_MS);
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await watched;
      return most;
    },
  };
}

function tableOf(rows: readonly Measured[]): Report['tables'][number] {
  return {
    caption: 'Most resident memory, floods one after the other',
    columns: [
      'flood',
      'requests',
      'req/s',
      'other answers',
      'held MB',
      'RSS MB',
      'beside the cache MB',
    ],
    rows: rows.map(({ what, count, others, perSecond, mostBytes, heldBytes }) => [
      what,
      formatNumber(count),
      formatNumber(perSecond),
      formatNumber(others),
      formatNumber(heldBytes / 1e6),
      formatNumber(mostBytes / 1e6),
      formatNumber((mostBytes - CACHE_BYTES) / 1e6),
    ]),
  };
}
