/**
 * Question: can 5,000 keep-alive viewers pull a live stream (2 s segments of 250 KB, 1 Mb/s) from one
 * core for a minute without an error or a late segment, how soon do they get their first byte, and
 * what does it cost the server, beside nginx with proxy_cache_lock and background updates?
 * Setup: server on core 0; the viewers, one Node process with a connection each, and the origin on
 * core 1. Viewers join over ten seconds and poll as RFC 8216 says. A segment is late when its last
 * byte comes more than three target durations after its publication (a player stays that far behind
 * the live edge). The generator's own CPU and loop delay are shown: near a full core it would be
 * what is measured. Both servers must deliver the same number of segments for the CPU to compare.
 * Command: npm run bench -- --only live
 * Results and conclusion: RESULTS.md, written by the same command.
 */
import type { Contender } from './support/contender.js';
import { headgate } from './support/headgate.js';
import { nginx } from './support/nginx.js';
import { GIB, isWanted, LOAD_CORE, SERVER_CORE, type BenchOptions } from './support/options.js';
import { startOrigin } from './support/origin-control.js';
import { cpuSeconds, residentBytes } from './support/process-tree.js';
import { formatNumber, verdict, type Report } from './support/report.js';
import { startScript } from './support/script.js';
import { varnish } from './support/varnish.js';
import type { Spread, ViewerPlan, ViewerResult } from './support/viewer-plan.js';

const VIEWERS = 5_000;
const GOAL_TTFB_MS = 50;

interface Sample {
  readonly contender: string;
  readonly result: ViewerResult;
  readonly seconds: number;
  readonly cpu: number;
  readonly rssBytes: number;
  readonly originRequests: number;
}

export async function live(options: BenchOptions): Promise<Report> {
  const all = [headgate(), nginx('on'), varnish()];
  const present = all.filter((c) => c.missing() === undefined && isWanted(options, c.name));
  const samples: Sample[] = [];
  for (const contender of present) samples.push(await watch(contender, options));
  return {
    name: 'live',
    question: `${VIEWERS} viewers of one live stream, 1 Mb/s each, one core.`,
    tables: [deliveryTable(samples), costTable(samples)],
    conclusions: conclusionsOf(samples),
    missing: all.map((c) => c.missing()).filter((why) => why !== undefined),
  };
}

async function watch(contender: Contender, options: BenchOptions): Promise<Sample> {
  const origin = await startOrigin();
  const viewers = await startScript('live-viewers', LOAD_CORE);
  const server = await contender.start({
    originPort: origin.port,
    core: SERVER_CORE,
    workers: 1,
    cacheBytes: GIB,
  });
  try {
    const { port } = server;
    const rampMs = 10_000;
    const plan: ViewerPlan = { port, viewers: VIEWERS, epochMs: origin.epochMs, rampMs };
    await viewers.call('join', plan);
    await origin.reset();
    const cpuBefore = cpuSeconds(server.pid);
    const seconds = options.quick ? 15 : 60;
    const result = (await viewers.call('watch', seconds * 1_000)) as ViewerResult;
    const cpu = cpuSeconds(server.pid) - cpuBefore;
    const rssBytes = residentBytes(server.pid);
    const { requests: originRequests } = await origin.counts();
    await viewers.call('leave');
    return { contender: contender.name, result, seconds, cpu, rssBytes, originRequests };
  } finally {
    await viewers.stop();
    await server.stop();
    await origin.stop();
  }
}

function deliveryTable(samples: readonly Sample[]): Report['tables'][number] {
  const spread = ({ p50, p99, p999 }: Spread): string =>
    [p50, p99, p999].map(formatNumber).join(' / ');
  return {
    caption: 'What the viewers got',
    columns: [
      'server',
      'segments',
      'playlists',
      'errors',
      'late',
      'missed',
      'segment TTFB p50/p99/p99.9 ms',
      'playlist TTFB ms',
      'publication to last byte ms',
    ],
    rows: samples.map(({ contender, result }) => [
      contender,
      formatNumber(result.segments),
      formatNumber(result.playlists),
      String(result.errors),
      String(result.late),
      String(result.missed),
      spread(result.segmentTtfbMs),
      spread(result.playlistTtfbMs),
      spread(result.ageMs),
    ]),
  };
}

function costTable(samples: readonly Sample[]): Report['tables'][number] {
  return {
    caption: 'What it cost',
    columns: [
      'server',
      'server CPU-s',
      'of its core',
      'CPU µs/segment',
      'RSS MB',
      'origin requests',
      "generator's core",
      "generator's loop delay p99 ms",
    ],
    rows: samples.map((sample) => [
      sample.contender,
      formatNumber(sample.cpu),
      `${formatNumber((100 * sample.cpu) / sample.seconds)} %`,
      formatNumber((1e6 * sample.cpu) / sample.result.segments),
      formatNumber(sample.rssBytes / 1e6),
      String(sample.originRequests),
      `${formatNumber(100 * sample.result.cpuShare)} %`,
      formatNumber(sample.result.loopDelayP99Ms),
    ]),
  };
}

function conclusionsOf(samples: readonly Sample[]): string[] {
  const ours = samples.find((sample) => sample.contender === 'headgate');
  if (!ours) return [];
  const { errors, late, missed, lastError, segmentTtfbMs, playlistTtfbMs } = ours.result;
  const worstP99 = Math.max(segmentTtfbMs.p99, playlistTtfbMs.p99);
  const lines = [
    verdict(
      `${errors} errors${lastError && ` (last: ${lastError})`}, ${late} late, ${missed} missed (to reach: none)`,
      errors + late + missed === 0,
    ),
    verdict(
      `TTFB p99 ${formatNumber(worstP99)} ms (to reach: < ${GOAL_TTFB_MS})`,
      worstP99 < GOAL_TTFB_MS,
    ),
  ];
  const nginxSample = samples.find((sample) => sample.contender.startsWith('nginx'));
  if (nginxSample) {
    const perSegment = ours.cpu / ours.result.segments;
    const ratio = perSegment / (nginxSample.cpu / nginxSample.result.segments);
    lines.push(verdict(`${ratio.toFixed(2)} × nginx's CPU a segment (aim: ≤ 1.1)`, ratio <= 1.1));
  }
  return lines;
}
