/** The admin port as the command line uses it. */
import { z } from 'zod';
import { GatewayError, isErrorCode } from '../errors.js';
import { decodeDocument, documentType, encodeDocument, JSON_TYPE, MSGPACK } from './documents.js';
import type { PurgeOrder } from './gateway-control.js';

export interface AdminAddress {
  readonly url: string; // 'http://127.0.0.1:9090'
  readonly token: string; // '' = none
  readonly timeoutMs: number;
}

const PURGED = z.object({ purged: z.number() });
const PROBLEM = z.object({ code: z.string(), detail: z.string() });

/**
 * Sends the order to a running gateway and gives the number of objects purged.
 * @throws GatewayError GW_ADMIN_UNREACHABLE, or the code that the gateway answered with.
 */
export async function sendPurge(
  { url, token, timeoutMs }: AdminAddress,
  order: PurgeOrder,
): Promise<{ readonly purged: number }> {
  const headers: Record<string, string> = { 'Content-Type': MSGPACK, Accept: MSGPACK };
  if (token !== '') headers['Authorization'] = `Bearer ${token}`;
  const reply = await post(`${url}/purge`, headers, { order, timeoutMs });
  const purged = PURGED.safeParse(reply.body);
  if (reply.ok && purged.success) return purged.data;
  const problem = PROBLEM.safeParse(reply.body);
  if (problem.success && isErrorCode(problem.data.code)) {
    throw new GatewayError(problem.data.code, problem.data.detail);
  }
  throw new GatewayError(
    'GW_ADMIN_UNREACHABLE',
    `${url} answered ${reply.status}, not as Headgate`,
  );
}

interface Reply {
  readonly ok: boolean;
  readonly status: number;
  readonly body: unknown;
}

async function post(
  url: string,
  headers: Record<string, string>,
  { order, timeoutMs }: { readonly order: PurgeOrder; readonly timeoutMs: number },
): Promise<Reply> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: encodeDocument(MSGPACK, order),
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error', // the token is for this address alone
    });
    const type = documentType(response.headers.get('content-type') ?? undefined) ?? JSON_TYPE;
    const body = decodeDocument(type, new Uint8Array(await response.arrayBuffer()));
    return { ok: response.ok, status: response.status, body };
  } catch (reason) {
    const cause = reason instanceof Error && reason.cause instanceof Error ? reason.cause : reason;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GatewayError('GW_ADMIN_UNREACHABLE', `${url}: ${why}`, { cause: reason });
  }
}
