/** What a request gets, by its method. */
import type { HttpResponse } from '../../../native/uws.js';
import { fieldValue } from '../../http/fields.js';
import { PREFLIGHT_LINES } from '../../protocol/render.js';
import { cacheStatus } from '../../rules/cache-status.js';
import { refuse } from './answer/refusal.js';
import type { Responder } from './answer/responder.js';
import type { EdgeContext } from './context.js';
import { Delivery } from './delivery.js';
import { passThrough } from './pass.js';
import type { ClientRequest } from './request/client-request.js';
import { RequestBody } from './request/request-body.js';

/** What any resource has here; which other methods it takes, its origin says. RFC 9110 section 15.5.6. */
const ALLOWED = '\r\nAllow: GET, HEAD, OPTIONS';

export interface Asked {
  readonly response: HttpResponse;
  readonly client: ClientRequest;
  readonly responder: Responder;
}

/** What answers the request. A body is listened for at once, as its handler must. */
export function answerTo(context: EdgeContext, asked: Asked): () => void {
  const { client, responder } = asked;
  switch (client.method) {
    case 'GET':
    case 'HEAD':
      return () => {
        new Delivery(context, client, responder).start();
      };
    case 'OPTIONS':
      if (!isPlayersPreflight(client)) break;
      return () => {
        preflight(context, responder);
      };
    case 'TRACE':
    case 'CONNECT':
      return () => {
        refuse(context, responder, { code: 'GW_METHOD_NOT_ALLOWED', lines: ALLOWED });
      };
    default:
  }
  return passes(context, asked);
}

function preflight({ config }: EdgeContext, responder: Responder): void {
  responder.cork(() => {
    const status = cacheStatus(config.cache.name, { detail: 'preflight' });
    responder.head(204, `${status}\r\n${PREFLIGHT_LINES}`);
    responder.endWithoutBody(undefined);
  });
}

function passes(context: EdgeContext, { response, client, responder }: Asked): () => void {
  const { limits } = context.config;
  const length = fieldValue(client.rawFields, 'content-length');
  if (length !== undefined && Number(length) > limits.body) {
    responder.ending = 'ours';
    return () => {
      refuse(context, responder, { code: 'GW_BODY_TOO_LARGE' });
    };
  }
  const coded = fieldValue(client.rawFields, 'transfer-encoding') !== undefined;
  const hasBody = coded || (length !== undefined && Number(length) > 0);
  const body = hasBody ? bodyOf(context, response) : undefined;
  if (body !== undefined) {
    responder.whenGone(() => {
      body.leave();
    });
  }
  return () => {
    void passThrough(context, { request: client, responder, body, fwd: 'method' });
  };
}

function bodyOf({ config, clock }: EdgeContext, response: HttpResponse): RequestBody {
  const { body, bodyMinRate, minRateGrace } = config.limits;
  const limits = { maxBytes: body, minRate: bodyMinRate, minRateGraceMs: minRateGrace };
  return new RequestBody(response, limits, () => clock.now());
}

/** Whether scripts may use other methods is for the origin to say: it gets those itself. */
function isPlayersPreflight({ fields }: ClientRequest): boolean {
  const method = fieldValue(fields, 'access-control-request-method');
  return method === 'GET' || method === 'HEAD';
}
