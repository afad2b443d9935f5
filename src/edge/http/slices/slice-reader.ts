/**
 * One slice of a large object, as one answer reads it: found, asked of its shard, or, when that has
 * no room for it, fetched for this answer alone.
 *
 *   phase     its bytes are                      goes on to
 *   asked     not here                           filling, stored, direct
 *   filling   coming, under the lease of a feed  asked, after a failure
 *   stored    in the arena, under a lease
 *   direct    in the hand of an origin's stream
 */
import { mayShare } from '../../../rules/audience.js';
import type { Descriptor } from '../../../protocol/descriptor.js';
import type { AskRequest, Served } from '../../../protocol/messages.js';
import { type SliceOf, sliceRange } from '../../../protocol/slices.js';
import { isSelectedBy } from '../../../rules/vary.js';
import type { ErrorCode } from '../../../errors.js';
import { RANGE_AND_CONDITIONS } from '../../../http/conditions.js';
import type { FieldLine, FieldLines } from '../../../http/fields.js';
import type { BorrowedBytes } from '../../../runtime/bytes.js';
import type { AskHandler } from '../../reach/ask-handler.js';
import type { ClientRequest } from '../request/client-request.js';
import type { EdgeContext } from '../context.js';
import { DirectSlice } from './direct-slice.js';
import type { FillFeed, Follower } from '../../reach/fill-feed.js';
import { LocalObject } from '../../reach/local-object.js';

/** A purge, a lost worker, an origin that broke off: asked for again so often. */
const MAX_ASKS = 4;
/** These govern the object; its head has been judged by them. */
const OF_THE_HEAD = new Set(RANGE_AND_CONDITIONS);
/** These, too, unless `speaksOfSlices`. */
const DIRECTIVES: ReadonlySet<string> = new Set(['cache-control', 'pragma']);
/** Tells a shard to give what it has, and otherwise to leave the origin to who asks. */
const NO_FILL: FieldLine = ['cache-control', 'no-store'];

export interface SliceOwner {
  /** Something of its answer has been sent. */
  readonly begun: boolean;
  /** One was fetched past the cache: whether a cache may keep what the origin sends. */
  onDirect(mayKeep: boolean): void;
  /** Bytes may have come. */
  onBytes(reader: SliceReader, quantum: number): void;
  /** It will not come. 'GW_ORIGIN_CHANGED': the object is another one now. */
  onFailed(reader: SliceReader, code: ErrorCode): void;
}

export interface SliceReaderOptions {
  readonly context: EdgeContext;
  readonly request: ClientRequest;
  readonly clientAddress: string;
  readonly head: Descriptor;
  readonly key: string;
  readonly slice: SliceOf;
  /** False: the one before could not be kept, so that a fill would only ask the origin in vain. */
  readonly fills: boolean;
  readonly owner: SliceOwner;
}

export class SliceReader implements AskHandler, Follower {
  readonly #options: SliceReaderOptions;
  #served: Served = { hit: true };
  #asks = 0;
  #joins: boolean;
  #over = false;
  #feed: FillFeed | undefined;
  #object: LocalObject | undefined;
  #direct: DirectSlice | undefined;

  constructor(options: SliceReaderOptions) {
    this.#options = options;
    // What is answered to directives is not for those who ask for the same without.
    this.#joins = options.fills && !speaksOfSlices(options.request);
  }

  /** How it was come by; known with its first bytes. */
  get served(): Served {
    return this.#served;
  }

  get over(): boolean {
    return this.#over;
  }

  get begun(): boolean {
    return this.#options.owner.begun;
  }

  /** Its length is known, so that nothing is overwritten behind it. */
  get sent(): number {
    return 0;
  }

