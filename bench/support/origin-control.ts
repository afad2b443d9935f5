/** The bench's origin from outside: started on the load core, counted, stopped. */
import { LOAD_CORE } from './options.js';
import type { OriginCounts } from './origin-counts.js';
import { startScript } from './script.js';

export interface BenchOrigin {
  readonly port: number;
  readonly epochMs: number; // of the live stream, see live-stream.ts
  counts(): Promise<OriginCounts>;
  reset(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOrigin(): Promise<BenchOrigin> {
  const script = await startScript('origin', LOAD_CORE);
  const port = (await script.call('listen')) as number;
  const epochMs = (await script.call('epoch')) as number;
  return {
    port,
    epochMs,
    counts: async () => (await script.call('counts')) as OriginCounts,
    reset: async () => {
      await script.call('reset');
    },
    stop: () => script.stop(),
  };
}
