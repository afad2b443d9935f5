/**
 * Which banks a shard has. One that nobody has is taken by whoever needs room first, without asking; one
 * that a shard gives back is empty. Owned by the shard's thread.
 */
import type { ArenaView } from './arena.js';
import type { BuddyAllocator } from './buddy.js';
import { clearBooks, CACHE_LINES_PER_BLOCK, NOBODY, type Pool, RECORD, slotsOf } from './layout.js';
import { holdersIn } from './piece-tags.js';

export interface BanksOptions {
  readonly arena: ArenaView;
  readonly shard: number;
  readonly allocator: BuddyAllocator;
}

/** A bank moves where what is evicted had been kept so many times less long. */
const UNFAIR = 2;
/** What others have said may be a second old. */
const SLACK_MS = 2_000;

export class Banks {
  readonly #pool: Pool;
  readonly #arena: ArenaView;
  readonly #shard: number;
  readonly #allocator: BuddyAllocator;
  /** Of the shard's owner that was lost: some worker still reads what lay there. */
  #left: number[] = [];
  readonly #held = new Set<number>();

  /** With the banks that the shard's last owner had, and one at least if there is one to be had. */
  constructor({ arena, shard, allocator }: BanksOptions) {
    this.#pool = arena.pool;
    this.#arena = arena;
    this.#shard = shard;
    this.#allocator = allocator;
    this.#left = banksOf(this.#pool, shard);
    this.tick();
    if (allocator.sizeBytes === 0) this.take();
  }

  /** Bytes of banks that nobody has. */
  get freeBytes(): number {
    let free = 0;
    for (const [bank, owner] of this.#pool.owners.entries()) {
      if (owner === NOBODY) free += this.#bytesOf(bank);
    }
    return free;
  }

  /** One bank more. False: nobody has one to spare. */
  take(): boolean {
    const { owners } = this.#pool;
    for (let bank = owners.indexOf(NOBODY); bank >= 0; bank = owners.indexOf(NOBODY, bank + 1)) {
      if (Atomics.compareExchange(owners, bank, NOBODY, this.#shard) !== NOBODY) continue;
      this.#add(bank);
      return true;
    }
    return false;
  }

  /** Banks that it has and hands out of. */
  get held(): readonly number[] {
    return [...this.#held];
  }

  /** Says how long this shard keeps what it evicts, ms: as one that may give, and as one that may need. */
  report(keepsMs: number, needsMs: number): void {
    this.#pool.keeps[this.#shard] = keepsMs;
    this.#pool.needs[this.#shard] = needsMs;
  }

  /**
   * The shard to which this one should give a bank: it keeps things the least long of all, and this one the
   * longest. Undefined: there is none, or there are banks that nobody has.
   */
  get needier(): number | undefined {
    const { keeps, needs, owners } = this.#pool;
    if (owners.includes(NOBODY) || this.#held.size < 2) return undefined;
    const leastMs = Math.min(...needs);
    const mineMs = keeps[this.#shard] ?? 0;
    if (mineMs < Math.max(...keeps) || mineMs <= UNFAIR * leastMs + SLACK_MS) return undefined;
    const least = needs.indexOf(leastMs);
    return least === this.#shard ? undefined : least;
  }

  /** The bank from which the allocator hands out nothing any more is that shard's. */
  give(bank: number, to: number): void {
    this.#allocator.drop();
    this.#held.delete(bank);
    Atomics.store(this.#pool.owners, bank, to);
  }

  /** About once a second: takes up what it was given, and what the last readers have left. */
  tick(): void {
    this.#takeGiven();
    if (this.#left.length === 0) return;
    const isPinned = this.#arena.pins.look();
    this.#left = this.#left.filter((bank) => {
      if (this.#isRead(bank, isPinned)) return true;
      clearBooks(this.#pool.books, ...slotsOf(this.#pool, bank));
      this.#add(bank);
      return false;
    });
  }

  /** What lies in several banks is pinned in one of them: the books of the lost owner say whose each piece was. */
  #isRead(bank: number, isPinned: (line: number) => boolean): boolean {
    const [from, to] = slotsOf(this.#pool, bank);
    if (this.#arena.pins.isGuarded(from, to)) return true;
    for (const slot of holdersIn(this.#pool.books, from, to))
      if (isPinned(slot * CACHE_LINES_PER_BLOCK)) return true;
    return false;
  }

  #takeGiven(): void {
    for (const [bank, owner] of this.#pool.owners.entries()) {
      const isNew = owner === this.#shard && !this.#held.has(bank) && !this.#left.includes(bank);
      if (isNew) this.#add(bank);
    }
  }

  #add(bank: number): void {
    this.#allocator.add(bank);
    this.#held.add(bank);
  }

  #bytesOf(bank: number): number {
    return this.#pool.banks[bank]?.length ?? 0;
  }
}

function banksOf({ owners }: Pool, shard: number): number[] {
  return [...owners.keys()].filter((bank) => owners[bank] === shard);
}

/**
 * For a shard whose thread has ended, by whoever has seen the end: nobody finds there any more what it had
 * stored, and every descriptor of it is void. Who reads goes on reading.
 */
export function voidShard(pool: Pool, shard: number): void {
  pool.tables[shard]?.fill(0);
  for (const bank of banksOf(pool, shard)) {
    const [from, to] = slotsOf(pool, bank);
    for (let slot = from; slot < to; slot += 1) {
      Atomics.add(pool.records, slot * RECORD.cells + RECORD.generation, 1);
    }
  }
}
