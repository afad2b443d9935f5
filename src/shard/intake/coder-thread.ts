/**
 * A thread of a worker's own that makes codings, one at a time: begun when there is something to do,
 * ended after a while without. Not libuv's: file reads wait in line there.
 */
import type { ContentCoding } from '../../http/encoding.js';
import { Threads } from '../../runtime/threads.js';
import type { Coder, CodingSource } from './coding-queue.js';

const IDLE_MS = 30_000;

/** What the thread is told. */
export interface CoderOrder {
  readonly source: CodingSource;
  readonly coding: ContentCoding;
  readonly level: number;
}

export class CoderThread implements Coder {
  readonly #threads: Threads;
  readonly #levels: Readonly<Record<ContentCoding, number>>;

  /** `entry` is the module that the thread runs: workers/coder.ts. */
  constructor(entry: URL, levels: Readonly<Record<ContentCoding, number>>) {
    this.#levels = levels;
    this.#threads = new Threads({
      module: entry,
      least: 0,
      most: 1,
      idleMs: IDLE_MS,
      loadsBy: 'import',
    });
  }

  async encode(source: CodingSource, coding: ContentCoding): Promise<Uint8Array> {
    const order: CoderOrder = { source, coding, level: this.#levels[coding] };
    return (await this.#threads.run(order)) as Uint8Array;
  }

  close(): Promise<void> {
    return this.#threads.destroy();
  }
}
