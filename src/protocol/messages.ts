/**
 * What edge workers and shards say to each other. Plain values only: they cross threads by clone.
 * Every `ask` is answered by exactly one of `object`, `filling`, `head`, `bypass` or `refused`;
 * `filling` is followed by `progress` until its `end`, `head` by `chunk` until `end`. What may be
 * shared comes as `object` or `filling`; a `head`, and a 1xx, belong to the one request that was sent.
 * An `object` and a `filling` bring a lease of their body, taken for the worker that gets it: it is there,
 * whatever has happened since, and the worker releases it.
 */
import type { ErrorCode } from '../errors.js';
import type { ContentCoding } from '../http/encoding.js';
import type { FieldLines } from '../http/fields.js';
import type { Lane } from '../runtime/lanes.js';
import type { ForwardReason } from '../rules/cache-status.js';
import type { Descriptor, StoredExtent } from './descriptor.js';
import type { SliceOf } from './slices.js';

/** Why an answer is what it is; becomes our Cache-Status member (RFC 9211). */
export type Served = (
  | { readonly hit: true; readonly fwd?: never }
  | { readonly hit: false; readonly fwd?: ForwardReason }
) & {
  readonly fwdStatus?: number;
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly detail?: string;
};

export interface AskRequest {
  readonly key: string;
  readonly target: string; // normalised path and the query that goes upstream
  readonly headers: FieldLines; // the client's end-to-end fields
  readonly range: string; // '' when there is none, or when it must be ignored
  readonly lane: Lane;
  /** Only refresh what is stored; nobody waits for the answer. */
  readonly background: boolean;
  /** The fields say who asks (`isCredential`): an answer may be for this person alone. */
  readonly credentialed: boolean;
  /** The range reaches past the end of what is stored: it may have grown. */
  readonly beyond: boolean;
  /** The key is that of a slice, and this is which; the range says so, too. */
  readonly slice: SliceOf | undefined;
  /** Leaders it has waited for in vain. */
  readonly elections: number;
}

/** What most asks are: for the object, as it is. */
export const PLAIN_ASK = { beyond: false, slice: undefined, elections: 0 } as const;

/** One body. A generation has one content for good: a coding of it is of no other. */
export interface BodyName {
  readonly slot: number;
  readonly generation: number;
}

/**
 * What those do who waited for an answer that only its leader may have: fetch for themselves; ask anew,
 * so that one of them leads, and in the end fetch for themselves or (after failures) be refused.
 */
export type Aftermath = 'bypass' | 'elect' | 'elect-or-refuse' | 'refused';

export type ToShard =
  | {
      readonly kind: 'ask';
      readonly id: number;
      readonly shard: number;
      readonly request: AskRequest;
    }
  /** What a player will ask for next; nobody waits. */
  | { readonly kind: 'prefetch'; readonly shard: number; readonly request: AskRequest }
  | { readonly kind: 'cancel'; readonly id: number; readonly shard: number }
  | { readonly kind: 'credit'; readonly id: number; readonly shard: number; readonly bytes: number }
  /** Of a body in a ring: where the slowest and the fastest follower of this worker are. */
  | {
      readonly kind: 'passed';
      readonly shard: number;
      readonly fill: number;
      readonly slowest: number;
      readonly fastest: number;
    }
  | {
      readonly kind: 'invalidate';
      readonly id: number;
      readonly shard: number;
      readonly key: string;
      /** What has this validator is no longer what the resource is; '': all there is. */
      readonly validator: string;
    };

/** To a shard: a client would take that body in that coding. Answered by `coded`, now or when it is made. */
export interface EncodeOrder {
  readonly kind: 'encode';
  readonly shard: number;
  readonly body: BodyName;
  readonly coding: ContentCoding;
}

export interface Head {
  readonly status: number;
  readonly fields: FieldLines;
}

export type FillEnd =
  { readonly ok: true } | { readonly ok: false; readonly code: ErrorCode; readonly detail: string };

export type ToEdge =
  | {
      readonly kind: 'object';
      readonly id: number;
      readonly descriptor: Descriptor;
      readonly served: Served;
    }
  | {
      readonly kind: 'filling';
      readonly id: number;
      readonly fill: number;
      readonly descriptor: Descriptor;
      readonly served: Served;
    }
  | {
      readonly kind: 'progress';
      readonly fill: number;
      readonly written: number;
      readonly extents: readonly StoredExtent[] | undefined; // set when the object grew
      /** Set once the body is too large to keep: from now on byte n lies at n modulo this. */
      readonly ringBytes?: number;
      /** Followers that are not this far hold up those who wait: they are cut. */
      readonly cutBelow?: number;
      readonly end: FillEnd | undefined;
    }
  | {
      readonly kind: 'head';
      readonly id: number;
      readonly head: Head;
      readonly served: Served;
      readonly others: Aftermath;
    }
  | { readonly kind: 'informational'; readonly id: number; readonly head: Head }
  | { readonly kind: 'chunk'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly id: number; readonly code: ErrorCode | undefined }
  | { readonly kind: 'bypass'; readonly id: number }
  | {
      readonly kind: 'refused';
      readonly id: number;
      readonly code: ErrorCode;
      readonly detail: string;
      readonly retryAfterS: number; // 0: no Retry-After
      readonly others: Aftermath; // 'refused': it is everybody's fault or nobody's
    }
  | { readonly kind: 'invalidated'; readonly id: number };

/** It names what it answers and no number: a worker's successor may read it, too. */
export interface Coded {
  readonly kind: 'coded';
  readonly of: BodyName & { readonly shard: number };
  readonly coding: ContentCoding;
  /** With the coding, or with the news that it is not worth it, or neither: not now. Undefined: gone. */
  readonly descriptor: Descriptor | undefined;
}

/** To each worker: which segment follows which, as a playlist says. Keys, as of `AskRequest`. */
export interface SegmentOrder {
  readonly kind: 'order';
  readonly playlist: string;
  readonly content: number; // a hash: equal contents say the same
  readonly following: readonly (readonly [segment: string, next: string])[];
}

/** Everything that travels on the mesh: `shard` marks what a shard receives. */
export type MeshMessage = ToShard | EncodeOrder | ToEdge | Coded | SegmentOrder;

export function isToShard(message: MeshMessage): message is ToShard | EncodeOrder {
  return 'shard' in message;
}
