/**
 * When a worker that ended may have a successor. Its pins bear its number, and so would the successor's:
 *   - worker 1 ends; worker 0, which is busy, has still to give back what 1 had lent it
 *   - 1's pins are cleared, and its successor comes and pins a slot
 *   - worker 0 gives back, which takes away that pin, and the slot is given away under the reader
 * So there is none before every other worker has said that it has nothing more of its predecessor. Main thread.
 */
export class Mourning {
  /** By the one that ended: who may still undo what it holds of it. */
  readonly #mourners = new Map<number, Set<number>>();
  readonly #over = new Map<number, () => void>();

  begin(ended: number, mourners: Iterable<number>): void {
    const all = this.#mourners.get(ended) ?? new Set();
    for (const mourner of mourners) all.add(mourner);
    this.#mourners.set(ended, all);
  }

  /** `mourner` holds nothing more of the worker that ended, or has ended itself. */
  forgotten(mourner: number, ended: number): void {
    const mourners = this.#mourners.get(ended);
    if (mourners?.delete(mourner) !== true || mourners.size > 0) return;
    this.#over.get(ended)?.();
    this.#over.delete(ended);
  }

  /** `mourner` has ended: it holds nothing more of anybody. */
  onDown(mourner: number): void {
    for (const ended of this.#mourners.keys()) this.forgotten(mourner, ended);
  }

  /** Resolves when nobody mourns it. */
  async untilOver(ended: number): Promise<void> {
    if ((this.#mourners.get(ended)?.size ?? 0) === 0) return;
    await new Promise<void>((resolve) => {
      this.#over.set(ended, resolve);
    });
  }
}
