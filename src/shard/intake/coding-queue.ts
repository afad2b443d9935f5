/**
 * What the shards of one worker want coded, and has to wait for the coding thread: bounded, and the
 * smallest first, as playlists are what crowds wait for. Owned by the worker's thread.
 */
import type { ContentCoding } from '../../http/encoding.js';

/** Shared memory: whoever gives it sees to it that the bytes stay until they are coded. */
export interface CodingSource {
  readonly pieces: readonly Uint8Array[];
}

/** Makes codings elsewhere: nothing of it happens on the calling thread. */
export interface Coder {
  /** Rejects when its thread has died, or at `close`. */
  encode(source: CodingSource, coding: ContentCoding): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface CodingJob {
  readonly coding: ContentCoding;
  readonly bytes: number;
  /** Undefined: nobody wants it any more. Else `end` will be called, unless the queue closes first. */
  begin(): CodingSource | undefined;
  /** Undefined: it could not be made. */
  end(coded: Uint8Array | undefined): void;
}

export interface CodingQueueOptions {
  readonly coder: Coder;
  readonly limit: number; // jobs that wait
  readonly onFault: (reason: unknown) => void;
}

export class CodingQueue {
  readonly #options: CodingQueueOptions;
  readonly #waiting: CodingJob[] = [];
  #state: 'idle' | 'busy' | 'closed' = 'idle';

  constructor(options: CodingQueueOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** False: full or closed. Never begins or ends a job on the caller's stack. */
  offer(job: CodingJob): boolean {
    const { limit } = this.#options;
    if (this.#state === 'closed' || this.#waiting.length >= limit) return false;
    this.#waiting.push(job);
    if (this.#state === 'idle') {
      this.#state = 'busy';
      void this.#run();
    }
    return true;
  }

  /** Gives up what waits and what is being made: no `end` comes any more. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#waiting.length = 0;
    await this.#options.coder.close();
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    for (let job = this.#take(); job !== undefined; job = this.#take()) {
      const source = this.#begin(job);
      if (source === undefined) continue;
      const coded = await this.#encode(source, job.coding);
      if (this.#isClosed) return;
      this.#end(job, coded);
    }
    if (!this.#isClosed) this.#state = 'idle';
  }

  get #isClosed(): boolean {
    return this.#state === 'closed';
  }

  async #encode(source: CodingSource, coding: ContentCoding): Promise<Uint8Array | undefined> {
    const { coder, onFault } = this.#options;
    try {
      return await coder.encode(source, coding);
    } catch (reason) {
      if (!this.#isClosed) onFault(reason);
      return undefined;
    }
  }

  #begin(job: CodingJob): CodingSource | undefined {
    try {
      return job.begin();
    } catch (reason) {
      this.#options.onFault(reason);
      return undefined;
    }
  }

  #end(job: CodingJob, coded: Uint8Array | undefined): void {
    try {
      job.end(coded);
    } catch (reason) {
      this.#options.onFault(reason);
    }
  }

  #take(): CodingJob | undefined {
    let best = 0;
    for (const [i, job] of this.#waiting.entries()) {
      if (job.bytes < (this.#waiting[best]?.bytes ?? 0)) best = i;
    }
    return this.#waiting.splice(best, 1)[0];
  }
}
