/** How origins are asked: time-outs, connections, retries, hedges, breaker. */
import { choice, count, duration, ratio, toggle } from '../kinds.js';
import { group } from './group.js';

export const origin = group({
  connectTimeout: duration('3s', ['10ms', '2m'], 'Longest wait for a connection to an origin.'),
  headersTimeout: duration('10s', ['10ms', '10m'], 'Longest wait for the head of its answer.'),
  bodyTimeout: duration('15s', ['10ms', '10m'], 'Longest silence within the body of its answer.'),
  connections: count(
    64,
    [1, 4096],
    'connections',
    'Connections to each origin from each worker; fills beyond it queue.',
  ),
  keepAlive: duration(
    '4s',
    ['0s', '10m'],
    "How long an idle connection is kept; keep it below the origin's own limit.",
  ),
  retries: count(
    2,
    [0, 10],
    'retries',
    'Further tries of a request that may be repeated safely; each goes to the next origin first.',
  ),
  retryBudget: ratio(
    0.2,
    [0, 1],
    'Retries allowed as a share of requests, so that retries cannot bury an origin in trouble.',
  ),
  preserveHost: toggle(
    false,
    "Send the client's Host to the origin, for origins that serve many names; turns key.host on.",
  ),
  credentials: choice(
    ['send', 'drop'],
    'send',
    'Cookies, Authorization and API keys of GET and HEAD; drop: all ask as nobody, so that lifetimes of ours hold for all.',
  ),
  hedge: group({
    share: ratio(
      0.05,
      [0, 1],
      'Requests that may be asked of the next origin, too, while the first is slower than ever, as a share of all; 0: none.',
    ),
    after: duration(
      '50ms',
      ['1ms', '1m'],
      'Shortest wait before that; else it is twice the 99th percentile of the origin.',
    ),
  }),
  breaker: group({
    failures: count(
      5,
      [1, 1000],
      'failures',
      'Failures within the window below which an origin is never left alone; a path counts once.',
    ),
    share: ratio(
      0.5,
      [0.05, 1],
      'Failed connections, as a share of requests, above which it is left alone; other faults: nearly all.',
    ),
    window: duration('5s', ['1s', '10m'], 'How long each request counts.'),
    cooldown: duration('1s', ['100ms', '10m'], 'How often an origin that is left alone is probed.'),
  }),
});
