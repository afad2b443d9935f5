/**
 * CPU time and memory of a server as the kernel counts them: the process we started and all its
 * descendants, threads included. Linux only (proc(5)).
 */
import { readFileSync, readdirSync } from 'node:fs';

const TICKS_PER_SECOND = 100; // USER_HZ, fixed at 100 in the Linux ABI
const PAGE_BYTES = 4096;

interface ProcessStat {
  readonly parent: number;
  readonly ticks: number; // own and of reaped children, user and system
  readonly ownTicks: number;
  readonly residentPages: number;
}

/** CPU-seconds, user and system, of `pid` and all below it since they started. */
export function cpuSeconds(pid: number): number {
  return tree(pid).reduce((sum, stat) => sum + stat.ticks, 0) / TICKS_PER_SECOND;
}

/** CPU-seconds of each thread of one process, by its id. */
export function threadSeconds(pid: number): Map<number, number> {
  const threads = readdirSync(`/proc/${pid}/task`);
  return new Map(
    threads.map((thread) => {
      const stat = readStat(`${pid}/task/${thread}`);
      return [Number(thread), (stat?.ownTicks ?? 0) / TICKS_PER_SECOND];
    }),
  );
}

/** Resident bytes summed over the tree; pages shared between processes count once for each. */
export function residentBytes(pid: number): number {
  return tree(pid).reduce((sum, stat) => sum + stat.residentPages, 0) * PAGE_BYTES;
}

/** Bytes that the kernel holds in TCP socket buffers, of all processes on the machine. */
export function kernelSocketBytes(): number {
  const match = /^TCP:.* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'latin1'));
  return Number(match?.[1] ?? 0) * PAGE_BYTES;
}

function tree(root: number): ProcessStat[] {
  const all = new Map<number, ProcessStat>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(entry);
    if (stat) all.set(Number(entry), stat);
  }
  const inside = new Set([root]);
  for (let grown = true; grown;) {
    grown = false;
    for (const [pid, stat] of all) {
      if (inside.has(pid) || !inside.has(stat.parent)) continue;
      inside.add(pid);
      grown = true;
    }
  }
  return [...inside].flatMap((pid) => all.get(pid) ?? []);
}

/** `name`: below /proc. */
function readStat(name: string): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${name}/stat`, 'latin1');
  } catch {
    return undefined; // it ended between the listing and now
  }
  // The command name in parentheses may hold spaces; field 3 (state) follows its last ')'.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3] ?? 0);
  return {
    parent: field(4),
    ticks: field(14) + field(15) + field(16) + field(17),
    ownTicks: field(14) + field(15),
    residentPages: field(24),
  };
}
