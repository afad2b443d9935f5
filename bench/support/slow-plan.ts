/** What the slow readers are told and what they report. */
export interface SlowPlan {
  readonly port: number;
  readonly readers: number;
  readonly bytesPerSecond: number; // of each
  readonly size: number;
  readonly objects: number; // readers share these in turn
}

export interface SlowState {
  readonly started: number; // have their first byte
  readonly failures: number;
  readonly lastReason: string;
  readonly bytes: number;
  readonly whole: number;
}
