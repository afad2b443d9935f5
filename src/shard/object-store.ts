/**
 * What lies in the banks of one shard: which slot holds what, who is to go next, and what waits for its
 * readers. Owned by the shard's thread.
 *
 * Phases of a slot: free → filling (never a victim) → stored → retired (readers remain) → free.
 */
import type { ArenaView } from '../arena/arena.js';
import type { BuddyAllocator, Extent } from '../arena/buddy.js';
import { Directory, type PublishedText, textBytes, textOffsetAfter } from '../arena/directory.js';
import type { Banks } from '../arena/banks.js';
import { MIN_BLOCK_BYTES, NO_SLOT } from '../arena/layout.js';
import type { S3Fifo } from '../arena/eviction.js';

/** Room made for one object: at most so many times its bytes and that share of the arena, ... */
const EVICT_FACTOR = 2;
const EVICT_MORE_SHARE = 64;
/** ... by so many evictions: each takes some 10 us of a turn. */
const MAX_EVICTIONS = 4_096;
/** Evictions that a mean is of, about. */
const KEPT_MEAN_OF = 64;
/** Who has not evicted for so long needs no more memory now. */
const EVICTS_MS = 10_000;

/** A slot with its bytes. Whoever holds it must `store` or `release` it. */
export interface Body {
  readonly slot: number; // the number of its first block
  generation: number;
  extents: Extent[];
  bytes: number; // allocated for; shrinks to what was written
  readonly behind: number; // asked for behind the bytes, for texts
  used: number; // bytes of its extents that it needs, once stored: with the text
  text: TextRoom | undefined; // behind the body
  published: boolean; // the text is in the directory
}

/** Bytes of the arena, from a whole line on. */
interface TextRoom {
  readonly offset: number;
  readonly capacity: number;
}

export interface ObjectStoreOptions {
  readonly arena: ArenaView;
  readonly shard: number;
  readonly allocator: BuddyAllocator;
  readonly banks: Banks;
  readonly eviction: S3Fifo;
  readonly now: () => number;
  /** A stored body is taken for room: forget everything that names it, and give it back. */
  readonly onEvicted: (slot: number) => Body | undefined;
}

export class ObjectStore {
  readonly arena: ArenaView;
  readonly #directory: Directory;
  readonly #allocator: BuddyAllocator;
  readonly #banks: Banks;
  readonly #eviction: S3Fifo;
  readonly #onEvicted: ObjectStoreOptions['onEvicted'];
  #retired: Body[] = [];
  #spaceWaiters: (() => void)[] = [];
  #evictions = 0;
  readonly #now: () => number;
  readonly #storedMs: Float64Array;
  #keptMs = 0; // how long what was evicted had been stored: a mean, of late
  #noted = 0;
  #evictedMs: number; // the last time; or when this began
  #storedBytes = 0;
  #textBytes = 0;
  #heldBytes = 0; // of the arena, by what may be evicted

  constructor(options: ObjectStoreOptions) {
    this.arena = options.arena;
    this.#directory = new Directory(options.arena, options.shard);
    this.#allocator = options.allocator;
    this.#banks = options.banks;
    this.#eviction = options.eviction;
    this.#onEvicted = options.onEvicted;
    this.#now = options.now;
    this.#storedMs = options.arena.pool.books.storedMs;
    this.#evictedMs = options.now();
  }

  get count(): number {
    return this.#eviction.count;
  }

  get evictions(): number {
    return this.#evictions;
  }

