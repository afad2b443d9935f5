/** Builds the one origin that the gateway asks, from what the configuration lists. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import type { Clock } from '../runtime/clock.js';
import type { OriginStatus } from '../runtime/worker-messages.js';
import { openBundledOrigin } from './bundled.js';
import type { BundledContent } from './bundled.js';
import { openDirectoryOrigin } from './files/directory.js';
import type { Origin } from './origin.js';
import { openFailingPaths } from './resilience/failing-paths.js';
import { openFailoverOrigin } from './resilience/failover.js';
import type { FailoverCounts } from './resilience/failover.js';
import { openGuardedOrigin } from './resilience/guarded.js';
import type { GuardedOrigin, StandingChange } from './resilience/guarded.js';
import { openRetryingOrigin } from './resilience/resilient.js';
import { openUpstreamOrigin } from './http/upstream.js';

export interface OriginDeps {
  readonly clock: Pick<Clock, 'now' | 'wall'>;
  readonly random: () => number; // 0 <= n < 1
  readonly bundled: BundledContent; // served when no origin is configured
  /** An origin went down, rests or is back; called once for each change. */
  readonly onStanding?: (change: StandingChange) => void;
}

export interface OpenedOrigins extends Origin {
  /** One entry per origin, in the order configured; none for a directory or sample alone. */
  status(): readonly OriginStatus[];
  /** Since the start. */
  readonly counts: Readonly<FailoverCounts>;
}

type OriginConfig = Pick<Config, 'origins' | 'origin' | 'cache'>;

/**
 * A directory or the bundled sample alone is asked directly; as soon as there is an upstream or a
 * second origin, all that resilient.ts lists stands in front.
 * @throws GatewayError GW_CONFIG_INVALID for an origin that cannot be opened.
 */
export function openOrigins(config: OriginConfig, deps: OriginDeps): OpenedOrigins {
  const { clock, random, bundled } = deps;
  const counts: FailoverCounts = { hedges: 0, hedgesWon: 0, resumed: 0 };
  const [first] = config.origins;
  if (first === undefined) {
    return { counts, ...alone(openBundledOrigin({ name: 'bundled', clock, ...bundled })) };
  }
  if (config.origins.length === 1 && !isUrl(first)) {
    return { counts, ...alone(openDirectoryOrigin({ root: first, name: first, clock })) };
  }
  const guarded = config.origins.map((place) =>
    openGuarded(place, config, {
      ...deps,
      onStanding: (change) => {
        deps.onStanding?.(change);
        failover.reconsider();
      },
    }),
  );
  const { hedge, retries, retryBudget } = config.origin;
  const failover = openFailoverOrigin(guarded, { hedgeShare: hedge.share, clock, counts });
  const retrying = openRetryingOrigin(failover, {
    retries,
    origins: guarded.length,
    budget: retryBudget,
    random,
    clock,
    pause: (ms, signal) => sleep(ms, undefined, { signal }),
  });
  const origin = openFailingPaths(retrying, clock);
  return {
    fetch: (request, signal) => origin.fetch(request, signal),
    close: () => origin.close(),
    status: () => guarded.map((one) => one.status()),
    counts,
  };
}

function openGuarded(place: string, config: OriginConfig, deps: OriginDeps): GuardedOrigin {
  const { clock, onStanding } = deps;
  const { breaker, hedge } = config.origin;
  const limits = {
    breaker: {
      failures: breaker.failures,
      share: breaker.share,
      windowMs: breaker.window,
      cooldownMs: breaker.cooldown,
    },
    hedgeAfterMs: hedge.after,
  };
  if (!isUrl(place)) {
    const directory = openDirectoryOrigin({ root: place, name: place, clock });
    return openGuardedOrigin(directory, {
      name: place,
      limits,
      clock,
      ...(onStanding === undefined ? {} : { onChange: onStanding }),
    });
  }
  const name = URL.canParse(place) ? new URL(place).host : 'origin'; // openUpstreamOrigin refuses the rest
  const upstream = openUpstreamOrigin({
    url: place,
    settings: config.origin,
    name,
    via: config.cache.name,
  });
  return openGuardedOrigin(upstream, {
    name,
    limits,
    clock,
    onChange: (change) => {
      if (change.to !== 'well') upstream.dropIdle();
      onStanding?.(change);
    },
  });
}

function alone(origin: Origin): Omit<OpenedOrigins, 'counts'> {
  return {
    fetch: (request, signal) => origin.fetch(request, signal),
    close: () => origin.close(),
    status: () => [],
  };
}

/** What begins with a scheme is a URL, if perhaps one that we cannot ask; the rest is a path. */
function isUrl(place: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(place);
}
