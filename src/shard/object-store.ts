/**
 * The owner's side of one arena: which slot holds what, who is to go next, and what waits for its
 * readers. Owned by the shard's thread.
 *
 * Phases of a slot: free → filling (never a victim) → stored → retired (readers remain) → free.
 */
import type { ArenaView } from '../arena/arena.js';
import type { BuddyAllocator, Extent } from '../arena/buddy.js';
import { Directory, type PublishedText, textBytes, textOffsetAfter } from '../arena/directory.js';
import { MIN_BLOCK_BYTES } from '../arena/layout.js';
import type { Eviction } from '../cache/eviction.js';

/** A slot with its bytes. Whoever holds it must `store` or `release` it. */
export interface Body {
  readonly slot: number; // the number of its first block
  generation: number;
  extents: Extent[];
  bytes: number; // allocated for; shrinks to what was written
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
  readonly allocator: BuddyAllocator;
  readonly eviction: Eviction;
  /** A stored body is taken for room: forget everything that names it, and give it back. */
  readonly onEvicted: (slot: number) => Body | undefined;
}

export class ObjectStore {
  readonly arena: ArenaView;
  readonly #directory: Directory;
  readonly #allocator: BuddyAllocator;
  readonly #eviction: Eviction;
  readonly #onEvicted: ObjectStoreOptions['onEvicted'];
  #retired: Body[] = [];
  #spaceWaiters: (() => void)[] = [];
  #evictions = 0;
  #storedBytes = 0;

  constructor(options: ObjectStoreOptions) {
    this.arena = options.arena;
    this.#directory = new Directory(options.arena);
    this.#allocator = options.allocator;
    this.#eviction = options.eviction;
    this.#onEvicted = options.onEvicted;
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

  get freeBytes(): number {
    return this.#allocator.freeBytes;
  }

  /**
   * Room for `bytes`, and `extra` behind them in the same piece where that is possible, under a fresh
   * generation; evicts as needed. Undefined: readers hold too much.
   */
  reserve(bytes: number, extra = 0): Body | undefined {
    // What is wanted behind the bytes is not worth a refusal.
    const extents = this.#allocate(bytes + extra) ?? this.#allocate(bytes);
    const [first] = extents ?? [];
    if (extents === undefined || first === undefined) return undefined;
    const slot = first.offset / MIN_BLOCK_BYTES;
    this.arena.publishWritten(slot, 0);
    return {
      slot,
      generation: this.arena.bumpGeneration(slot),
      extents,
      bytes,
      used: bytes,
      text: undefined,
      published: false,
    };
  }

  /** Appends at least `bytes` to a body that fills. False: no room now. */
  grow(body: Body, bytes: number): boolean {
    const more = this.#allocate(bytes);
    if (more === undefined) return false;
    body.extents = [...body.extents, ...more];
    body.bytes = body.extents.reduce((sum, extent) => sum + extent.length, 0);
    return true;
  }

  /**
   * Cuts a body to what was written and makes it a candidate for eviction. With `text`, workers may
   * serve it from the directory, if there is room for the text behind the bytes.
   */
  store(body: Body, bytes: number, keyHash: number, text?: PublishedText): void {
    const room = text === undefined ? undefined : textRoom(body.extents, bytes, textBytes(text));
    const from = body.slot * MIN_BLOCK_BYTES;
    const kept = room === undefined ? bytes : room.offset + room.capacity - from;
    body.extents = this.#allocator.shrink(body.extents, Math.max(1, kept));
    body.bytes = bytes;
    body.used = kept;
    body.text = room;
    this.arena.hits[body.slot] = 0;
    this.#storedBytes += bytes;
    this.#eviction.insert(body.slot, Math.max(1, bytes), keyHash);
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
    this.#storedBytes -= body.bytes;
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
    return this.#makeRoom(() => this.#allocator.allocate(Math.max(1, bytes)));
  }

  #makeRoom(allocate: () => Extent[] | undefined): Extent[] | undefined {
    let extents = allocate();
    if (extents === undefined && this.#retired.length > 0) {
      this.#freeRetired();
      extents = allocate();
    }
    while (extents === undefined && this.#evictOne()) extents = allocate();
    return extents;
  }

  #evictOne(): boolean {
    // A leased body frees nothing now and is being watched: take another.
    const slot = this.#eviction.victim((candidate) => this.arena.leases(candidate) > 0);
    if (slot < 0) return false;
    const body = this.#onEvicted(slot);
    if (body === undefined) return true;
    this.#evictions += 1;
    this.#storedBytes -= body.bytes;
    this.release(body);
    return true;
  }
}

/** Room behind the body in its only piece, if that is long enough. */
function textRoom(extents: readonly Extent[], bytes: number, size: number): TextRoom | undefined {
  const [first] = extents;
  if (first === undefined || extents.length > 1) return undefined;
  const offset = textOffsetAfter(first.offset + bytes);
  return offset + size <= first.offset + first.length ? { offset, capacity: size } : undefined;
}
