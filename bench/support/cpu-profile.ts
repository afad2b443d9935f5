/** Reads V8's .cpuprofile files: which functions the samples were in. */

/** The part of the format that is needed; times are microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  readonly samples: readonly number[]; // node ids
  readonly timeDeltas: readonly number[]; // time before the sample of the same index
}

/** The functions with the most time of their own, as shares of all that was not idle. */
export function hotFunctions(
  profile: CpuProfile,
  count: number,
): readonly { name: string; share: number }[] {
  const nameOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, frameName(callFrame)]));
  const spentUs = new Map<string, number>();
  let totalUs = 0;
  profile.samples.forEach((id, i) => {
    const name = nameOf.get(id) ?? '(unknown)';
    if (name === '(idle)') return;
    const us = profile.timeDeltas[i] ?? 0;
    spentUs.set(name, (spentUs.get(name) ?? 0) + us);
    totalUs += us;
  });
  return [...spentUs]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, us]) => ({ name, share: us / totalUs }));
}

function frameName(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const { functionName, url, lineNumber } = frame;
  if (url === '') return functionName; // '(program)', '(garbage collector)', natives
  const file = url.split('/').slice(-2).join('/');
  return `${functionName === '' ? '(anonymous)' : functionName} ${file}:${lineNumber + 1}`;
}
