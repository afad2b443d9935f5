/**
 * A thread of a worker's own that makes codings, one at a time: begun when there is something to do,
 * ended after a while without. Not libuv's: file reads wait in line there.
 */
import { Piscina } from 'piscina';
import type { ContentCoding } from '../../http/encoding.js';
import { THREAD_OPTIONS } from '../../runtime/threads.js';
import type { Coder, CodingSource } from './coding-queue.js';

const IDLE_MS = 30_000;

/** What the thread is told. */
export interface CoderOrder {
  readonly source: CodingSource;
  readonly coding: ContentCoding;
  readonly level: number;
}

export class CoderThread implements Coder {
  readonly #pool: Piscina;
  readonly #levels: Readonly<Record<ContentCoding, number>>;

  /** `entry` is the module that the thread runs: workers/coder.ts. */
  constructor(entry: URL, levels: Readonly<Record<ContentCoding, number>>) {
    this.#levels = levels;
    this.#pool = new Piscina({
      filename: entry.href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
      ...THREAD_OPTIONS,
    });
  }

  async encode(source: CodingSource, coding: ContentCoding): Promise<Uint8Array> {
    const order: CoderOrder = { source, coding, level: this.#levels[coding] };
    return (await this.#pool.run(order)) as Uint8Array;
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
