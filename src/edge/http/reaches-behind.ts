/** Ranges of what grows: a file that is appended to, or was just being written. */
import { type Descriptor, isJustWritten, isOld } from '../../protocol/descriptor.js';
import { reachOf } from '../../http/range.js';
import type { ResponsePlan } from './answer/response-plan.js';
import type { ClientRequest } from './request/client-request.js';

/** The range goes past the end of what is stored, where more may be by now: the origin is to be asked. */
export function reachesBehind(
  { range, method }: Pick<ClientRequest, 'range' | 'method'>,
  descriptor: Descriptor,
  { pieces: [piece] }: Pick<ResponsePlan, 'pieces'>,
): boolean {
  const { totalBytes } = descriptor;
  if (piece !== undefined && 'from' in piece && piece.from + piece.length < totalBytes) {
    return false;
  }
  if (method !== 'GET' || range === '' || totalBytes < 0) return false;
  const reach = reachOf(range);
  if (reach === undefined || reach.end < totalBytes) return false;
  // Of what is long written, or is no file at all, there is no more.
  if (descriptor.status !== 200 && descriptor.status !== 206) return false;
  return reach.start >= totalBytes ? !isOld(descriptor) : isJustWritten(descriptor);
}
