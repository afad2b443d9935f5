/**
 * The distribution of one origin's latency lately: a histogram of equal steps in the logarithm,
 * whose counts fade. A quantile is the upper bound of its step, so at most a fifth too high.
 */
const STEPS_PER_OCTAVE = 4;
const STEPS = 68; // 1 ms to 131 s
const HALF_LIFE_MS = 60_000;
const FADE_EVERY_MS = 5_000;
/** Fewer are no distribution; and where nothing is asked, so many do not fade. */
const MIN_SAMPLES = 20;
/** Beyond so many, older ones count half: a busy origin's past minute would outweigh its last second. */
const MAX_SAMPLES = 2_000;

export class Latency {
  readonly #counts = new Float64Array(STEPS);
  #total = 0;
  #fadedMs = Number.NaN;

  observe(latencyMs: number, nowMs: number): void {
    this.#fade(nowMs);
    const step = Math.ceil(Math.log2(Math.max(1, latencyMs)) * STEPS_PER_OCTAVE);
    const at = Math.min(step, STEPS - 1);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#total += 1;
    if (this.#total > MAX_SAMPLES) this.#scale(0.5);
  }

  /** Undefined while there are too few samples. `share`: 0.99 for p99. */
  quantileMs(share: number): number | undefined {
    if (this.#total < MIN_SAMPLES) return undefined;
    let left = this.#total * share;
    for (let step = 0; step < STEPS; step += 1) {
      left -= this.#counts[step] ?? 0;
      if (left <= 1e-9) return Math.round(2 ** (step / STEPS_PER_OCTAVE));
    }
    return Math.round(2 ** ((STEPS - 1) / STEPS_PER_OCTAVE));
  }

  #fade(nowMs: number): void {
    if (Number.isNaN(this.#fadedMs)) this.#fadedMs = nowMs;
    const passedMs = nowMs - this.#fadedMs;
    if (passedMs < FADE_EVERY_MS) return;
    this.#fadedMs = nowMs;
    const wanted = 0.5 ** (passedMs / HALF_LIFE_MS);
    if (this.#total > MIN_SAMPLES) this.#scale(Math.max(wanted, MIN_SAMPLES / this.#total));
  }

  #scale(by: number): void {
    this.#total = 0;
    for (let step = 0; step < STEPS; step += 1) {
      this.#counts[step] = (this.#counts[step] ?? 0) * by;
      this.#total += this.#counts[step] ?? 0;
    }
  }
}
