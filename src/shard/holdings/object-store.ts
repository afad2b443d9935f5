/**
 * What lies in the banks of one shard: which slot holds what, who is to go next, and what waits for its
 * readers. Owned by the shard's thread.
 *
 * Phases of a slot: free → filling (never a victim) → stored → retired (readers remain) → free.
 */
import type { ArenaView } from '../../arena/arena.js';
import type { BuddyAllocator, Extent } from '../../arena/buddy.js';
import type { Banks } from '../../arena/banks.js';
import { MIN_BLOCK_BYTES, NO_SLOT } from '../../arena/layout.js';
import type { S3Fifo } from '../../arena/eviction.js';
import type { Place } from '../../arena/metadata.js';
import { KeptTime } from './kept-time.js';
import type { MetadataStore } from './metadata-store.js';

/** Room made for one object: at most so many times its bytes and that share of the arena, ... */
const EVICT_FACTOR = 2;
const EVICT_MORE_SHARE = 64;
/** ... by so many evictions: each takes some 10 us of a turn. */
const MAX_EVICTIONS = 4_096;

/** A slot with its bytes: at first those allocated for. Whoever holds it must `store` or `release` it. */
export type Body = Place;

export interface ObjectStoreOptions {
  readonly arena: ArenaView;
  readonly metadata: MetadataStore;
  readonly allocator: BuddyAllocator;
  readonly banks: Banks;
  readonly eviction: S3Fifo;
  readonly now: () => number;
  /** A stored body is taken for room: forget everything that names it, and give it back. */
  readonly onEvicted: (slot: number) => Body | undefined;
}

export class ObjectStore {
  readonly arena: ArenaView;
  readonly kept: KeptTime;
  readonly #metadata: MetadataStore;
  readonly #allocator: BuddyAllocator;
  readonly #banks: Banks;
  readonly #eviction: S3Fifo;
  readonly #onEvicted: ObjectStoreOptions['onEvicted'];
  #retired: Body[] = [];
  #spaceWaiters: (() => void)[] = [];
  #evictions = 0;
  #storedBytes = 0;
  #heldBytes = 0; // of the arena, by what may be evicted

  constructor(options: ObjectStoreOptions) {
    this.arena = options.arena;
    this.#metadata = options.metadata;
    this.#allocator = options.allocator;
    this.#banks = options.banks;
    this.#eviction = options.eviction;
    this.#onEvicted = options.onEvicted;
    this.kept = new KeptTime(options.arena.pool.books.storedMs, options.now);
  }

  get count(): number {
    return this.#eviction.count;
  }

  get evictions(): number {
    return this.#evictions;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  get retiredCount(): number {
    return this.#retired.length;
  }

  /** Bytes of the arena that something lies in: bodies, metadata, and what is rounded up. */
  get takenBytes(): number {
    return this.#allocator.sizeBytes - this.#allocator.freeBytes;
  }

  /** Bytes of the banks that the shard has. */
  get bankBytes(): number {
    return this.#allocator.sizeBytes;
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
    return { slot, generation: this.arena.bumpGeneration(slot), extents, bytes };
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
   * Cuts a body to what was written, with `extra` behind it if there is so much, and makes it a candidate for
   * eviction.
   */
  store(body: Body, bytes: number, keyHash: number, extra = 0): void {
    const kept = Math.min(lengthOf(body.extents), Math.max(1, bytes + extra));
    body.extents = this.#allocator.shrink(body.extents, kept);
    this.#allocator.label(body.extents, body.slot);
    body.bytes = bytes;
    this.arena.hits[body.slot] = 0;
    this.kept.stored(body.slot);
    this.#count(body, 1);
    // Small ones are mostly metadata, and cost what they take.
    this.#eviction.insert(body.slot, lengthOf(body.extents), keyHash);
  }

  /** The same bytes under a new generation: what was published of them before is void. */
  renew(body: Body): void {
    body.generation = this.arena.bumpGeneration(body.slot);
    this.#metadata.withdraw(body.slot);
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
    this.#metadata.withdraw(body.slot);
    if (this.#isRead(body)) this.#retired.push(body);
    else this.#free(body);
  }

  /**
   * A piece of at least `bytes` that goes with what lies in the slot `of`: that is not taken for it.
   * Undefined: no room.
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
      this.#free(body);
      return false;
    });
  }

  #free({ slot, extents }: Body): void {
    this.#metadata.free(slot);
    this.#allocator.free(extents);
  }

  /** Resolves at the next reclaim. */
  async untilReclaim(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#spaceWaiters.push(resolve);
    });
  }

  /** Of a body that nobody can find any more. */
  #isRead({ slot }: Body): boolean {
    return this.arena.leases(slot) > 0 || this.#metadata.isRead(slot);
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

  #count({ bytes, extents }: Body, sign: 1 | -1): void {
    this.#storedBytes += sign * bytes;
    this.#heldBytes += sign * lengthOf(extents);
  }

  /** `butNot`: the slot of a body, which keeps its codings, too: the metadata that is being written names them. */
  #evictOne(butNot: number): boolean {
    const { mains } = this.arena.pool.books;
    const isNamed = (slot: number): boolean =>
      butNot !== NO_SLOT && (slot === butNot || mains[slot] === butNot);
    // A leased body frees nothing now and is being watched: take another.
    const slot = this.#eviction.victim(
      (candidate) => isNamed(candidate) || this.arena.leases(candidate) > 0,
    );
    if (slot === NO_SLOT) return false;
    this.kept.evicted(slot);
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
}

function lengthOf(extents: readonly Extent[]): number {
  return extents.reduce((sum, { length }) => sum + length, 0);
}
