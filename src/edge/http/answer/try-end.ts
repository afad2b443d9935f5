/** How the bytes of a body whose length is told are handed to uWS. */
import type { AnswerWriter } from '../../../../native/addon.js';
import type { HttpResponse } from '../../../../native/uws.js';
import { type BorrowedBytes, forThisCall } from '../../../runtime/bytes.js';

/** What uWS holds back of an answer until its cork is lifted, less what it and we put before the fields. */
export const CORKED_BYTES = 16_384 - 2_048;

/**
 * uWS's `tryEnd`. What does not fit its cork it sends in two calls of the kernel, head and body, each of which
 * wakes the client; with `answers` they leave in one.
 */
export function tryEnd(
  response: HttpResponse,
  chunk: BorrowedBytes,
  { total, answers }: { total: number; answers: Pick<AnswerWriter, 'sendBody'> | undefined },
): [ok: boolean, complete: boolean] {
  const bytes = forThisCall(chunk);
  if (answers === undefined || bytes.length <= CORKED_BYTES || response.getWriteOffset() > 0) {
    return response.tryEnd(bytes, total);
  }
  // To have the head corked takes a byte: none at all would be the end to uWS.
  const [ok] = response.tryEnd(bytes.subarray(0, 1), total);
  if (!ok) return [false, false];
  const sent = 1 + answers.sendBody(response, bytes.subarray(1));
  if (sent === bytes.length && sent < total) return [true, false];
  return response.tryEnd(bytes.subarray(sent), total);
}
