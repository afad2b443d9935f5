/**
 * Memory that nobody has written to yet costs whoever does so first: the kernel finds and clears 2 MiB at a
 * time, which holds up a thread for a tenth of a millisecond, on a virtual machine for five or ten. What a
 * shard is about to hand out is populated ahead, on another thread, while the origin is asked. Owned by the
 * shard's thread.
 */
import { populatePages } from '../../native/addon.js';
import type { BuddyAllocator } from './buddy.js';
import type { Pool } from './layout.js';

const PAGE_BYTES = 2_097_152; // what the kernel finds at a time, with huge pages
/** What one fill is likely to need. */
const AHEAD_BYTES = 4_194_304;

export interface PagesAheadOptions {
  readonly pool: Pick<Pool, 'banks' | 'bankBytes'>;
  readonly allocator: Pick<BuddyAllocator, 'allocate' | 'free' | 'freeBytes'>;
  readonly populate?: typeof populatePages;
}

export class PagesAhead {
  readonly #pool: PagesAheadOptions['pool'];
  readonly #allocator: PagesAheadOptions['allocator'];
  readonly #populate: typeof populatePages;
  /** Pages of the pool that have been populated, or are: of the banks that the shard has had, no more. */
  readonly #known = new Set<number>();
  #state: 'idle' | 'busy' | 'off' = 'idle';

  constructor({ pool, allocator, populate = populatePages }: PagesAheadOptions) {
    this.#pool = pool;
    this.#allocator = allocator;
    this.#populate = populate;
  }

  /** A fill begins. Where the shard's banks are full, as they are from some time on, this costs a comparison. */
  prepare(): void {
    if (this.#state !== 'idle' || this.#allocator.freeBytes < AHEAD_BYTES) return;
    const next = this.#allocator.allocate(AHEAD_BYTES);
    if (next === undefined) return;
    this.#allocator.free(next);
    for (const { offset, length } of next) {
      for (let at = offset; at < offset + length; at += PAGE_BYTES) {
        const page = Math.floor(at / PAGE_BYTES);
        if (this.#known.has(page)) continue;
        this.#start(page);
        return;
      }
    }
  }

  #start(page: number): void {
    const { banks, bankBytes } = this.#pool;
    const from = page * PAGE_BYTES;
    const bank = banks[Math.floor(from / bankBytes)];
    if (bank === undefined) return;
    const within = from % bankBytes;
    const populated = this.#populate(bank.subarray(within, within + PAGE_BYTES));
    if (populated === false) return; // another shard's turn: the next fill tries again
    if (populated === undefined) {
      this.#state = 'off';
      return;
    }
    this.#known.add(page);
    this.#state = 'busy';
    void populated.then((done) => {
      this.#state = done ? 'idle' : 'off';
      this.prepare(); // the next page, up to what is likely to be needed
    });
  }
}
