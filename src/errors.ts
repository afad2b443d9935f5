/** Every failure we raise on purpose. Imports nothing. README lists the codes; a test compares. */

export const ERRORS = {
  GW_CONFIG_INVALID: { source: 'gateway', status: 500, retryable: false },
  GW_USAGE: { source: 'client', status: 400, retryable: false },
  GW_WARM_FAILED: { source: 'upstream', status: 502, retryable: true },
  GW_PORT_IN_USE: { source: 'gateway', status: 500, retryable: false },
  GW_NATIVE_UNSUPPORTED: { source: 'gateway', status: 500, retryable: false },
  GW_INTERNAL: { source: 'gateway', status: 500, retryable: true },
  GW_WORKER_LOST: { source: 'gateway', status: 503, retryable: true },
  GW_HUNG: { source: 'gateway', status: 500, retryable: false },
  GW_RESTART_LIMIT: { source: 'gateway', status: 500, retryable: false },
  GW_SHUTTING_DOWN: { source: 'gateway', status: 503, retryable: true },
  GW_MAILBOX_FULL: { source: 'gateway', status: 503, retryable: true },
  GW_ARENA_FULL: { source: 'gateway', status: 503, retryable: true },
  GW_FILL_CANCELLED: { source: 'gateway', status: 503, retryable: true },
  GW_ADMIN_UNAUTHORIZED: { source: 'client', status: 401, retryable: false },
  GW_ADMIN_FORBIDDEN: { source: 'client', status: 403, retryable: false },
  GW_ADMIN_UNREACHABLE: { source: 'upstream', status: 502, retryable: true },
  GW_ADMIN_BAD_REQUEST: { source: 'client', status: 400, retryable: false },
  GW_NOT_FOUND: { source: 'client', status: 404, retryable: false },
  GW_FORBIDDEN_PATH: { source: 'client', status: 403, retryable: false },
  GW_BAD_REQUEST: { source: 'client', status: 400, retryable: false },
  GW_BAD_TARGET: { source: 'client', status: 400, retryable: false },
  GW_BAD_FRAMING: { source: 'client', status: 400, retryable: false },
  GW_METHOD_NOT_ALLOWED: { source: 'client', status: 405, retryable: false },
  GW_PRECONDITION_FAILED: { source: 'client', status: 412, retryable: false },
  GW_RANGE_NOT_SATISFIABLE: { source: 'client', status: 416, retryable: false },
  GW_URL_TOO_LONG: { source: 'client', status: 414, retryable: false },
  GW_HEADERS_TOO_LARGE: { source: 'client', status: 431, retryable: false },
  GW_BODY_TOO_LARGE: { source: 'client', status: 413, retryable: false },
  GW_BODY_TIMEOUT: { source: 'client', status: 408, retryable: true },
  GW_CLIENT_ABORTED: { source: 'client', status: 499, retryable: false },
  GW_ONLY_IF_CACHED: { source: 'client', status: 504, retryable: false },
  GW_ORIGIN_CONNECT: { source: 'upstream', status: 502, retryable: true },
  GW_ORIGIN_TIMEOUT: { source: 'upstream', status: 504, retryable: true },
  GW_ORIGIN_PROTOCOL: { source: 'upstream', status: 502, retryable: true },
  GW_ORIGIN_BODY_SHORT: { source: 'upstream', status: 502, retryable: true },
  GW_ORIGIN_CHANGED: { source: 'upstream', status: 502, retryable: true },
  GW_ORIGIN_BREAKER_OPEN: { source: 'upstream', status: 502, retryable: true },
  GW_ORIGIN_BUSY: { source: 'gateway', status: 503, retryable: true },
  GW_ORIGIN_STATUS: { source: 'upstream', status: 502, retryable: true },
  GW_ORIGIN_IO: { source: 'upstream', status: 502, retryable: true },
} as const satisfies Record<
  string,
  { source: 'gateway' | 'client' | 'upstream'; status: number; retryable: boolean }
>;

export type ErrorCode = keyof typeof ERRORS;

/** Branch on `code`. Between threads send `{ code, detail }`: structuredClone drops class and code. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly detail: string;
  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail}`, options);
    this.code = code;
    this.detail = detail;
  }
}

const FROM_ANOTHER_THREAD = /^(GW_[A-Z_]+): (.*)$/s;

/**
 * The error as ours: unknown throwables become GW_INTERNAL with the cause kept. One of ours that
 * crossed threads has lost its class and is known again by its message.
 */
export function asGatewayError(reason: unknown): GatewayError {
  if (reason instanceof GatewayError) return reason;
  const message = reason instanceof Error ? reason.message : String(reason);
  const [, code = '', detail = ''] = FROM_ANOTHER_THREAD.exec(message) ?? [];
  if (isErrorCode(code)) return new GatewayError(code, detail, { cause: reason });
  return new GatewayError('GW_INTERNAL', message, { cause: reason });
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
