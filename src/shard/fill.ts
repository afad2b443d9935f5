/**
 * One trip to the origin on behalf of many: a singleflight. It belongs to the shard and outlives the
 * client that caused it while anyone wants it.
 *
 *   phase       waiters are                      ends by
 *   requesting  held until the head arrives      head, error, cancel
 *   filling     following the bytes              end of body, error, cancel when nobody is left
 *   relaying    one: the bytes pass through      end of body, error, cancel
 *   done        none
 */
import type { Descriptor } from '../cache/descriptor.js';
import type { AskRequest } from '../cache/messages.js';
import type { RequestDirectives } from '../cache/reuse.js';
import type { Entry, Stored } from './entry.js';
import type { Body } from './object-store.js';

export interface Waiter {
  readonly worker: number;
  readonly id: number;
  readonly request: AskRequest;
  readonly directives: RequestDirectives;
  collapsed: boolean; // joined a fill that another one began
}

export interface Fill {
  readonly id: number;
  readonly entry: Entry;
  slotKey: string; // its key in entry.fills; changes when the answer names other fields in Vary
  readonly leader: Waiter;
  readonly range: string; // forwarded upstream; '' = the whole object
  readonly stored: Stored | undefined; // what is being revalidated
  readonly abort: AbortController;
  readonly subscribers: Set<number>; // workers that follow the bytes
  waiters: Waiter[];
  readonly askers: Set<string>; // by which the shard finds it: all that an ask has not left yet
  phase: 'requesting' | 'filling' | 'relaying' | 'done';
  purged: boolean; // purged under way: serve those who asked before, keep nothing
  body: Body | undefined;
  descriptor: Descriptor | undefined;
  written: number;
  sentExtents: number; // how many extents the subscribers know
  credit: number; // bytes the relay may still send
  wakeRelay: (() => void) | undefined;
}

/** True when it costs less to finish than to begin again: half is here, or at most 1 MiB is missing. */
export function nearlyDone(fill: Fill): boolean {
  const total = fill.descriptor?.storedBytes ?? -1;
  if (total < 0) return false;
  return fill.written * 2 >= total || total - fill.written <= 1_048_576;
}

/** Found from now on by those whom the answer suits: the fields that select it are known at last. */
export function rekey(fill: Fill, secondary: string): void {
  const { fills } = fill.entry;
  const slotKey = fill.range === '' ? secondary : `${secondary}\n${fill.range}`;
  if (slotKey === fill.slotKey || fills.get(fill.slotKey) !== fill) return;
  fills.delete(fill.slotKey);
  fill.slotKey = slotKey;
  if (!fills.has(slotKey)) fills.set(slotKey, fill);
}
