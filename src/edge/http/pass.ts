/** Requests that no cache answers: other methods and uncacheable objects, streamed both ways. */
import { invalidatedTargets } from '../../rules/invalidate.js';
import { asGatewayError, ERRORS, GatewayError } from '../../errors.js';
import { hostPrefix } from '../../http/key.js';
import { normalizeReference } from '../../http/target.js';
import type { OriginRequest, OriginResponse } from '../../origin/origin.js';
import { discardBody } from '../../origin/resilience/resilient.js';
import type { ClientRequest } from './request/client-request.js';
import type { EdgeContext } from './context.js';
import { refuse } from './answer/refusal.js';
import { RelayedAnswer } from './answer/relayed-answer.js';
import type { RequestBody } from './request/request-body.js';
import type { Responder } from './answer/responder.js';

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
    if (await relay(context, passing, abort.signal)) return;
    // The origin sent a part in spite of an If-Range that does not hold: now without it.
    const whole = { ...passing, request: withoutRange(request) };
    if (await relay(context, whole, abort.signal)) return;
    throw new GatewayError('GW_ORIGIN_PROTOCOL', 'it sends a part, whatever it is asked for');
  } catch (reason) {
    if (!responder.gone) fail(context, passing, asGatewayError(reason));
  }
}

/** What a client has done wrong is between it and us: it is told, nothing else. */
function fail(context: EdgeContext, passing: Passing, { code, detail }: GatewayError): void {
  const { request, responder } = passing;
  const { source } = ERRORS[code];
  if (source === 'upstream') context.metrics.add('originErrors');
  if (source !== 'client') context.log.warn({ code, detail, path: request.path }, 'pass failed');
  if (responder.headSent) responder.close();
  else refuse(context, responder, { code });
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

/** False: nothing was sent, since a part came that the client does not want. */
async function relay(
  context: EdgeContext,
  passing: Passing,
  signal: AbortSignal,
): Promise<boolean> {
  const { request, responder, fwd } = passing;
  context.metrics.add('originRequests');
  const response = await context.origin.fetch(originRequest(context, passing), signal);
  if (response.status >= 500) context.metrics.add('originErrors');
  await invalidateAfter(context, request, response);
  const { status, headers } = response;
  const answer = new RelayedAnswer({ context, request, responder, skipsUpTo: Infinity });
  const begun = answer.begin({ status, fields: headers }, { hit: false, fwd, fwdStatus: status });
  if (begun !== 'body') {
    discardBody(response.body);
    return begun === 'over';
  }
  for await (const chunk of response.body) {
    context.metrics.add('originBytes', chunk.length);
    await answer.write(chunk);
    if (responder.gone) return true;
  }
  answer.end();
  return true;
}

const OF_RANGES = new Set(['range', 'if-range']);

function withoutRange(request: ClientRequest): ClientRequest {
  const fields = request.fields.filter(([name]) => !OF_RANGES.has(name));
  return { ...request, fields, range: '' };
}

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
    return 'error' in normal ? [] : [prefix + normal.key];
  });
  await asks.invalidate(keys);
}
