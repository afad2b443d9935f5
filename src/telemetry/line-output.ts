/**
 * Lines for a descriptor that may not take them: nothing here throws, and nothing waits unless the
 * descriptor blocks. What a full pipe does not take yet waits, up to a mebibyte, and goes out in order. What a
 * full disk or a closed pipe refuses is lost, and so is what comes while too much waits: counted, and told
 * when a line goes out again.
 */
export interface LineOutputOptions {
  /** As `fs.writeSync` with a descriptor: how many bytes were taken; throws with an errno's name as code. */
  readonly write: (bytes: Uint8Array) => number;
  /** Calls back once after so long; nothing waits for it when the thread ends. */
  readonly after: (ms: number, run: () => void) => void;
  /** It takes lines again: how many were lost since it began. May write. */
  readonly onLost: (lines: number) => void;
}

const MAX_WAITING_BYTES = 1_048_576;
const RETRY_MS = 20;
const LINE_END = Buffer.from('\n');

export class LineOutput {
  readonly #options: LineOutputOptions;
  #waiting: Buffer[] = []; // the first one's beginning may be out
  #waitingBytes = 0;
  #retries = false; // a retry is due
  #torn = false; // what is out ends within a line
  #lost = 0;
  #toldLost = 0;

  constructor(options: LineOutputOptions) {
    this.#options = options;
  }

  /** One line and its end. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#lost += 1;
      return;
    }
    if (this.#torn && this.#waiting.length === 0) this.#wait(LINE_END); // its rest was lost
    this.#wait(bytes);
    if (!this.#retries) this.#flush();
  }

  #wait(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #flush(): void {
    try {
      this.#writeAll();
    } catch (reason) {
      if (isBusy(reason)) this.#retryLater();
      else this.#drop();
      return;
    }
    if (this.#lost === this.#toldLost) return;
    this.#toldLost = this.#lost;
    this.#options.onLost(this.#lost);
  }

  /** @throws what `write` throws; what it has taken before is no longer here. */
  #writeAll(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const taken = this.#options.write(first);
      this.#waitingBytes -= taken;
      this.#torn = taken < first.length;
      if (this.#torn) this.#waiting[0] = first.subarray(taken);
      else this.#waiting.shift();
    }
  }

  #retryLater(): void {
    this.#retries = true;
    this.#options.after(RETRY_MS, () => {
      this.#retries = false;
      this.#flush();
    });
  }

  #drop(): void {
    this.#lost += this.#waiting.filter((line) => line !== LINE_END).length;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

function isBusy(reason: unknown): boolean {
  const code = reason instanceof Error && 'code' in reason ? reason.code : undefined;
  return code === 'EAGAIN' || code === 'EBUSY';
}
