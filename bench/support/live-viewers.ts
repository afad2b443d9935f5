/**
 * Viewers of the live stream (a script, see script.ts). Each holds one connection, polls the playlist
 * as RFC 8216 section 6.3.4 says (a target duration after a change, half of it after none), joins at
 * the live edge and fetches each new segment once.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  SEGMENT_BYTES,
  SEGMENT_MS,
  PLAYLIST_PATH,
  publishedAt,
  segmentPath,
} from './live-stream.js';
import { openAll, RawConnection, renderRequest } from './raw-connection.js';
import { percentile } from './report.js';
import { serveCalls } from './script.js';
import type { Spread, ViewerPlan, ViewerResult } from './viewer-plan.js';

const READ_BYTES = 262_144; // a whole segment when it is there
const LATE_MS = 3 * SEGMENT_MS; // how far a player stays behind the live edge
const TIMER_STEP_MS = 10; // few different delays: timers of one delay share a list
const PLAYLIST = renderRequest(PLAYLIST_PATH);

class Tally {
  playlists = 0;
  segments = 0;
  errors = 0;
  lastError = '';
  late = 0;
  missed = 0;
  readonly segmentTtfbMs: number[] = [];
  readonly playlistTtfbMs: number[] = [];
  readonly ageMs: number[] = [];
}

let tally = new Tally();
let viewers: Viewer[] = [];
const segmentRequests = new Map<number, Buffer>();

class Viewer {
  readonly #epochMs: number;
  readonly #connection: RawConnection;
  #asking: 'playlist' | number = 'playlist'; // or the number of a segment
  #askedMs = 0;
  #playlistAskedMs = 0;
  #seen = -1; // newest segment fetched or given up
  #newest = -1;
  #text = '';
  #status = 0;
  #received = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(plan: ViewerPlan, buffer: Buffer, onOpen: () => void) {
    this.#epochMs = plan.epochMs;
    this.#connection = new RawConnection(
      { port: plan.port, buffer },
      {
        onHead: (status) => {
          this.#head(status);
        },
        onBody: (chunk) => {
          this.#received += chunk.length;
          if (this.#asking === 'playlist') this.#text += chunk.toString('latin1');
          return true;
        },
        onDone: () => {
          if (this.#asking === 'playlist') this.#playlistDone();
          else this.#segmentDone(this.#asking);
        },
        onFailure: (reason) => {
          tally.errors += 1;
          tally.lastError = reason;
          clearTimeout(this.#timer);
        },
      },
      onOpen,
    );
  }

  pollIn(delayMs: number): void {
    const step = Math.max(TIMER_STEP_MS, Math.round(delayMs / TIMER_STEP_MS) * TIMER_STEP_MS);
    this.#timer = setTimeout(() => {
      this.#text = '';
      this.#playlistAskedMs = performance.now();
      this.#ask('playlist', PLAYLIST);
    }, step);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#connection.close();
  }

  #ask(what: 'playlist' | number, request: Buffer): void {
    this.#asking = what;
    this.#received = 0;
    this.#askedMs = performance.now();
    this.#connection.send(request);
  }

  #head(status: number): void {
    const waitedMs = performance.now() - this.#askedMs;
    (this.#asking === 'playlist' ? tally.playlistTtfbMs : tally.segmentTtfbMs).push(waitedMs);
    this.#status = status;
    if (status === 200) return;
    tally.errors += 1;
    tally.lastError = `status ${status} for ${this.#asking}`;
  }

  #playlistDone(): void {
    tally.playlists += 1;
    const newest = Number(/seg-(\d+)\.m4s\s*$/.exec(this.#text)?.[1] ?? this.#newest);
    const first = Number(/MEDIA-SEQUENCE:(\d+)/.exec(this.#text)?.[1] ?? this.#seen + 1);
    if (this.#seen < 0) this.#seen = newest - 1;
    if (this.#seen + 1 < first) {
      tally.missed += first - this.#seen - 1;
      this.#seen = first - 1;
    }
    const changed = newest > this.#newest;
    this.#newest = newest;
    if (changed) this.#nextSegment();
    else this.#pollAfter(SEGMENT_MS / 2);
  }

  #segmentDone(n: number): void {
    tally.segments += 1;
    this.#seen = n;
    if (this.#status === 200 && this.#received !== SEGMENT_BYTES) {
      tally.errors += 1;
      tally.lastError = `segment ${n} of ${this.#received} bytes`;
    }
    const ageMs = Date.now() - publishedAt(this.#epochMs, n);
    tally.ageMs.push(ageMs);
    if (ageMs > LATE_MS) tally.late += 1;
    this.#nextSegment();
  }

  #nextSegment(): void {
    if (this.#seen >= this.#newest) {
      this.#pollAfter(SEGMENT_MS);
      return;
    }
    this.#ask(this.#seen + 1, requestOf(this.#seen + 1));
  }

  /** Counted from the last playlist request, so that a slow answer does not slow the polling. */
  #pollAfter(intervalMs: number): void {
    this.pollIn(intervalMs - (performance.now() - this.#playlistAskedMs));
  }
}

serveCalls({
  /** All connect, then start polling evenly spread over the ramp. Resolves after the ramp. */
  join: async (plan: ViewerPlan) => {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    viewers = await openAll(plan.viewers, (index, onOpen) => {
      const viewer = new Viewer(plan, buffer, onOpen);
      viewer.pollIn((plan.rampMs * index) / plan.viewers);
      return viewer;
    });
    await new Promise((resolve) => setTimeout(resolve, plan.rampMs + SEGMENT_MS));
  },
  /** Watches for a while and reports that while alone, errors of the ramp included. */
  watch: async (durationMs: number): Promise<ViewerResult> => {
    const { errors, lastError } = tally;
    tally = new Tally();
    tally.errors = errors;
    tally.lastError = lastError;
    const loop = monitorEventLoopDelay({ resolution: 5 });
    loop.enable();
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, durationMs));
    const used = process.cpuUsage(cpu);
    const elapsedMs = performance.now() - startedMs;
    loop.disable();
    const seen = tally;
    return {
      playlists: seen.playlists,
      segments: seen.segments,
      errors: seen.errors,
      lastError: seen.lastError,
      late: seen.late,
      missed: seen.missed,
      segmentTtfbMs: spreadOf(seen.segmentTtfbMs),
      playlistTtfbMs: spreadOf(seen.playlistTtfbMs),
      ageMs: spreadOf(seen.ageMs),
      cpuShare: (used.user + used.system) / 1_000 / elapsedMs,
      loopDelayP99Ms: loop.percentile(99) / 1e6,
    };
  },
  leave: () => {
    for (const viewer of viewers) viewer.close();
  },
});

/** Rendered once a segment, not once a viewer. Kept few: viewers stay near the live edge. */
function requestOf(segment: number): Buffer {
  const known = segmentRequests.get(segment);
  if (known) return known;
  const request = renderRequest(segmentPath(segment));
  segmentRequests.set(segment, request);
  segmentRequests.delete(segment - 32);
  return request;
}

function spreadOf(values: readonly number[]): Spread {
  return {
    p50: percentile(values, 50),
    p99: percentile(values, 99),
    p999: percentile(values, 99.9),
    max: percentile(values, 100),
  };
}
