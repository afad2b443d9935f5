/**
 * When a live manifest changes. A viewer who begins by one that lacks the newest segment stays a segment
 * behind for good, so it is asked for again about when the next one is due. Pure; all times are ms of a
 * clock that never steps.
 */

export interface Rhythm {
  readonly content: number; // a hash: equal contents are the same manifest
  readonly sinceMs: number; // when it was first seen
  readonly seenMs: number; // when its origin was last asked and had nothing newer
  readonly afterMs: number; // its origin still had the one before; NaN: there was none
}

/** Encoders are not on time to the millisecond. */
const EARLY = 0.9;
/** As finely as a change is looked for, as a share of the time between two. */
const FINENESS = 1 / 16;
const FINEST_MS = 50;
const COARSEST_MS = 500;
/** Unchanged for so many periods, it has no rhythm that one could wait for. */
const QUIET_PERIODS = 3;
/** Nobody waits for a change that comes more rarely. */
const MAX_PERIOD_MS = 30_000;

/** `askedMs`: when the request left that brought this content, or the 304 that confirmed it. */
export function nextRhythm(before: Rhythm | undefined, content: number, askedMs: number): Rhythm {
  if (before === undefined) return { content, sinceMs: askedMs, seenMs: askedMs, afterMs: NaN };
  if (before.content === content) return { ...before, seenMs: askedMs };
  return { content, sinceMs: askedMs, seenMs: askedMs, afterMs: before.seenMs };
}

/**
 * How long the manifest may be reused: up to when it may change, at most `limitMs`, and while a change
 * is due a small part of `periodMs`, the usual time between two.
 */
export function liveTtlMs(
  rhythm: Rhythm,
  { limitMs, periodMs, nowMs }: { limitMs: number; periodMs: number; nowMs: number },
): number {
  if (periodMs > MAX_PERIOD_MS || nowMs - rhythm.sinceMs > QUIET_PERIODS * periodMs) return limitMs;
  const finestMs = Math.min(Math.max(FINEST_MS, periodMs * FINENESS), COARSEST_MS);
  const dueMs = rhythm.afterMs + EARLY * periodMs - nowMs;
  return Math.round(Math.min(limitMs, dueMs > finestMs ? dueMs : finestMs));
}
