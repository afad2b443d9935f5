/**
 * The head of an answer that is not kept: its own field lines behind our Cache-Status. Scripts of any
 * site may read what players ask for; what an unsafe method did, or a cookie brought, only by leave of
 * the origin.
 */
import type { Head, Served } from '../cache/messages.js';
import { plainLines, renderLines, servedStatus } from '../cache/render.js';
import { dateSeconds, parseHttpDate } from '../http/date.js';
import { fieldValue } from '../http/fields.js';
import type { ClientRequest } from './client-request.js';
import type { EdgeContext } from './context.js';

const RENDERED_BY_US = new Set(['cache-status', 'content-length', 'date', 'connection']);

export function passedHead(
  context: EdgeContext,
  { method, fields: asked }: ClientRequest,
  { served, head }: { readonly served: Served; readonly head: Head },
): string {
  const { fields } = head;
  const upstreamStatus = fieldValue(fields, 'cache-status') ?? '';
  const status = servedStatus(context.config.cache.name, served, {
    upstreamStatus,
    ttlS: undefined,
  });
  const passed = fields.filter(([name]) => !RENDERED_BY_US.has(name));
  const reads = method === 'GET' || method === 'HEAD';
  const forAnySite = reads && fieldValue(asked, 'cookie') === undefined;
  return status + (forAnySite ? renderLines(passed) : plainLines(passed));
}

/** What its `Date` says: the origin's, in seconds since the epoch; 0: when it is sent, as there is none. */
export function passedDate({ fields }: Head): number {
  const ms = parseHttpDate(fieldValue(fields, 'date') ?? '');
  return ms === undefined ? 0 : dateSeconds(ms);
}