  start(): void {
    const { context, request, key } = this.#options;
    const object = context.lookup.find(key, request.fields);
    if (object !== undefined && mayShare(object.descriptor.freshness, request.credentialed)) {
      if (this.#hold(object)) return;
    }
    this.#ask();
  }

  /** Lets go of all it holds. */
  close(): void {
    this.#over = true;
    this.#options.context.asks.cancel(this);
    this.#feed?.leave(this);
    this.#direct?.close();
    this.#object?.arena.release(this.#object.descriptor.slot);
    this.#object = undefined;
  }

  /** Bytes from offset `at` of the slice on; undefined: not there yet. Lent for this call. */
  view(at: number, count: number): BorrowedBytes | undefined {
    if (this.#direct !== undefined) return this.#direct.view(at, count);
    const { slice } = this.#options;
    if (this.#feed !== undefined) {
      const { source } = this.#feed;
      const there = Math.min(count, source.written - at);
      return there > 0 ? source.view(at, there) : undefined;
    }
    if (this.#object === undefined) return undefined;
    const { arena, descriptor } = this.#object;
    const length = slice.last - slice.first + 1;
    const view = arena.view(descriptor.extents, at, Math.min(count, length - at));
    return view.length > 0 ? view : undefined;
  }

  object(descriptor: Descriptor, served: Served): void {
    if (!isSelectedBy(this.#options.request.fields, descriptor)) {
      this.#askUnjoined();
      return;
    }
    const { arena, config, turns } = this.#options.context;
    this.#served = served;
    const object = new LocalObject(descriptor, arena, config.cache.name);
    if (this.#hold(object)) this.pump(turns.quantum);
    else this.#askAgain('GW_ARENA_FULL');
  }

  filling(feed: FillFeed, served: Served, quantum: number): void {
    if (!isSelectedBy(this.#options.request.fields, feed.descriptor)) {
      this.#askUnjoined();
      return;
    }
    this.#served = served;
    this.#feed = feed;
    feed.follow(this);
    if (feed.source.written > 0) this.pump(quantum);
  }

  pump(quantum: number): void {
    this.#options.owner.onBytes(this, quantum);
  }

  cut(): void {
    this.failed('GW_ORIGIN_IO');
  }

  failed(code: ErrorCode): void {
    this.#feed?.leave(this);
    this.#feed = undefined;
    this.#askAgain(code);
  }

  bypass(): void {
    const { context, request, clientAddress, head, slice, owner } = this.#options;
    this.#served = { hit: false, fwd: 'partial' };
    this.#direct = new DirectSlice(context, {
      request,
      clientAddress,
      head,
      slice,
      onHead: (mayKeep) => {
        owner.onDirect(mayKeep);
      },
      onBytes: () => {
        this.pump(context.turns.quantum);
      },
      onFailed: (code) => {
        owner.onFailed(this, code);
      },
    });
  }

  elect(): void {
    this.#askAgain('GW_ORIGIN_STATUS');
  }

  refused(code: ErrorCode): void {
    if (code === 'GW_WORKER_LOST') this.#askAgain(code);
    else this.#options.owner.onFailed(this, code);
  }

  /** A slice is never relayed: whoever cannot share one is sent alone. */
  head(): void {
    this.#options.context.asks.cancel(this);
    this.bypass();
  }

  interim(): void {
    // A 1xx is about a request of ours, not about the client's.
  }

  chunk(): void {
    // None comes without `head`.
  }

  relayEnded(): void {
    // As `chunk`.
  }

  /** Its bytes stay until `close`. False: it has gone, or is not that slice, whatever its key says. */
  #hold(object: LocalObject): boolean {
    const { arena, descriptor } = object;
    if (!isThat(this.#options.slice, descriptor)) return false;
    if (!arena.acquire(descriptor.slot, descriptor.generation)) return false;
    arena.touch(descriptor.slot);
    this.#object = object;
    return true;
  }

  #askUnjoined(): void {
    this.#joins = false;
    this.#askAgain('GW_ORIGIN_STATUS');
  }

  #askAgain(code: ErrorCode): void {
    if (this.#asks < MAX_ASKS) this.#ask();
    else this.#options.owner.onFailed(this, code);
  }

  #ask(): void {
    this.#asks += 1;
    this.#options.context.asks.ask(this.#request(), this, this.#joins);
  }

  #request(): AskRequest {
    const { request, key, slice, fills } = this.#options;
    const { upstreamTarget, fields, lane, credentialed } = request;
    const speaks = speaksOfSlices(request);
    const range = sliceRange(slice);
    const kept = fields.filter(
      ([name]) => !OF_THE_HEAD.has(name) && (speaks || !DIRECTIVES.has(name)),
    );
    const own: FieldLines = fills || speaks ? [] : [NO_FILL];
    const headers: FieldLines = [...kept, ...own, ['range', range]];
    return {
      key,
      headers,
      range,
      lane,
      credentialed,
      slice,
      target: upstreamTarget,
      background: false,
      beyond: false,
      elections: 0,
    };
  }
}

/**
 * Whoever wants nothing from the origin wants no slice from it, and of what a no-store brings no slice is
 * kept (RFC 9111 section 5.2.1.5).
 */
function speaksOfSlices({ directives: { onlyIfCached, noStore } }: ClientRequest): boolean {
  return onlyIfCached || noStore;
}

function isThat({ first, last, total }: SliceOf, descriptor: Descriptor): boolean {
  const { firstByte, storedBytes, totalBytes } = descriptor;
  return firstByte === first && storedBytes === last - first + 1 && totalBytes === total;
}
