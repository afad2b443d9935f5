/**
 * Whoever writes to a file that is to be read. A look at its times tells when a write(2) has begun, never whether
 * it goes on: one that stands still, behind a slow disk or for want of a core, leaves half of its bytes and nothing
 * that changes.
 */
import { isOpenForWriting, writesEnd } from '../../../native/addon.js';
import { GatewayError } from '../../errors.js';

/** A write(2) that takes longer is a disk in trouble. */
const WRITE_MS = 1_000;

/**
 * Resolves when no write(2) that had begun before the call goes on: to whether somebody has the file open
 * for writing still, undefined where nobody can tell. Such a write may be missed without the addon, and
 * while those of two other files are waited for.
 * @throws GatewayError GW_ORIGIN_IO: one has not ended within `patienceMs`
 */
export async function writersAtRest(
  descriptor: number,
  patienceMs = WRITE_MS,
): Promise<boolean | undefined> {
  const isOpen = isOpenForWriting(descriptor);
  const end = isOpen === false ? undefined : writesEnd(descriptor);
  if (end !== undefined && !(await endsWithin(end, patienceMs))) {
    throw new GatewayError('GW_ORIGIN_IO', 'a write to the file does not end');
  }
  return isOpen;
}

async function endsWithin(end: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([end.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}
