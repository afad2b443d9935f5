/**
 * May this version still be given out? It was vouched for by its origin at a known moment; from
 * there its lifetime counts and, where allowed, how long it may be stale. RFC 9111 section 4.2.
 */
import type { Ask } from './ask.js';
import type { Fault } from './judge-body.js';
import type { WorldObject } from './world-object.js';

/** A version's lifetime is not counted finer: the gateway's clock ticks, and so do our timers. */
const SLACK_MS = 300;
/** How long an origin's failure excuses a stale answer: the world's failures come again sooner. */
const EXCUSED_MS = 20_000;

export interface Circumstances {
  /**
   * How late this process has been of late, and so perhaps the gateway: whoever joins a fill may get
   * what the origin gave that long ago. A hit is judged at once, however late.
   */
  readonly lagMs: number;
  /** A worker was lost while this request was on its way. */
  readonly workerLost: boolean;
  /** What the gateway has written meanwhile. */
  readonly log?: () => readonly string[];
}

export function timeFaults(ask: Ask, version: number, around: Circumstances): Fault[] {
  const { object, sentMs } = ask;
  if (version > object.current.number) {
    return [{ class: 'wrong-bytes', what: `version ${version} has not been made yet` }];
  }
  const excused = around.workerLost || object.failedMs > sentMs - EXCUSED_MS;
  const floor = object.floorAt(sentMs, excused);
  if (floor !== undefined && version < floor.version) {
    const name = floor.by === 'unsafe' ? 'stale-after-unsafe' : 'stale-after-purge';
    const ago = Math.round(sentMs - floor.fromMs);
    const due = `version ${floor.version} was due by a ${floor.by}`;
    const what = `version ${version}, asked for ${ago} ms after ${due}`;
    return [{ class: name, what }];
  }
  const lateMs = sentMs - allowedUntilMs(object, version) - SLACK_MS - around.lagMs;
  if (lateMs <= 0 || excused) return [];
  const name = object.kind.trouble === 'live' ? 'stale-playlist' : 'stale';
  const since = Math.round(sentMs - (object.version(version)?.untilMs ?? sentMs));
  const what = `version ${version} is ${Math.round(lateMs)} ms too old, replaced ${since} ms ago`;
  return [{ class: name, what }];
}

/** Infinity: it is current, or nothing is said of how old it may be. */
function allowedUntilMs(object: WorldObject, number: number): number {
  const { kind } = object;
  const version = object.version(number);
  if (version === undefined || version.untilMs === Infinity) return Infinity;
  const vouchedMs = object.vouchedMs(number) ?? version.sinceMs;
  const lastMs = kind.site === 'files' ? Math.max(version.untilMs, vouchedMs) : vouchedMs;
  // Last-Modified counts whole seconds.
  const ttlMs = kind.ttlMs + kind.heuristic * (lastMs - version.sinceMs + 1_000);
  const swrMs = ttlMs > 0 ? kind.swrMs : 0;
  return Math.max(version.untilMs, lastMs + ttlMs + swrMs);
}
