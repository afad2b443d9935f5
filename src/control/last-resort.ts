/**
 * The end of a process that does not come to one by itself. Whoever waits for something on the way out
 * names it here; when a stop takes longer than its patience, what is still waited for goes to the log
 * and the process ends at once. Main thread: for when that hangs itself, see `watchSignals`.
 */
import type { Logger } from '../telemetry/log.js';

/** A stop is forced so long after the deadline of its drain: within the 5 s that are promised. */
export const STOP_GRACE_MS = 4_000;

export interface LastResortOptions {
  readonly log: Logger;
  readonly patienceMs: number; // from `arm` on
  /** Ends the process with a failure, whatever its threads do. */
  readonly end: () => void;
}

export class LastResort {
  readonly #options: LastResortOptions;
  readonly #awaited = new Map<symbol, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LastResortOptions) {
    this.#options = options;
  }

  /** Settles as `work` does; until then that is what a stop waits for. */
  async during<T>(what: string, work: Promise<T>): Promise<T> {
    const entry = Symbol(what);
    this.#awaited.set(entry, what);
    try {
      return await work;
    } finally {
      this.#awaited.delete(entry);
    }
  }

  /** A stop has begun: the process is to end within its patience. */
  arm(): void {
    const { patienceMs } = this.#options;
    this.#timer ??= setTimeout(() => {
      this.force(`not stopped ${patienceMs} ms after it was told to`);
    }, patienceMs);
  }

  /** All is closed: a process that goes on has other things to do. What a signal ends, `watchSignals` sees to. */
  standDown(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Now: nothing will change by waiting. */
  force(detail: string): void {
    const { log, end } = this.#options;
    const waitsFor = this.#awaited.size > 0 ? [...this.#awaited.values()] : openResources();
    log.fatal({ code: 'GW_HUNG', detail, waitsFor }, 'ended by force');
    end();
  }
}

function openResources(): string[] {
  return [...new Set(process.getActiveResourcesInfo())];
}
