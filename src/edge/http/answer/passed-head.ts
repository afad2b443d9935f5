/**
 * The head of an answer that is not kept: its own field lines behind our Cache-Status. Scripts of any
 * site may read what players ask for; what an unsafe method did, or a cookie brought, only by leave of
 * the origin.
 */
import { mayBeCoded } from '../../../protocol/codable.js';
import type { Head, Served } from '../../../protocol/messages.js';
import {
  plainLines,
  renderLines,
  servedStatus,
  withVaryEncoding,
} from '../../../protocol/render.js';
import { dateSeconds, parseHttpDate } from '../../../http/date.js';
import { contentLength, fieldValue } from '../../../http/fields.js';
import type { ClientRequest } from '../request/client-request.js';
import type { EdgeContext } from '../context.js';

const RENDERED_BY_US = new Set(['cache-status', 'content-length', 'date', 'connection']);

export interface PassedHead {
  readonly served: Served;
  readonly head: Head;
  readonly of?: Head; // the origin's, where the client gets a bare 304 for it
}

export function passedHead(
  context: EdgeContext,
  { method, path, fields: asked }: ClientRequest,
  { served, head, of = head }: PassedHead,
): string {
  const { fields } = head;
  const upstreamStatus = fieldValue(fields, 'cache-status') ?? '';
  const status = servedStatus(context.config.cache.name, served, {
    upstreamStatus,
    ttlS: undefined,
  });
  const reads = method === 'GET' || method === 'HEAD';
  const own = fields.filter(([name]) => !RENDERED_BY_US.has(name));
  const passed = reads && isCodable(context, path, of) ? withVaryEncoding(own) : own;
  const forAnySite = reads && fieldValue(asked, 'cookie') === undefined;
  return status + (forAnySite ? renderLines(passed) : plainLines(passed));
}

/** Another time, when it is kept, it may be given in a coding of ours. */
function isCodable({ config }: EdgeContext, path: string, { status, fields }: Head): boolean {
  const contentType = fieldValue(fields, 'content-type');
  if (contentType === undefined) return false;
  const totalBytes = status === 200 ? contentLength(fields) : -1;
  return mayBeCoded({ key: path, status, totalBytes, fields, contentType }, config.compression);
}

/** What its `Date` says: the origin's, in seconds since the epoch; 0: when it is sent, as there is none. */
export function passedDate({ fields }: Head): number {
  const ms = parseHttpDate(fieldValue(fields, 'date') ?? '');
  return ms === undefined ? 0 : dateSeconds(ms);
}
