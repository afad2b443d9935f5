/** wrk as load generator, pinned, with a script that asks for many objects and reports in numbers. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findProgram, startChild } from './children.js';
import { LOAD_CORE } from './options.js';
import { cpuSeconds } from './process-tree.js';

const SCRIPT = fileURLToPath(new URL('../../../bench/support/wrk.lua', import.meta.url));
const SAMPLE_MS = 200;

export interface WrkPlan {
  readonly port: number;
  readonly seconds: number;
  readonly connections: number;
  readonly size: number;
  readonly objects: number;
  readonly order: 'turn' | 'zipf' | 'uniform';
  readonly query?: 'bare' | 'cmcd'; // default bare
}

export interface WrkResult {
  readonly requests: number;
  readonly seconds: number;
  readonly errors: number; // socket errors, time-outs, statuses over 399
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly loadCpuShare: number; // of its core; near 1 means that wrk was the limit
}

export function wrkMissing(): string | undefined {
  return findProgram('wrk') === undefined ? 'wrk is not installed' : undefined;
}

/** @throws when wrk ends without a result line. */
export async function runWrk(plan: WrkPlan): Promise<WrkResult> {
  const args = ['-t1', `-c${plan.connections}`, `-d${plan.seconds}s`, '--timeout', '10s'];
  args.push('-s', SCRIPT, `http://127.0.0.1:${plan.port}`, '--');
  args.push(String(plan.size), String(plan.objects), plan.order, plan.query ?? 'bare');
  const startedMs = performance.now();
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child = startChild({ command: 'wrk', args, core: LOAD_CORE, stdio: [...stdio] });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  let loadCpuShare = 0;
  const sampler = setInterval(() => {
    const share = (cpuSeconds(child.pid) * 1_000) / (performance.now() - startedMs);
    if (share > 0) loadCpuShare = share;
  }, SAMPLE_MS);
  await once(child, 'close');
  clearInterval(sampler);
  const numbers = /^RESULT (.*)$/m.exec(output)?.[1]?.split(' ').map(Number) ?? [];
  const [requests, micros, errors, p50Us, p99Us, p999Us] = numbers;
  if (requests === undefined || micros === undefined || errors === undefined) {
    throw new Error(`wrk failed: ${output}`);
  }
  return {
    requests,
    seconds: micros / 1e6,
    errors,
    p50Us: p50Us ?? NaN,
    p99Us: p99Us ?? NaN,
    p999Us: p999Us ?? NaN,
    loadCpuShare,
  };
}