  /** How long it keeps what it evicts; longer, when it has evicted nothing for longer. */
  get keepsMs(): number {
    return Math.max(this.#keptMs, this.#now() - this.#evictedMs);
  }

  /** The same, of a shard that evicts: the shorter, the more a further bank is worth here. Else Infinity. */
  get needsMs(): number {
    const evicts = this.#noted > 0 && this.#now() - this.#evictedMs < EVICTS_MS;
    return evicts ? this.#keptMs : Infinity;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  get retiredCount(): number {
    return this.#retired.length;
  }

  /** Bytes of the arena that something lies in: bodies, texts, and what is rounded up. */
  get takenBytes(): number {
    return this.#allocator.sizeBytes - this.#allocator.freeBytes;
  }

  /** Bytes of the banks that the shard has. */
  get bankBytes(): number {
    return this.#allocator.sizeBytes;
  }

  /** Bytes of the texts from which workers serve. */
  get publishedBytes(): number {
    return this.#textBytes;
  }

  get freeBytes(): number {
    return this.#allocator.freeBytes;
  }

  /**
   * Room for `bytes`, and `extra` behind them in the same piece where that is possible, under a fresh
   * generation; evicts as needed. Undefined: readers hold too much.
   */
  reserve(bytes: number, extra = 0): Body | undefined {
    // What is wanted behind the bytes is not worth a refusal, nor a second round of evictions.
    const extents = this.#mayFit(bytes + extra)
      ? (this.#allocate(bytes + extra) ?? this.#allocator.allocate(Math.max(1, bytes)))
      : this.#allocate(bytes);
    const [first] = extents ?? [];
    if (extents === undefined || first === undefined) return undefined;
    const slot = first.offset / MIN_BLOCK_BYTES;
    this.#allocator.label(extents, slot);
    this.arena.publishWritten(slot, 0);
    return {
      slot,
      generation: this.arena.bumpGeneration(slot),
      extents,
      bytes,
      behind: extra,
      used: bytes,
      text: undefined,
      published: false,
    };
  }

  /** Appends at least `bytes` to a body that fills. False: no room now. */
  grow(body: Body, bytes: number): boolean {
    const more = this.#allocate(bytes);
    if (more === undefined) return false;
    this.#allocator.label(more, body.slot);
    body.extents = [...body.extents, ...more];
    body.bytes = lengthOf(body.extents);
    return true;
  }

  /**
   * Cuts a body to what was written and makes it a candidate for eviction. With `text`, workers may
   * serve it from the directory, if there is room for the text behind the bytes.
   */
  store(body: Body, bytes: number, keyHash: number, text?: PublishedText): void {
    const room = text === undefined ? undefined : textRoom(body.extents, bytes, textBytes(text));
    const from = body.slot * MIN_BLOCK_BYTES;
    body.used = room === undefined ? bytes : room.offset + room.capacity - from;
    const kept = Math.min(lengthOf(body.extents), Math.max(1, body.used, bytes + body.behind));
    body.extents = this.#allocator.shrink(body.extents, kept);
    this.#allocator.label(body.extents, body.slot);
    body.bytes = bytes;
    body.text = room;
    this.arena.hits[body.slot] = 0;
    this.#storedMs[body.slot] = this.#now();
    this.#count(body, 1);
    // Small ones are mostly text, and cost what they take.
    this.#eviction.insert(body.slot, lengthOf(body.extents), keyHash);
    if (text !== undefined && room !== undefined) this.#publish(body, room, text);
  }

  /** The same bytes under a new generation: descriptors handed out before are void. */
  renew(body: Body, text?: PublishedText): void {
    body.generation = this.arena.bumpGeneration(body.slot);
    this.#withdraw(body);
    const room = body.text;
    if (room === undefined || text === undefined || textBytes(text) > room.capacity) return;
    // A reader of the old generation may still be copying the old text.
    if (!this.#isRead(body)) this.#publish(body, room, text);
  }

  /** Gives up a stored body; its bytes are reused when the last reader has left. */
  discard(body: Body): void {
    this.#eviction.remove(body.slot);
    this.#count(body, -1);
    this.release(body);
  }

  /** Gives up a body that was never stored. */
  release(body: Body): void {
    this.arena.bumpGeneration(body.slot);
    this.#withdraw(body);
    if (this.#isRead(body)) this.#retired.push(body);
    else this.#allocator.free(body.extents);
  }

  /**
   * A piece for what only the owner reads, of at least `bytes`, that goes with what lies in the slot `of`:
   * that is not taken for it. Undefined: no room.
   */
  takePiece(bytes: number, of: number): Extent | undefined {
    const pieces = this.#makeRoom(bytes, of, () => {
      const block = this.#allocator.allocateBlock(bytes);
      return block && [block];
    });
    if (pieces !== undefined) this.#allocator.label(pieces, of);
    return pieces?.[0];
  }

  givePiece(piece: Extent): void {
    this.#allocator.free([piece]);
  }

  /**
   * Frees what readers have left, and wakes fills that wait for room. For a timer: a fill that woke
   * others as it looks for room would be woken by them in turn, in microtasks, before any reader
   * could leave.
   */
  reclaim(): void {
    this.#freeRetired();
    const waiters = this.#spaceWaiters;
    this.#spaceWaiters = [];
    for (const wake of waiters) wake();
  }

  #freeRetired(): void {
    this.#retired = this.#retired.filter((body) => {
      if (this.#isRead(body)) return true;
      this.#allocator.free(body.extents);
      return false;
    });
  }

