/** Builds the one origin that the gateway asks, from what the configuration lists. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import type { Clock } from '../runtime/clock.js';
import { openBundledOrigin } from './bundled.js';
import type { BundledContent } from './bundled.js';
import { openDirectoryOrigin } from './directory.js';
import type { Origin } from './origin.js';
import { openFailoverOrigin, openGuardedOrigin, openRetryingOrigin } from './resilient.js';
import type { GuardedOrigin, OriginStatus } from './resilient.js';
import { openUpstreamOrigin } from './upstream.js';

export interface OriginDeps {
  readonly clock: Pick<Clock, 'now' | 'wall'>;
  readonly random: () => number; // 0 <= n < 1
  readonly bundled: BundledContent; // served when no origin is configured
}

export interface OpenedOrigins extends Origin {
  /** One entry per HTTP upstream, in the order configured. Names hold no secrets. */
  status(): readonly OriginStatus[];
}

type OriginConfig = Pick<Config, 'origins' | 'origin' | 'cache'>;

/**
 * A directory or the bundled sample alone is asked directly; as soon as there is an upstream or a
 * second origin, fail-over and retries stand in front, and a breaker before each upstream.
 * @throws GatewayError GW_CONFIG_INVALID for an origin that cannot be opened.
 */
export function openOrigins(config: OriginConfig, deps: OriginDeps): OpenedOrigins {
  const { clock, random, bundled } = deps;
  const guarded: GuardedOrigin[] = [];
  const status = (): readonly OriginStatus[] => guarded.map((origin) => origin.status());
  if (config.origins.length === 0) {
    return withStatus(openBundledOrigin({ ...bundled, name: 'bundled', clock }), status);
  }
  const origins = config.origins.map((place): Origin => {
    if (!isUrl(place)) return openDirectoryOrigin({ root: place, name: place, clock });
    const origin = openGuardedUpstream(place, config, clock);
    guarded.push(origin);
    return origin;
  });
  const [only] = origins;
  if (only !== undefined && origins.length === 1 && guarded.length === 0) {
    return withStatus(only, status);
  }
  const retrying = openRetryingOrigin(openFailoverOrigin(origins), {
    retries: config.origin.retries,
    budget: config.origin.retryBudget,
    random,
    clock,
    pause: (ms, signal) => sleep(ms, undefined, { signal }),
  });
  return withStatus(retrying, status);
}

function openGuardedUpstream(
  url: string,
  config: OriginConfig,
  clock: Pick<Clock, 'now'>,
): GuardedOrigin {
  const name = URL.canParse(url) ? new URL(url).host : 'origin'; // openUpstreamOrigin refuses the rest
  const settings = config.origin;
  const upstream = openUpstreamOrigin({ url, settings, name, via: config.cache.name });
  const limits = { failures: settings.breaker.failures, cooldownMs: settings.breaker.cooldown };
  return openGuardedOrigin(upstream, { name, limits, clock });
}

/** What begins with a scheme is a URL, if perhaps one that we cannot ask; the rest is a path. */
function isUrl(place: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(place);
}

function withStatus(origin: Origin, status: OpenedOrigins['status']): OpenedOrigins {
  return {
    fetch: (request, signal) => origin.fetch(request, signal),
    close: () => origin.close(),
    status,
  };
}
