/** What the origin has seen since its start or its last reset. */
export interface OriginCounts {
  readonly requests: number;
  readonly objects: number; // of them, for /obj/
  readonly lastPath: string;
  readonly herdFirstByteNs: string; // monotonic clock, as text: bigint does not travel
}
