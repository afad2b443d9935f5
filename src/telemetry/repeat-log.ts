/**
 * Keeps what goes on and on from filling the log: the first line of a kind is written at once, the
 * following ones are counted, and once a second the newest is written with how many it stands for.
 * So that no origin, client or defect can make us write more than a line a second of each kind.
 */
export interface RepeatLogOptions {
  /** Calls back once after so long; nothing waits for it when the thread ends. */
  readonly after: (ms: number, run: () => void) => void;
}

interface Kind {
  repeated: number; // since the last line
  write: (repeated: number) => void; // the newest one
}

const EVERY_MS = 1_000;
/** More different kinds within a second than there are faults to have: then each is written. */
const MAX_KINDS = 256;

export class RepeatLog {
  readonly #after: RepeatLogOptions['after'];
  readonly #kinds = new Map<string, Kind>(); // of which a line was written within the last second

  constructor({ after }: RepeatLogOptions) {
    this.#after = after;
  }

  /** `write` gets how many lines were left out since the last one of this kind. */
  line(kind: string, write: (repeated: number) => void): void {
    const known = this.#kinds.get(kind);
    if (known !== undefined) {
      known.repeated += 1;
      known.write = write;
      return;
    }
    write(0);
    if (this.#kinds.size >= MAX_KINDS) return;
    this.#kinds.set(kind, { repeated: 0, write });
    this.#waitFor(kind);
  }

  #waitFor(kind: string): void {
    this.#after(EVERY_MS, () => {
      const known = this.#kinds.get(kind);
      if (known === undefined || known.repeated === 0) {
        this.#kinds.delete(kind);
        return;
      }
      const { repeated } = known;
      known.repeated = 0;
      known.write(repeated);
      this.#waitFor(kind);
    });
  }
}
