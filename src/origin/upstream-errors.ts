/**
 * What undici reports, told as our errors. undici 7 names a cause, not when it struck, and some
 * names mislead (a parse error in the header section of an answer that carries Content-Length is
 * reported as a length mismatch), so the phase of the exchange decides first.
 */
import { GatewayError } from '../errors.js';
import type { ErrorCode } from '../errors.js';

/** `connect`: nothing was sent. `head`: sent, no final status yet. `body`: the status is out. */
export type Phase = 'connect' | 'head' | 'body';

const ANY_PHASE: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_INVALID_ARG: 'GW_BAD_REQUEST', // thrown before anything is sent
  UND_ERR_NOT_SUPPORTED: 'GW_BAD_REQUEST',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'GW_BAD_REQUEST', // the request body broke its own promise
  UND_ERR_DESTROYED: 'GW_SHUTTING_DOWN',
  UND_ERR_CLOSED: 'GW_SHUTTING_DOWN',
  UND_ERR_HEADERS_TIMEOUT: 'GW_ORIGIN_TIMEOUT',
  UND_ERR_BODY_TIMEOUT: 'GW_ORIGIN_TIMEOUT',
  UND_ERR_HEADERS_OVERFLOW: 'GW_ORIGIN_PROTOCOL',
};

const PARSER = 'parser'; // the answer is no HTTP, or ended where HTTP does not end
const SOCKET_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

/** `reason` as a GatewayError; `name` says which origin, in the detail only. */
export function originError(reason: unknown, phase: Phase, name: string): GatewayError {
  if (reason instanceof GatewayError) return reason;
  // undici 7.30 means to add llhttp's name of the fault and adds none, so the class must do.
  const parser = reason instanceof Error && reason.name === 'HTTPParserError';
  const code = parser ? PARSER : codeOf(reason);
  const message = reason instanceof Error ? reason.message : String(reason);
  const detail = `${name}: ${message === '' ? code : message}`;
  return new GatewayError(classify(code, message, phase), detail, { cause: reason });
}

/** True when the connection itself went away, as a kept-alive one may at any moment. */
export function isConnectionLoss(reason: unknown): boolean {
  return SOCKET_CODES.has(codeOf(reason));
}

function classify(code: string, message: string, phase: Phase): ErrorCode {
  const always = ANY_PHASE[code];
  if (always !== undefined) return always;
  if (phase === 'connect') return 'GW_ORIGIN_CONNECT';
  if (phase === 'body') return bodyError(code, message);
  if (code === PARSER || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return 'GW_ORIGIN_PROTOCOL';
  }
  // 'bad response' (a 100 we did not ask for) and 'bad upgrade' (a 101): same code as a lost socket.
  if (code === 'UND_ERR_SOCKET' && message.startsWith('bad ')) return 'GW_ORIGIN_PROTOCOL';
  return 'GW_ORIGIN_IO';
}

function bodyError(code: string, message: string): ErrorCode {
  if (code === PARSER) {
    return message.includes('EOF') ? 'GW_ORIGIN_BODY_SHORT' : 'GW_ORIGIN_PROTOCOL';
  }
  const short = code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || SOCKET_CODES.has(code);
  return short ? 'GW_ORIGIN_BODY_SHORT' : 'GW_ORIGIN_IO';
}

function codeOf(reason: unknown): string {
  if (!(reason instanceof Error) || !('code' in reason)) return '';
  return typeof reason.code === 'string' ? reason.code : '';
}
