/**
 * One trip to the origin on behalf of many: a singleflight. It belongs to the shard and outlives the
 * client that caused it while anyone wants it.
 *
 *   phase       waiters are                      ends by
 *   requesting  held until the head arrives      head, error, cancel
 *   filling     following the bytes              end of body, error, cancel when nobody is left
 *   ringing     following a body too large to    end of body, error, cancel when nobody is left
 *               keep, at the pace of the slowest
 *   relaying    the leader: the bytes are his    end of body, error, cancel
 *   done        none
 *
 * The request is its leader's. What may be stored goes to all; what may not goes to the leader, and if
 * he has left to nobody: `sharing.ts` says what becomes of the others.
 */
import { mayShare } from '../../rules/audience.js';
import type { Descriptor } from '../../protocol/descriptor.js';
import type { AskRequest } from '../../protocol/messages.js';
import type { StoringPlan } from '../../protocol/describe.js';
import { judge, NO_DIRECTIVES, type RequestDirectives } from '../../rules/reuse.js';
import { secondaryKey } from '../../rules/vary.js';
import type { Entry, Stored } from '../holdings/entry.js';
import type { Body } from '../holdings/object-store.js';
import type { KeyFills } from './key-fills.js';

/**
 * Who asks within this time of an answer has asked when it came (RFC 9111 section 4), also where it may not be
 * used again: so that what comes slowly costs its origin four requests a second, whoever asks.
 */
const SAME_TIME_MS = 250;

export interface Waiter {
  readonly worker: number;
  readonly id: number;
  readonly request: AskRequest;
  readonly directives: RequestDirectives;
  collapsed: boolean; // joined a fill that another one began
  elections: number; // leaders that it waited for and could not share with
  follows: boolean; // was told where the bytes are
}

export interface Fill {
  readonly id: number;
  readonly entry: Entry;
  readonly among: KeyFills; // those of its key
  slotKey: string; // its key among them; changes when the answer names other fields in Vary
  readonly leader: Waiter;
  readonly range: string; // forwarded upstream; '' = the whole object
  readonly stored: Stored | undefined; // what is being revalidated
  readonly abort: AbortController;
  /** Workers that follow the bytes, and by how many asks. */
  readonly subscribers: Map<number, number>;
  /** By asker, so that a crowd leaves in linear time. */
  readonly waiters: Map<string, Waiter>;
  readonly askers: Set<string>; // by which the shard finds it: all that an ask has not left yet
  phase: 'requesting' | 'filling' | 'ringing' | 'relaying' | 'done';
  outdated: boolean; // purged, or behind a newer answer: serve those who asked before, keep nothing
  reserved: Body | undefined; // room taken before the origin is asked: of a slice
  body: Body | undefined;
  descriptor: Descriptor | undefined;
  answeredMs: number; // when the head of it came
  written: number;
  sentExtents: number; // how many extents the subscribers know
  unannounced: number | undefined; // the status that its waiters are to hear of, with where the bytes are
  readonly ring: Ring;
  credit: number; // bytes the relay may still send
  wake: (() => void) | undefined; // what the body waits for: credit, room in the ring, or an abort
}

/** Where the followers of a ringing fill are, by worker; a worker that has not said so is at 0. */
export interface Ring {
  bytes: number; // 0 before it rings
  readonly places: Map<number, { readonly slowest: number; readonly fastest: number }>;
  cutBelow: number;
  heldSinceMs: number; // when the slowest began to hold up the others; NaN: he does not
  heldAt: number; // where he was then
}

/** Names an ask among those of all workers. */
export function askerOf({ worker, id }: Pick<Waiter, 'worker' | 'id'>): string {
  return `${worker}:${id}`;
}

/** The leader, if he still waits. */
export function presentLeader(fill: Fill): Waiter | undefined {
  return fill.waiters.get(askerOf(fill.leader));
}

/** An aborted fill lives on until its origin has heard of it: who asks meanwhile needs another. */
export function isJoinable({ abort, outdated, phase }: Fill): boolean {
  if (outdated || abort.signal.aborted) return false;
  return phase === 'requesting' || phase === 'filling';
}

/** What it brings may answer who asks now: it is still asked for, or no older than what is stored may be. */
export function isTimely({ descriptor, leader, answeredMs }: Fill, nowMs: number): boolean {
  if (descriptor === undefined || leader.request.slice !== undefined) return true; // bytes do not age
  if (nowMs - answeredMs < SAME_TIME_MS) return true;
  const verdict = judge(descriptor.freshness, NO_DIRECTIVES, nowMs);
  return verdict === 'fresh' || verdict === 'stale-revalidate-in-background';
}

/** What it brings, or may fall back on, may be given to who asks; as far as is known. */
export function mayJoin({ descriptor, stored }: Fill, credentialed: boolean): boolean {
  return [descriptor, stored?.descriptor].every(
    (known) => known === undefined || mayShare(known.freshness, credentialed),
  );
}

/**
 * Takes out of the fill those whom its answer, of that secondary key, does not suit. The leader it always
 * suits: it was his request.
 */
export function takeMismatched(
  fill: Fill,
  plan: Pick<StoringPlan, 'vary' | 'anonymousOnly'>,
  secondary: string,
): Waiter[] {
  const leader = askerOf(fill.leader);
  const mismatched: Waiter[] = [];
  for (const [asker, waiter] of fill.waiters) {
    const { headers, credentialed } = waiter.request;
    const suits = secondaryKey(plan.vary, headers) === secondary && mayShare(plan, credentialed);
    if (asker === leader || suits) continue;
    fill.waiters.delete(asker);
    mismatched.push(waiter);
  }
  return mismatched;
}

/** True when it costs less to finish than to begin again: half is here, or at most 1 MiB is missing. */
export function nearlyDone(fill: Fill): boolean {
  const total = fill.descriptor?.storedBytes ?? -1;
  if (total < 0) return false;
  return fill.written * 2 >= total || total - fill.written <= 1_048_576;
}

/** The ask was told where the bytes are. */
export function subscribe(fill: Fill, waiter: Waiter): void {
  if (waiter.follows) return;
  waiter.follows = true;
  fill.subscribers.set(waiter.worker, (fill.subscribers.get(waiter.worker) ?? 0) + 1);
}

/** The ask has left. The last of a worker takes the worker with it. */
export function unsubscribe(fill: Fill, waiter: Waiter): void {
  if (!waiter.follows) return;
  waiter.follows = false;
  const left = (fill.subscribers.get(waiter.worker) ?? 1) - 1;
  if (left > 0) {
    fill.subscribers.set(waiter.worker, left);
    return;
  }
  fill.subscribers.delete(waiter.worker);
  fill.ring.places.delete(waiter.worker);
  wakeFill(fill);
}

/** Lets the body go on that waits for its readers. */
export function wakeFill(fill: Fill): void {
  const { wake } = fill;
  fill.wake = undefined;
  wake?.();
}
