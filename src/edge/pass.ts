/** Requests that no cache answers: other methods and uncacheable objects, streamed both ways. */
import { invalidatedTargets } from '../cache/invalidate.js';
import { asGatewayError } from '../errors.js';
import { contentLength, fieldValue, type FieldLines } from '../http/fields.js';
import { hostPrefix } from '../http/key.js';
import { normalizeReference } from '../http/target.js';
import type { OriginRequest, OriginResponse } from '../origin/origin.js';
import { discardBody } from '../origin/resilient.js';
import type { Served } from '../cache/messages.js';
import type { ClientRequest } from './client-request.js';
import type { EdgeContext } from './context.js';
import { refuse } from './refusal.js';
import { RelayWriter } from './relay-writer.js';
import { plainLines, renderLines, servedStatus } from '../cache/render.js';
import type { RequestBody } from './request-body.js';
import type { Responder } from './responder.js';

export interface Passing {
  readonly request: ClientRequest;
  readonly responder: Responder;
  readonly body: RequestBody | undefined;
  readonly fwd: 'bypass' | 'method' | 'uri-miss' | 'request';
}

/** Never rejects: the client gets the origin's answer or a refusal. */
export async function passThrough(context: EdgeContext, passing: Passing): Promise<void> {
  const { request, responder } = passing;
  const abort = new AbortController();
  responder.whenGone(() => {
    abort.abort();
  });
  context.metrics.add('passed');
  try {
    context.metrics.add('originRequests');
    const response = await context.origin.fetch(originRequest(context, passing), abort.signal);
    await invalidateAfter(context, request, response);
    await relay(context, passing, response);
  } catch (reason) {
    if (responder.gone) return;
    const error = asGatewayError(reason);
    context.metrics.add('originErrors');
    context.log.warn({ code: error.code, detail: error.detail, path: request.path }, 'pass failed');
    if (responder.headSent) responder.close();
    else refuse(context, responder, { code: error.code });
  }
}

function originRequest(context: EdgeContext, { request, responder, body }: Passing): OriginRequest {
  return {
    method: request.method,
    target: request.upstreamTarget,
    headers: context.forwarding.passed(request, responder).filter(([name]) => name !== 'expect'),
    ...(body === undefined ? {} : { body }),
    onInformational: (status, fields) => {
      responder.interim({ status, fields });
    },
  };
}

async function relay(
  context: EdgeContext,
  { request, responder, fwd }: Passing,
  response: OriginResponse,
): Promise<void> {
  const { status, headers } = response;
  const served: Served = { hit: false, fwd, fwdStatus: status };
  const writeHead = (): void => {
    responder.head(status, passedHead(context, request, { served, fields: headers }));
  };
  const total = contentLength(headers);
  if (request.method === 'HEAD' || status === 204 || status === 304) {
    discardBody(response.body);
    responder.cork(() => {
      writeHead();
      responder.endWithoutBody(request.method === 'HEAD' && total >= 0 ? total : undefined);
    });
    return;
  }
  const writer = new RelayWriter({ responder, wheel: context.wheel, total, writeHead });
  for await (const chunk of response.body) {
    await writer.write(chunk);
    if (responder.gone) return;
  }
  writer.end();
}

/**
 * Lines of an answer passed on, behind our Cache-Status member. Scripts of any site may read what
 * players ask for; what an unsafe method did, or what a cookie brought, only by leave of the origin.
 */
export function passedHead(
  context: EdgeContext,
  { method, fields: asked }: ClientRequest,
  { served, fields }: { readonly served: Served; readonly fields: FieldLines },
): string {
  const upstreamStatus = fieldValue(fields, 'cache-status') ?? '';
  const status = servedStatus(context.config.cache.name, served, {
    upstreamStatus,
    ttlS: undefined,
  });
  const passed = fields.filter(([name]) => !RENDERED_BY_US.has(name));
  const forAnySite =
    (method === 'GET' || method === 'HEAD') && fieldValue(asked, 'cookie') === undefined;
  return status + (forAnySite ? renderLines(passed) : plainLines(passed));
}

const RENDERED_BY_US = new Set(['cache-status', 'content-length', 'date', 'connection']);

/** Before the client hears of success, nobody gets what it has made outdated (RFC 9111 4.4). */
async function invalidateAfter(
  context: EdgeContext,
  request: ClientRequest,
  { status, headers }: OriginResponse,
): Promise<void> {
  const targets = invalidatedTargets({
    method: request.method,
    status,
    target: request.upstreamTarget,
    host: request.host,
    headers,
  });
  if (targets.length === 0) return;
  const { rules, asks } = context;
  const prefix = hostPrefix(rules.key.host, request.host);
  const keys = targets.flatMap((target) => {
    const normal = normalizeReference(target, rules.key);
    return 'error' in normal ? [] : [{ key: prefix + normal.key, stream: prefix + normal.stream }];
  });
  await asks.invalidate(keys);
}
