/** Thread entry of an edge worker, and the inline one of `--workers 0`: what it is made of lives in src/worker/. */
import type { EdgeBoot } from '../src/worker/edge-boot.js';
import { runEdgeWorker } from '../src/worker/edge-worker.js';

export default function edge(boot: EdgeBoot): Promise<void> {
  return runEdgeWorker(boot, new URL('./coder.js', import.meta.url));
}
