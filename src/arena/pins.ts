/**
 * What each worker reads: while it is pinned, its owner gives its bytes to nothing else.
 *
 * Each worker has a table of counts, and a line of the memory is counted in one of its cells by hash:
 * some lines share a cell. So a pin costs nothing for each object, and what shares a cell with one that is
 * read is now and then taken to be read, too: with 5,000 readers, one in thirteen. What is read and left
 * within a turn has a cell of its own, the guard, which names its block.
 *
 * A pin and a retirement race like this, and one side always sees the other (sequentially consistent
 * atomics; Michael 2004, "Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects"):
 *   reader: pins, then looks whether what it pinned is still what it wants
 *   owner:  makes it what nobody wants any more, then looks for pins
 */
import { spread } from '../runtime/hash.js';
import { CACHE_LINES_PER_BLOCK, NO_SLOT, PIN_CELLS, type Pool } from './layout.js';

const SHIFT = 32 - Math.log2(PIN_CELLS);

export class Pins {
  readonly #worker: number;
  readonly #tables: readonly Int32Array[];
  readonly #taken: Int32Array;
  readonly #guards: Int32Array;
  readonly #mine: Int32Array;
  readonly #lent: Lent[];

  constructor({ pins, taken, guards }: Pool, worker: number) {
    const mine = pins[worker];
    if (mine === undefined) throw new RangeError(`no pins of worker ${worker}`);
    this.#worker = worker;
    this.#tables = pins;
    this.#taken = taken;
    this.#guards = guards;
    this.#mine = mine;
    this.#lent = pins.map((_, to) => ({ lines: [], taken: this.#takenBy(to) }));
  }

  add(line: number): void {
    Atomics.add(this.#mine, cellOf(line), 1);
  }

  remove(line: number): void {
    Atomics.sub(this.#mine, cellOf(line), 1);
  }

  /** Pins the block in which a line lies, until the next guard. */
  guard(line: number): void {
    Atomics.store(this.#guards, this.#worker, blockOf(line));
  }

  unguard(): void {
    Atomics.store(this.#guards, this.#worker, NO_SLOT);
  }

  /** Whether a worker guards one of the blocks from `from` up to `to`. */
  isGuarded(from: number, to: number): boolean {
    for (let worker = 0; worker < this.#guards.length; worker += 1) {
      const block = Atomics.load(this.#guards, worker);
      if (block >= from && block < to) return true;
    }
    return false;
  }

  /**
   * Pins for a worker that is told of it and gives it back: until then the pin is this worker's. So it is void
   * when this worker ends, and whether or not the message arrives, when that one does.
   */
  lend(to: number, line: number): void {
    this.add(line);
    const lent = this.#lent[to];
    if (lent === undefined) throw new RangeError(`no worker ${to}`);
    this.#settle(lent, to);
    lent.lines.push(line);
  }

  /** The worker could not be told. */
  takeBack(to: number, line: number): void {
    this.#lent[to]?.lines.pop();
    this.remove(line);
  }

  /** What another worker has lent, once for each message, in the order of the messages. */
  giveBack(from: number, line: number): void {
    const table = this.#tables[from];
    if (table !== undefined) Atomics.sub(table, cellOf(line), 1);
    Atomics.add(this.#taken, from * this.#tables.length + this.#worker, 1);
  }

  /** That worker's thread has ended: what was lent to it and never came back is void. */
  forget(worker: number): void {
    const lent = this.#lent[worker];
    if (lent === undefined) return;
    this.#settle(lent, worker);
    for (const line of lent.lines.splice(0)) this.remove(line);
  }

  /** Readers on all workers, at most. */
  count(line: number): number {
    const cell = cellOf(line);
    const block = blockOf(line);
    let sum = 0;
    for (const [worker, table] of this.#tables.entries()) {
      sum += Atomics.load(table, cell);
      if (Atomics.load(this.#guards, worker) === block) sum += 1;
    }
    return sum;
  }

  /** Tells of many lines whether they are read, as `count` does of one. */
  look(): (line: number) => boolean {
    const pinned = new Uint8Array(PIN_CELLS);
    for (const table of this.#tables) {
      for (let cell = 0; cell < PIN_CELLS; cell += 1) {
        if (Atomics.load(table, cell) !== 0) pinned[cell] = 1;
      }
    }
    return (line) => {
      const block = blockOf(line);
      return pinned[cellOf(line)] === 1 || this.isGuarded(block, block + 1);
    };
  }

  /** Forgets what has come back, and gave back its pin itself. */
  #settle(lent: Lent, to: number): void {
    const taken = this.#takenBy(to);
    const count = (taken - lent.taken) | 0;
    lent.taken = taken;
    if (count > 0) lent.lines.splice(0, count);
  }

  #takenBy(to: number): number {
    return Atomics.load(this.#taken, this.#worker * this.#tables.length + to);
  }
}

/** Pins that are on their way to a worker, oldest first. */
interface Lent {
  readonly lines: number[];
  taken: number; // of all that were ever lent, as last looked at
}

/** Forgets the pins of a worker whose thread has ended, and for which nobody pins any more. */
export function clearPins({ pins, guards }: Pool, worker: number): void {
  Atomics.store(guards, worker, NO_SLOT);
  const table = pins[worker];
  for (let cell = 0; table !== undefined && cell < PIN_CELLS; cell += 1) {
    Atomics.store(table, cell, 0);
  }
}

function blockOf(line: number): number {
  return Math.floor(line / CACHE_LINES_PER_BLOCK);
}

function cellOf(line: number): number {
  return spread(line) >>> SHIFT;
}
