/**
 * The owner's side of one arena: which slot holds what, who is to go next, and what waits for its
 * readers. Owned by the shard's thread.
 *
 * Phases of a slot: free → filling (never a victim) → stored → retired (readers remain) → free.
 */
import type { ArenaView } from '../arena/arena.js';
import type { BuddyAllocator, Extent } from '../arena/buddy.js';
import { Directory } from '../arena/directory.js';
import type { Eviction } from '../cache/eviction.js';

/** A slot with its bytes. Whoever holds it must `store` or `release` it. */
export interface Body {
  readonly slot: number;
  generation: number;
  extents: Extent[];
  bytes: number; // allocated for; shrinks to what was written
  used: number; // bytes of its extents that it needs, once stored: with the text
  text: { readonly offset: number; readonly capacity: number } | undefined; // room behind the body
}

/** What the directory tells of a body besides where it lies. */
export interface PublishedText {
  readonly key: string; // Latin-1
  readonly hash: number;
  readonly fields: string; // Latin-1
  readonly bornMs: number;
  readonly freshUntilMs: number;
}

export interface ObjectStoreOptions {
  readonly arena: ArenaView;
  readonly allocator: BuddyAllocator;
  readonly eviction: Eviction;
  /** A stored body is taken for room: forget everything that names it, and give it back. */
  readonly onEvicted: (slot: number) => Body | undefined;
}

interface Retired {
  readonly slot: number;
  readonly extents: readonly Extent[];
}

export class ObjectStore {
  readonly arena: ArenaView;
  readonly #directory: Directory;
  readonly #allocator: BuddyAllocator;
  readonly #eviction: Eviction;
  readonly #onEvicted: ObjectStoreOptions['onEvicted'];
  readonly #freeSlots: number[] = [];
  #retired: Retired[] = [];
  #spaceWaiters: (() => void)[] = [];
  #evictions = 0;
  #storedBytes = 0;

  constructor(options: ObjectStoreOptions) {
    this.arena = options.arena;
    this.#directory = new Directory(options.arena);
    this.#allocator = options.allocator;
    this.#eviction = options.eviction;
    this.#onEvicted = options.onEvicted;
    const { slots } = options.arena.layout;
    for (let slot = slots - 1; slot >= 0; slot -= 1) this.#freeSlots.push(slot);
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
    const slot = this.#takeSlot();
    if (slot === undefined) return undefined;
    // What is wanted behind the bytes is not worth a refusal.
    const extents = this.#allocate(bytes + extra) ?? this.#allocate(bytes);
    if (extents === undefined) {
      this.#freeSlots.push(slot);
      return undefined;
    }
    this.arena.publishWritten(slot, 0);
    return {
      slot,
      generation: this.arena.bumpGeneration(slot),
      extents,
      bytes,
      used: bytes,
      text: undefined,
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
    const [first] = body.extents;
    const size = text === undefined ? 0 : text.key.length + text.fields.length;
    const fits = size > 0 && body.extents.length === 1 && bytes + size <= (first?.length ?? 0);
    const kept = fits ? bytes + size : bytes;
    body.extents =
      kept === 0 ? this.#drop(body.extents) : this.#allocator.shrink(body.extents, kept);
    body.bytes = bytes;
    body.used = kept;
    this.arena.hits[body.slot] = 0;
    this.#storedBytes += bytes;
    this.#eviction.insert(body.slot, Math.max(1, bytes), keyHash);
    if (!fits || text === undefined || first === undefined) return;
    body.text = { offset: first.offset + bytes, capacity: size };
    this.#publish(body, text);
  }

  /** The same bytes under a new generation: descriptors handed out before are void. */
  renew(body: Body, text?: PublishedText): void {
    body.generation = this.arena.bumpGeneration(body.slot);
    if (body.text === undefined) return;
    const size = text === undefined ? Infinity : text.key.length + text.fields.length;
    // A reader of the old generation may still be copying the old text.
    if (text !== undefined && size <= body.text.capacity && this.arena.leases(body.slot) === 0) {
      this.#publish(body, text);
      return;
    }
    this.#directory.withdraw(body.slot);
    body.text = undefined;
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
    if (body.text !== undefined) this.#directory.withdraw(body.slot);
    if (this.arena.leases(body.slot) === 0) this.#free(body.slot, body.extents);
    else this.#retired.push({ slot: body.slot, extents: body.extents });
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
    this.#retired = this.#retired.filter(({ slot, extents }) => {
      if (this.arena.leases(slot) > 0) return true;
      this.#free(slot, extents);
      return false;
    });
  }

  /** Resolves at the next reclaim. */
  async untilReclaim(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#spaceWaiters.push(resolve);
    });
  }

  #publish(body: Body, text: PublishedText): void {
    const { offset } = body.text ?? { offset: 0 };
    const [first] = body.extents;
    const latin1 = Buffer.from(
      this.arena.data.buffer,
      this.arena.data.byteOffset + offset,
      text.key.length + text.fields.length,
    );
    latin1.write(text.key + text.fields, 0, 'latin1');
    this.#directory.publish({
      slot: body.slot,
      generation: body.generation,
      hash: text.hash,
      bodyOffset: first?.offset ?? 0,
      bodyBytes: body.bytes,
      textOffset: offset,
      keyBytes: text.key.length,
      fieldsBytes: text.fields.length,
      bornMs: text.bornMs,
      freshUntilMs: text.freshUntilMs,
    });
  }

  #takeSlot(): number | undefined {
    const slot = this.#freeSlots.pop();
    if (slot !== undefined) return slot;
    if (this.#evictOne()) return this.#freeSlots.pop();
    return undefined;
  }

  #allocate(bytes: number): Extent[] | undefined {
    return bytes === 0 ? [] : this.#makeRoom(() => this.#allocator.allocate(bytes));
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

  #free(slot: number, extents: readonly Extent[]): void {
    if (extents.length > 0) this.#allocator.free([...extents]);
    this.#freeSlots.push(slot);
  }

  #drop(extents: Extent[]): Extent[] {
    if (extents.length > 0) this.#allocator.free(extents);
    return [];
  }
}
