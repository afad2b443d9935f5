/**
 * Question: what does a slow reader cost in memory? 2,000 of them read 1 MB segments at 4 KB/s.
 * Setup: server on core 0, readers on core 1, 64 different segments, all cached and all read once
 * before the baseline is taken (no connection open); then RSS of the process tree every second
 * while they read, the largest counts. What the kernel holds in socket buffers, both ends together, is shown
 * beside it. At the end all read on at full speed: every body must arrive whole and right.
 * Command: npm run bench -- --only slow-readers
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Contender } from './support/contender.js';
import { fill } from './support/fetch.js';
import { h2o } from './support/h2o.js';
import { headgate } from './support/headgate.js';
import { nginx } from './support/nginx.js';
import {
  GIB,
  isWanted,
  LOAD_CORE,
  MIB,
  SERVER_CORE,
  type BenchOptions,
} from './support/options.js';
import { startOrigin } from './support/origin-control.js';
import { cpuSeconds, kernelSocketBytes, residentBytes } from './support/process-tree.js';
import { formatNumber, verdict, type Report } from './support/report.js';
import { startScript } from './support/script.js';
import type { SlowPlan, SlowState } from './support/slow-plan.js';
import { varnish } from './support/varnish.js';

const READERS = 2_000;
const OBJECTS = 64;
const BYTES_PER_SECOND = 4_096;
const FINISH_SECONDS = 60;
const GOAL_BYTES = 20_000;
const AIM_BYTES = 8_000;

interface Sample {
  readonly contender: string;
  readonly baseBytes: number;
  readonly perReader: number;
  readonly kernelPerReader: number;
  readonly cpuShare: number;
  readonly cut: number; // lost their connection while they read slowly
  readonly whole: number; // had the whole right body in the end
  readonly lastReason: string;
}

export async function slowReaders(options: BenchOptions): Promise<Report> {
  const files = h2o([{ size: MIB, count: OBJECTS }]);
  const all = [headgate(), nginx('on'), nginx('off'), varnish(), files];
  const present = all.filter((c) => c.missing() === undefined && isWanted(options, c.name));
  const samples: Sample[] = [];
  for (const contender of present) samples.push(await starve(contender, options));
  return {
    name: 'slow-readers',
    question: `${READERS} readers of 1 MB segments at ${BYTES_PER_SECOND / 1024} KB/s each.`,
    tables: [tableOf(samples)],
    conclusions: conclusionsOf(samples),
    missing: [...new Set(all.map((c) => c.missing()).filter((why) => why !== undefined))],
  };
}

async function starve(contender: Contender, options: BenchOptions): Promise<Sample> {
  const origin = await startOrigin();
  const clients = await startScript('slow-clients', LOAD_CORE);
  const server = await contender.start({
    originPort: origin.port,
    core: SERVER_CORE,
    workers: 1,
    cacheBytes: 2 * GIB, // not filled: segments of one title share a shard's part of it
  });
  try {
    for (let round = 0; round < 3; round++) await fill(server.port, MIB, OBJECTS);
    await delay(6_000); // the connections that filled it are closed by then
    const baseBytes = residentBytes(server.pid);
    const kernelBase = kernelSocketBytes();
    const plan: SlowPlan = {
      port: server.port,
      readers: READERS,
      bytesPerSecond: BYTES_PER_SECOND,
      size: MIB,
      objects: OBJECTS,
    };
    await clients.call('open', plan);
    await clients.call('ask', plan);
    const cpuBefore = cpuSeconds(server.pid);
    const seconds = options.quick ? 10 : 30;
    let peakBytes = 0;
    let kernelBytes = 0;
    for (let second = 0; second < seconds; second++) {
      await delay(1_000);
      peakBytes = Math.max(peakBytes, residentBytes(server.pid));
      kernelBytes = Math.max(kernelBytes, kernelSocketBytes());
    }
    const cpuShare = (cpuSeconds(server.pid) - cpuBefore) / seconds;
    const during = (await clients.call('state')) as SlowState;
    const after = await finish(clients);
    return {
      contender: contender.name,
      baseBytes,
      perReader: (peakBytes - baseBytes) / READERS,
      kernelPerReader: (kernelBytes - kernelBase) / READERS,
      cpuShare,
      cut: during.failures + READERS - Math.max(during.started, during.failures),
      whole: after.whole,
      lastReason: after.lastReason,
    };
  } finally {
    await clients.stop();
    await server.stop();
    await origin.stop();
  }
}

async function finish(clients: Awaited<ReturnType<typeof startScript>>): Promise<SlowState> {
  await clients.call('hurry');
  for (let second = 0; ; second++) {
    const state = (await clients.call('state')) as SlowState;
    if (state.whole + state.failures >= READERS || second >= FINISH_SECONDS) return state;
    await delay(1_000);
  }
}

function tableOf(samples: readonly Sample[]): Report['tables'][number] {
  return {
    caption: `${READERS} slow readers`,
    columns: [
      'server',
      'RSS before MB',
      'extra RSS per reader KB',
      'kernel per reader KB',
      'of its core',
      'cut',
      'whole in the end',
    ],
    rows: samples.map((sample) => [
      sample.contender,
      formatNumber(sample.baseBytes / 1e6),
      formatNumber(sample.perReader / 1e3),
      formatNumber(sample.kernelPerReader / 1e3),
      `${formatNumber(100 * sample.cpuShare)} %`,
      String(sample.cut),
      String(sample.whole),
    ]),
  };
}

function conclusionsOf(samples: readonly Sample[]): string[] {
  const ours = samples.find((sample) => sample.contender === 'headgate');
  if (!ours) return [];
  const { perReader, whole, lastReason } = ours;
  const used = `${formatNumber(perReader / 1e3)} KB of RSS a reader (to reach: < 20, aim: < 8)`;
  const lines = [verdict(used, perReader < GOAL_BYTES, perReader < AIM_BYTES)];
  if (whole < READERS)
    lines.push(`${READERS - whole} readers did not get their body: ${lastReason}`);
  return lines;
}
