/** What the main thread gives an edge worker to begin with. */
import type { MessagePort } from 'node:worker_threads';
import type { Pool } from '../arena/layout.js';
import type { Config } from '../config/config.js';
import type { BundledContent } from '../origin/bundled.js';

export interface EdgeBoot {
  readonly index: number;
  readonly workers: number; // in the mesh: 1 when inline
  readonly config: Config;
  readonly bundled: BundledContent;
  readonly pool: Pool;
  readonly metrics: SharedArrayBuffer;
  readonly clockBaseMs: number; // of the process: `Clock.now` is the same on all threads
  readonly control: MessagePort;
  readonly restarted: boolean; // a replacement: be quick
}
