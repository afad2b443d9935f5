/**
 * Opens files that lie under a root and nothing else, whatever the path says and whoever renames
 * things meanwhile: what was opened is checked, not what was asked for. Symlinks are followed as
 * long as they end under the root; a name that begins with a dot is never reached.
 */
import { constants } from 'node:fs';
import { lstat, open, readlink, realpath, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { join, sep } from 'node:path';
import { GatewayError } from '../../errors.js';

export type Opened =
  | { readonly kind: 'file'; readonly handle: FileHandle; readonly stat: BigIntStats }
  | { readonly kind: 'directory' }
  | { readonly kind: 'absent' }; // or not ours to show: nobody is told which

const ABSENT: Opened = { kind: 'absent' };
const DIRECTORY: Opened = { kind: 'directory' };
// Without O_NONBLOCK a FIFO under the root would hold a pool thread until somebody writes to it.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const ABSENT_CODES = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ENAMETOOLONG', 'ELOOP']);
const ABSENT_CODES_OF_OPEN = new Set([...ABSENT_CODES, 'ENXIO', 'EINVAL', 'ENODEV']); // sockets

const REFUSED_ESCAPES = /%(?:2f|5c|00)/i; // an encoded '/', '\' or NUL
const REFUSED_CHARACTERS = /[\u0000-\u001f\u007f\\]/;

/**
 * The decoded names of a URL path, empty ones dropped; undefined when it may not be looked up:
 * dot segments and dot-files, encoded separators, controls, backslashes, bytes that are not UTF-8.
 */
export function pathNames(path: string): string[] | undefined {
  if (!path.startsWith('/') || REFUSED_ESCAPES.test(path)) return undefined;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined; // not UTF-8, or a '%' that escapes nothing
  }
  if (REFUSED_CHARACTERS.test(decoded)) return undefined;
  const names = decoded.split('/').filter((name) => name !== '');
  return names.some((name) => name.startsWith('.')) ? undefined : names;
}

/**
 * The regular file `names` leads to from `root`, which is a real path; the caller closes it.
 * @throws GatewayError GW_ORIGIN_IO for what is neither there nor plainly not there.
 */
export async function openUnder(root: string, names: readonly string[]): Promise<Opened> {
  const path = join(root, ...names);
  const handle = await openNoFollow(root, path);
  if (handle === undefined) return ABSENT;
  try {
    const stats = await handle.stat({ bigint: true });
    if (await lies(root, path, handle, stats)) {
      if (stats.isFile()) return { kind: 'file', handle, stat: stats };
      await handle.close();
      return stats.isDirectory() ? DIRECTORY : ABSENT;
    }
  } catch (reason) {
    await handle.close();
    if (isAbsent(reason, ABSENT_CODES)) return ABSENT;
    throw ioError(reason);
  }
  await handle.close();
  return ABSENT;
}

/** Undefined when there is nothing to open. A symlink as the last name is resolved first. */
async function openNoFollow(root: string, path: string): Promise<FileHandle | undefined> {
  try {
    return await openQuietly(path);
  } catch (reason) {
    if (!isAbsent(reason, ABSENT_CODES_OF_OPEN)) throw ioError(reason);
    if (codeOf(reason) !== 'ELOOP') return undefined;
  }
  try {
    const real = await realpath(path);
    return isShown(root, real) ? await openQuietly(real) : undefined;
  } catch (reason) {
    if (isAbsent(reason, ABSENT_CODES_OF_OPEN)) return undefined;
    throw ioError(reason);
  }
}

/** To open a FIFO would let its writer go on, and to close it would kill the writer. */
async function openQuietly(path: string): Promise<FileHandle | undefined> {
  const stats = await lstat(path);
  const isOurs = stats.isFile() || stats.isDirectory() || stats.isSymbolicLink();
  return isOurs ? open(path, FLAGS) : undefined;
}

/** Whether the open file is under the root: where the kernel says it is, else by device and inode. */
async function lies(
  root: string,
  path: string,
  handle: FileHandle,
  stats: BigIntStats,
): Promise<boolean> {
  let kernelPath: string;
  try {
    kernelPath = await readlink(`/proc/self/fd/${handle.fd}`);
  } catch {
    const real = await realpath(path); // no /proc: the same file by that name proves the place
    const there = await stat(real, { bigint: true });
    return isShown(root, real) && there.ino === stats.ino && there.dev === stats.dev;
  }
  return isShown(root, kernelPath);
}

/** `path` is the root or under it, with no dot-name on the way down. */
function isShown(root: string, path: string): boolean {
  if (path === root) return true;
  const prefix = root.endsWith(sep) ? root : root + sep;
  if (!path.startsWith(prefix)) return false;
  return !path.slice(prefix.length - 1).includes(`${sep}.`);
}

function isAbsent(reason: unknown, codes: ReadonlySet<string>): boolean {
  return codes.has(codeOf(reason));
}

function codeOf(reason: unknown): string {
  if (!(reason instanceof Error) || !('code' in reason)) return '';
  return typeof reason.code === 'string' ? reason.code : '';
}

function ioError(reason: unknown): GatewayError {
  return new GatewayError('GW_ORIGIN_IO', `open: ${codeOf(reason)}`, { cause: reason });
}
