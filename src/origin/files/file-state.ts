/**
 * What a file's metadata can vouch for. Each write sets ctime, which nobody can set back; but it is the time of the
 * kernel's last tick, so that two writes within one tick leave the same. Writes by way of mmap may leave none: they
 * are not seen. All pure.
 */
import type { BigIntStats } from 'node:fs';

/** A file that was written to so lately may be at it again: no strong tag, and kept for a moment only. */
const SETTLE_MS = 2_000;
/** Who has it open for writing is given longer: an upload may stand still. After that, somebody forgot to close it. */
const WRITER_MS = 60_000;
/** Twice the longest tick there is on Linux (CONFIG_HZ=100). */
const TICK_MS = 20;

export type FileState = Pick<BigIntStats, 'ino' | 'size' | 'mtimeNs' | 'ctimeNs' | 'nlink'>;

/** What became of an open file between two looks at it. Who grew may have been written anew, too. */
export function changeBetween(before: FileState, after: FileState): 'none' | 'grown' | 'other' {
  if (after.size > before.size) return 'grown';
  if (after.size < before.size || after.mtimeNs !== before.mtimeNs) return 'other';
  // One name more or less, as when another file takes its place, changes ctime and no byte.
  const same = after.ctimeNs === before.ctimeNs || after.nlink !== before.nlink;
  return same ? 'none' : 'other';
}

/** How long, in ms, a further write might still not be told from the last one. */
export function hiddenForMs({ ctimeNs }: FileState, wallMs: number): number {
  const agoMs = Math.abs(wallMs - toMs(ctimeNs));
  return agoMs < TICK_MS ? TICK_MS - agoMs : 0;
}

/**
 * `open`: somebody has it open for writing. A ctime in the future is of no use: it may be now. An mtime
 * there was chosen by somebody.
 */
export function isSettled({ mtimeNs, ctimeNs }: FileState, wallMs: number, open: boolean): boolean {
  const quietMs = open ? WRITER_MS : SETTLE_MS;
  return wallMs - toMs(ctimeNs) >= quietMs && Math.abs(wallMs - toMs(mtimeNs)) >= quietMs;
}

/**
 * Strong once the file has settled. Before, another tag, so that what was read then is read once
 * more: it may have been half written.
 */
export function entityTag(state: FileState, settled: boolean): string {
  const { size, mtimeNs, ctimeNs, ino } = state;
  const parts = [size, mtimeNs, ctimeNs, ino].map((part) => part.toString(36)).join('-');
  return settled ? `"${parts}"` : `W/"${parts}-w"`;
}

function toMs(ns: bigint): number {
  return Number(ns / 1_000_000n);
}
