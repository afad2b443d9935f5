/** What the herd's clients are told and what they report. Times are of the monotonic clock, as text. */
export interface HerdPlan {
  readonly port: number;
  readonly path: string;
  readonly size: number;
  readonly n: number; // which body, see bodies.ts
  readonly clients: number;
  readonly hold: boolean;
}

export interface HerdResult {
  readonly askingMs: number; // from the first request to the last
  readonly firstByteNs: readonly string[];
  readonly clientCpuMs: number; // of the generator, from the first first byte to the last
  readonly totalMs: number;
  readonly whole: number;
  readonly wrong: number; // status, length or a byte
  readonly failures: number;
  readonly lastReason: string;
}
