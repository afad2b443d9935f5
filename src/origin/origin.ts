/**
 * What every origin is: one call that answers with a status, fields and a body to pull.
 * `test/contract/origin.ts` runs one suite on each implementation.
 */
import type { FieldLines } from '../http/fields.js';
import type { BorrowedBytes } from '../runtime/bytes.js';
import type { Tries } from './resilience/tries.js';

export interface OriginRequest {
  readonly method: string; // as the client sent it: 'GET', 'HEAD', 'POST', …
  readonly target: string; // normalised path plus '?query' when there is one; begins with '/'
  readonly headers: FieldLines; // end-to-end fields only; hop-by-hop ones are already gone
  readonly body?: AsyncIterable<Uint8Array>; // chunks are given away: a socket queues them
  /** Called for each 1xx the upstream sends before its final answer (never 100 or 101). */
  readonly onInformational?: (status: number, headers: FieldLines) => void;
  /** How often it may be sent again, whatever for; whoever does so takes one. Absent: see there. */
  readonly tries?: Tries;
}

/** What a pull of a body gives. */
export type BodyStep = IteratorResult<BorrowedBytes, undefined>;

export interface OriginResponse {
  readonly status: number; // 200..599
  readonly headers: FieldLines; // end-to-end, validated: no CR, LF or NUL in names or values
  /**
   * Chunks, lent until the next pull. Ends normally only when the whole body arrived; throws
   * GatewayError GW_ORIGIN_BODY_SHORT, GW_ORIGIN_TIMEOUT, GW_ORIGIN_PROTOCOL or GW_ORIGIN_IO
   * otherwise. Call `return()` (leave a `for await`) to give up: the upstream request is cancelled.
   */
  readonly body: AsyncIterable<BorrowedBytes>;
  /**
   * A file that may still be being written: we keep it for a moment, `storePlan` says how long. Its
   * Cache-Control is for caches behind us.
   */
  readonly settling?: boolean;
  /** This origin does not look at who asks: what it answers is everybody's. Absent: it may. */
  readonly forEveryone?: boolean;
  readonly origin: string; // which origin answered, for logs; never sent to clients
}

export interface Origin {
  /**
   * @throws GatewayError GW_ORIGIN_CONNECT, GW_ORIGIN_TIMEOUT, GW_ORIGIN_PROTOCOL,
   * GW_ORIGIN_BREAKER_OPEN, GW_ORIGIN_IO, or GW_CLIENT_ABORTED when `signal` aborts.
   */
  fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse>;
  close(): Promise<void>;
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** RFC 9110 section 9.2.2: asking twice has the effect of asking once. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/** RFC 9110 section 9.2.1: asking changes nothing, so that two origins may be asked at once. */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** Safe to send again: idempotent, and no body that may be half sent. */
export function isRepeatable(request: OriginRequest): boolean {
  return request.body === undefined && isIdempotent(request.method);
}

/** What another origin may be sent of a request that has no body; its 1xx would contradict the first's. */
export function copyOf({ method, target, headers }: OriginRequest): OriginRequest {
  return { method, target, headers };
}

/** RFC 9110 section 6.4.1: these end with their header section, whatever its fields say. */
export function isBodyless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}
