/** What a run of the benchmarks was asked to do; every bench file takes this one object. */

export interface BenchOptions {
  readonly quick: boolean; // short rounds, for work on the harness; its numbers are not results
  readonly rounds: number; // interleaved; the median is reported
  readonly contenders: readonly string[]; // empty = all that are installed
}

export const SERVER_CORE = 0;
export const LOAD_CORE = 1;
export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;

export function isWanted(options: BenchOptions, contender: string): boolean {
  return options.contenders.length === 0 || options.contenders.includes(contender);
}
