/** Answers of our own: short, plain, never cached, with the code that README explains. */
import { cacheStatus } from '../../../rules/cache-status.js';
import { ERRORS, type ErrorCode } from '../../../errors.js';
import type { EdgeContext } from '../context.js';
import type { Responder } from './responder.js';

/** What a client may know; details that name origins stay in the log. */
const TEXTS: Partial<Record<ErrorCode, string>> = {
  GW_BAD_TARGET: 'the request target is malformed',
  GW_BAD_FRAMING: 'the length of the request body is ambiguous',
  GW_BAD_REQUEST: 'the method or a header field is malformed',
  GW_URL_TOO_LONG: 'the request target is too long',
  GW_HEADERS_TOO_LARGE: 'the header fields are too large',
  GW_BODY_TOO_LARGE: 'the request body is too large',
  GW_BODY_TIMEOUT: 'the request body came too slowly',
  GW_METHOD_NOT_ALLOWED: 'this method is not served here',
  GW_PRECONDITION_FAILED: 'a precondition does not hold',
  GW_RANGE_NOT_SATISFIABLE: 'the range lies outside the object',
  GW_ONLY_IF_CACHED: 'not in the cache, and the request allows nothing else',
  GW_ORIGIN_CONNECT: 'the origin cannot be reached',
  GW_ORIGIN_TIMEOUT: 'the origin did not answer in time',
  GW_ORIGIN_PROTOCOL: 'the origin sent an invalid answer',
  GW_ORIGIN_BODY_SHORT: 'the origin sent less than it announced',
  GW_ORIGIN_BREAKER_OPEN: 'the origin is failing and gets a pause',
  GW_ORIGIN_STATUS: 'the origin failed',
  GW_ORIGIN_IO: 'the origin cannot be read',
  GW_ARENA_FULL: 'no room in the cache at this moment',
  GW_MAILBOX_FULL: 'too much work at this moment',
  GW_WORKER_LOST: 'a part of the node is restarting',
  GW_SHUTTING_DOWN: 'this node is stopping',
  GW_FILL_CANCELLED: 'the transfer was cancelled',
  GW_INTERNAL: 'a defect of the gateway',
};

/** Framing that cannot be trusted poisons what follows on the connection. */
const CLOSING: ReadonlySet<ErrorCode> = new Set([
  'GW_BAD_FRAMING',
  'GW_BODY_TOO_LARGE',
  'GW_BODY_TIMEOUT',
  'GW_HEADERS_TOO_LARGE',
  'GW_SHUTTING_DOWN',
]);

export interface Refusal {
  readonly code: ErrorCode;
  readonly retryAfterS?: number; // 0 or absent: none, unless the code is retryable
  readonly lines?: string; // "\r\nname: value" more
}

export function refuse(context: EdgeContext, responder: Responder, refusal: Refusal): void {
  const { code } = refusal;
  const { status, retryable } = ERRORS[code];
  const { metrics, config, random } = context;
  if (status === 503) metrics.add('refused');
  const retryAfterS = refusal.retryAfterS ?? (retryable ? 1 + Math.floor(random() * 3) : 0);
  const retry = status >= 500 && retryAfterS > 0 ? `\r\nRetry-After: ${retryAfterS}` : '';
  const lines =
    cacheStatus(config.cache.name, { detail: code }) +
    '\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store' +
    '\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Cache-Status, Retry-After' +
    retry +
    (refusal.lines ?? '');
  responder.text(status, lines, `${code}: ${TEXTS[code] ?? 'refused'}\n`, CLOSING.has(code));
}
