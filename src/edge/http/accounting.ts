/** What is counted and logged of each request, when its answer is over. */
import type { EdgeContext } from './context.js';
import type { Responder } from './answer/responder.js';
import type { ClientRequest } from './request/client-request.js';

export function countAnswer({ metrics }: Pick<EdgeContext, 'metrics'>, responder: Responder): void {
  metrics.add('requests');
  responder.whenGone(() => {
    metrics.add('bytesSent', responder.bytesSent);
    if (responder.status >= 500) metrics.add('serverErrors');
    else if (responder.status >= 400) metrics.add('clientErrors');
    else if (responder.left || responder.status === 0) metrics.add('aborted');
  });
}

/** Of a sample of all requests. */
export function logAnswer(
  { access, clock }: Pick<EdgeContext, 'access' | 'clock'>,
  client: Pick<ClientRequest, 'method' | 'upstreamTarget'>,
  responder: Responder,
): void {
  if (!access.sampled()) return;
  responder.whenGone(() => {
    access.write({
      method: client.method,
      target: client.upstreamTarget,
      status: responder.status,
      bytes: responder.bytesSent,
      ms: clock.now() - responder.startedMs,
      cacheStatus: responder.cacheStatus,
    });
  });
}