  /** Resolves at the next reclaim. */
  async untilReclaim(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#spaceWaiters.push(resolve);
    });
  }

  #publish(body: Body, { offset }: TextRoom, text: PublishedText): void {
    const { slot, bytes } = body;
    body.published = this.#directory.publish({ slot, bodyBytes: bytes, textOffset: offset, text });
  }

  #withdraw(body: Body): void {
    if (body.text !== undefined && body.published) this.#directory.withdraw(body.text.offset);
    body.published = false;
  }

  /** Of a body that nobody can find any more. */
  #isRead({ slot, text }: Body): boolean {
    return (
      this.arena.leases(slot) > 0 || (text !== undefined && this.#directory.isRead(text.offset))
    );
  }

  /** An empty body has a block, too: its slot is the number of its first. */
  #allocate(bytes: number): Extent[] | undefined {
    return this.#makeRoom(bytes, NO_SLOT, () => this.#allocator.allocate(Math.max(1, bytes)));
  }

  /**
   * Looks before it evicts: what cannot fit costs nobody a place, and what can costs others about twice
   * its bytes at most, so that one answer never empties a shard for nothing. What is freed in vain stays
   * free for the next try.
   */
  #makeRoom(
    bytes: number,
    butNot: number,
    allocate: () => Extent[] | undefined,
  ): Extent[] | undefined {
    let extents = allocate();
    if (extents === undefined && this.#retired.length > 0) {
      this.#freeRetired();
      extents = allocate();
    }
    while (extents === undefined && this.#banks.take()) extents = allocate();
    if (extents !== undefined || !this.#mayFit(bytes)) return extents;
    const most = EVICT_FACTOR * bytes + this.#allocator.sizeBytes / EVICT_MORE_SHARE;
    const enough = this.freeBytes + most;
    for (let count = 0; extents === undefined && count < MAX_EVICTIONS; count += 1) {
      if (this.freeBytes >= enough || !this.#evictOne(butNot)) return undefined;
      extents = allocate();
    }
    return extents;
  }

  /** Were all to go that may. */
  #mayFit(bytes: number): boolean {
    const { maxObjectBytes } = this.#allocator;
    if (bytes > maxObjectBytes) return false;
    const own = this.freeBytes + this.#heldBytes;
    return bytes <= own || bytes <= own + this.#banks.freeBytes;
  }

  #count({ bytes, used, extents }: Body, sign: 1 | -1): void {
    this.#storedBytes += sign * bytes;
    this.#textBytes += sign * (used - bytes);
    this.#heldBytes += sign * lengthOf(extents);
  }

  #evictOne(butNot: number): boolean {
    // A leased body frees nothing now and is being watched: take another.
    const slot = this.#eviction.victim(
      (candidate) => candidate === butNot || this.arena.leases(candidate) > 0,
    );
    if (slot === NO_SLOT) return false;
    this.#noteEviction(slot);
    this.#giveUp(slot);
    return true;
  }

  /**
   * Evicts what is stored in a slot, for the place where it lies. False: nothing is; what is being filled
   * or was given up, and is read still, goes in its time.
   */
  clear(slot: number): boolean {
    if (!this.#eviction.take(slot)) return false;
    this.#giveUp(slot);
    return true;
  }

  /** Of a slot that eviction holds no more. */
  #giveUp(slot: number): void {
    const body = this.#onEvicted(slot);
    if (body === undefined) return;
    this.#evictions += 1;
    this.#count(body, -1);
    this.release(body);
  }

  #noteEviction(slot: number): void {
    const nowMs = this.#now();
    const keptMs = nowMs - (this.#storedMs[slot] ?? nowMs);
    this.#keptMs += (keptMs - this.#keptMs) / Math.min(++this.#noted, KEPT_MEAN_OF);
    this.#evictedMs = nowMs;
  }
}

function lengthOf(extents: readonly Extent[]): number {
  return extents.reduce((sum, { length }) => sum + length, 0);
}

/** Room behind the body in its only piece, if that is long enough. */
function textRoom(extents: readonly Extent[], bytes: number, size: number): TextRoom | undefined {
  const [first] = extents;
  if (first === undefined || extents.length > 1) return undefined;
  const offset = textOffsetAfter(first.offset + bytes);
  return offset + size <= first.offset + first.length ? { offset, capacity: size } : undefined;
}
