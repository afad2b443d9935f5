/** What the live viewers are told and what they report. */
export interface ViewerPlan {
  readonly port: number;
  readonly viewers: number;
  readonly epochMs: number; // of the stream, see live-stream.ts
  readonly rampMs: number; // over which the viewers join
}

export interface ViewerResult {
  readonly playlists: number;
  readonly segments: number;
  readonly errors: number; // statuses, lengths, lost connections
  readonly lastError: string;
  readonly late: number; // segments whole more than three target durations after publication
  readonly missed: number; // segments that left the playlist before the viewer came to them
  readonly segmentTtfbMs: Spread;
  readonly playlistTtfbMs: Spread;
  readonly ageMs: Spread; // from publication at the origin to the last byte at the viewer
  readonly cpuShare: number; // of the generator's own core
  readonly loopDelayP99Ms: number; // of the generator: what it adds to the times above
}

export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}
