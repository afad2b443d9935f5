/** The head of an answer that is not kept: its own field lines behind our Cache-Status. */
import type { Head, Served } from '../cache/messages.js';
import { servedStatus } from '../cache/render.js';
import { fieldValue } from '../http/fields.js';
import type { EdgeContext } from './context.js';
import { passedLines } from './responder.js';

const RENDERED_BY_US = new Set(['cache-status', 'content-length', 'date', 'connection']);

export function passedHead(
  context: EdgeContext,
  { served, head }: { served: Served; head: Head; method: string },
): string {
  const { fields } = head;
  const upstreamStatus = fieldValue(fields, 'cache-status') ?? '';
  const status = servedStatus(context.config.cache.name, served, {
    upstreamStatus,
    ttlS: undefined,
  });
  return passedLines(
    status,
    fields.filter(([name]) => !RENDERED_BY_US.has(name)),
  );
}
