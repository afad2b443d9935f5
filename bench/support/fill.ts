/** Fills a cache with very many small objects, from the load core. */
import { LOAD_CORE } from './options.js';
import { startScript } from './script.js';

export interface FillPlan {
  readonly port: number;
  readonly size: number;
  readonly from: number;
  readonly to: number; // exclusive
  readonly connections?: number; // FILL_CONNECTIONS if left out
}

export const FILL_CONNECTIONS = 48;

/** Asks for every object of the range once. @throws at the first answer that is not 200 and whole. */
export async function fillFast(plan: FillPlan): Promise<void> {
  const script = await startScript('fill-clients', LOAD_CORE);
  try {
    await script.call('fill', plan);
  } finally {
    await script.stop();
  }
}
