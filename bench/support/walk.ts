/** Groups of clients that each walk a list of requests, from the load core. */
import { LOAD_CORE } from './options.js';
import { startScript } from './script.js';

export interface Wanted {
  readonly path: string;
  readonly range?: string; // value of Range
  readonly status: number;
  readonly length: number; // bytes of the answer's body
}

export interface WalkGroup {
  readonly connections: number;
  readonly requests: readonly Wanted[];
  /** Between an answer and the next request of a connection; 0: as fast as it can. */
  readonly pauseMs: number;
  /** Starts again at its end, until the groups that do not are done. */
  readonly loops: boolean;
}

export interface WalkPlan {
  readonly port: number;
  readonly groups: readonly WalkGroup[];
}

export interface Walked {
  readonly answers: number;
  readonly failures: number; // another status or length, or no answer
  readonly firstByteMs: readonly number[];
}

/** What came of each group, and how long all of it took. */
export async function walk(plan: WalkPlan): Promise<{ groups: Walked[]; seconds: number }> {
  const script = await startScript('walk-clients', LOAD_CORE);
  try {
    return (await script.call('walk', plan)) as { groups: Walked[]; seconds: number };
  } finally {
    await script.stop();
  }
}
