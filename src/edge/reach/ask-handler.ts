/** What waits for an answer of a shard, and what becomes of those that the answer was not made for. */
import type { ErrorCode } from '../../errors.js';
import type { Descriptor } from '../../protocol/descriptor.js';
import type { Aftermath, Head, Served } from '../../protocol/messages.js';
import type { FillFeed } from './fill-feed.js';

/** One request's side of an ask. Exactly one of the first six is called, once, unless cancelled. */
export interface AskHandler {
  /** The body is leased for as long as this call lasts. */
  object(descriptor: Descriptor, served: Served): void;
  /** The bytes are coming: join `feed`, and send up to `quantum` of those that are there. */
  filling(feed: FillFeed, served: Served, quantum: number): void;
  /** Not for the cache: `chunk`s follow, then `relayEnded`. */
  head(head: Head, served: Served): void;
  /** Fetch it yourself. */
  bypass(): void;
  /** What came was for its leader alone: ask anew, and after too many leaders do the other thing. */
  elect(otherwise: 'bypass' | 'refused'): void;
  refused(code: ErrorCode, detail: string, retryAfterS: number): void;
  interim(head: Head): void;
  chunk(bytes: Uint8Array): void;
  relayEnded(code: ErrorCode | undefined): void;
}

/** Not the leader: the answer was not for him. */
export function sendOn(member: AskHandler, what: Aftermath): void {
  if (what === 'bypass') member.bypass();
  else member.elect(what === 'elect' ? 'bypass' : 'refused');
}

/** All but the first of those who wait were folded into its request. */
export function servedTo(position: number, served: Served): Served {
  return position === 0 || served.hit ? served : { collapsed: true, ...served };
}
