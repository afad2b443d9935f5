/**
 * A queue with three lanes: P0 serves viewers who already play, P1 new work, P2 what may wait or
 * be dropped. Each lane is bounded; taking is by lane, first in first out within one.
 */

export type Lane = 0 | 1 | 2;
export const LANES: readonly Lane[] = [0, 1, 2];

interface Waiting<M> {
  readonly message: M;
  readonly sinceMs: number;
}

export class LaneQueue<M> {
  readonly capacity: number; // messages a lane
  readonly #lanes: readonly Fifo<Waiting<M>>[] = LANES.map(() => new Fifo<Waiting<M>>());

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** False: the lane is full, so refuse the sender. */
  offer(lane: Lane, message: M, nowMs: number): boolean {
    const fifo = this.#fifo(lane);
    if (fifo.size >= this.capacity) return false;
    fifo.push({ message, sinceMs: nowMs });
    return true;
  }

  /** The oldest message of the most urgent lane; undefined when all are empty. */
  take(): M | undefined {
    for (const lane of LANES) {
      const waiting = this.#fifo(lane).shift();
      if (waiting !== undefined) return waiting.message;
    }
    return undefined;
  }

  /** Takes out what has waited longer than its lane allows, most patient lane last. */
  expire(nowMs: number, patienceMs: readonly [number, number, number]): M[] {
    const expired: M[] = [];
    for (const lane of LANES) {
      const fifo = this.#fifo(lane);
      for (let head = fifo.peek(); head !== undefined; head = fifo.peek()) {
        if (nowMs - head.sinceMs < patienceMs[lane]) break;
        fifo.shift();
        expired.push(head.message);
      }
    }
    return expired;
  }

  /** Takes out what nobody wants any more. Walks all lanes. */
  withdraw(unwanted: (message: M) => boolean): void {
    for (const fifo of this.#lanes) fifo.remove(({ message }) => unwanted(message));
  }

  depth(lane: Lane): number {
    return this.#fifo(lane).size;
  }

  get size(): number {
    return this.#lanes.reduce((sum, fifo) => sum + fifo.size, 0);
  }

  #fifo(lane: Lane): Fifo<Waiting<M>> {
    return this.#lanes[lane] as Fifo<Waiting<M>>;
  }
}

/** Queue with amortised O(1) shift: a read index over an array that is cut when half is read. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  remove(unwanted: (item: T) => boolean): void {
    const kept = this.#items.slice(this.#head) as T[];
    this.#items = kept.filter((item) => !unwanted(item));
    this.#head = 0;
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
